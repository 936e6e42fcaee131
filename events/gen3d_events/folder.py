"""A folder takes events into a state that minds neither their order nor their repetition.

    @folds(*Event.registry.values(), into=session)
    def handler(event: Event) -> Hashable:
        return event.metadata.session_id    # what it is folded into

It publishes nothing, and needs no record of what was done before. `into` is called once a batch for each
thing that events are folded into, with those events, and is commutative and idempotent; if it raises, their
messages come back, and are folded again.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Generic, NamedTuple, TypeVar

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from gen3d_events.event import Event
from gen3d_events.messages import MessageHandler
from gen3d_events.observability import count, logger

T = TypeVar("T", bound=Hashable)

Into = Callable[[T, Sequence[Event]], None]


class _Waiting(NamedTuple):
    """A message whose event waits for the end of its batch. began: as `perf_counter` told."""

    cause: Event
    record: SQSRecord
    began: float


class Folder(MessageHandler[Event], Generic[T]):
    """The handler that `folds` makes; `target` and `into` are the plain functions, for unit tests."""

    def __init__(self, target: Callable[[Event], T], causes: tuple[type[Event], ...], into: Into[T]) -> None:
        super().__init__(f"{target.__module__}.{target.__qualname__}", causes)
        self.target = target
        self.into = into
        self._waiting: dict[T, list[_Waiting]] = {}

    def _handle(self, cause: Event, record: SQSRecord, context: Any) -> None:
        waiting = self._waiting.setdefault(self.target(cause), [])
        waiting.append(_Waiting(cause, record, self._began))

    def _batch(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        self._waiting = {}
        answer = super()._batch(event, context)
        for target, messages in self._waiting.items():
            try:
                self.into(target, [message.cause for message in messages])
            except Exception as error:  # one that fails must not keep the others
                answer["batchItemFailures"] += [{"itemIdentifier": it.record.message_id} for it in messages]
                for message in messages:
                    with self._again(message):
                        self._left(message.record, error, context)
            else:
                for message in messages:
                    with self._again(message):
                        self._done()
        return answer

    @contextmanager
    def _again(self, message: _Waiting) -> Iterator[None]:
        """Take a message in hand once more: its batch has come to an end."""
        self._began = message.began
        with self._context(message.cause):
            yield

    def _done(self) -> None:
        logger.info("folded", seconds=self._spent())
        count("Consumed")

    def _left(self, record: SQSRecord, error: Exception, context: Any) -> None:
        """Set when a message comes back; if not even that succeeds, the queue's own time is waited for."""
        try:
            self._failed(record, error, context)
        except Exception:
            logger.exception("not hidden", message_id=record.message_id)


def folds(*causes: type[Event], into: Into[T]) -> Callable[[Callable[[Event], T]], Folder[T]]:
    """Make a function that says what an event is folded into the Lambda handler for messages of the given
    classes. `into` does it."""
    return lambda target: Folder(target, causes, into)
