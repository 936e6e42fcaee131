"""A folder takes events into a state that minds neither their order nor their repetition.

    @folds(*Event.registry.values(), then=render)
    def handler(event: Event) -> Hashable:
        ...                                 # commutative and idempotent
        return event.metadata.session_id    # what was touched

It publishes nothing, and needs no record of what was done before. `then` is called once a batch with each
thing that was touched, and the events that touched it; if it raises, their messages come back, and are
folded again.
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

Then = Callable[[T, Sequence[Event]], None]


class _Folded(NamedTuple):
    """A message that is folded, and not yet rendered. began: as `perf_counter` told."""

    cause: Event
    record: SQSRecord
    began: float


class Folder(MessageHandler[Event], Generic[T]):
    """The handler that `folds` makes; `fold` and `then` are the plain functions, for unit tests."""

    def __init__(
        self, fold: Callable[[Event], T | None], causes: tuple[type[Event], ...], then: Then[T]
    ) -> None:
        super().__init__(f"{fold.__module__}.{fold.__qualname__}", causes)
        self.fold = fold
        self.then = then
        self._touched: dict[T, list[_Folded]] = {}

    def _handle(self, cause: Event, record: SQSRecord, context: Any) -> None:
        touched = self.fold(cause)
        if touched is None:
            self._done()
        else:
            self._touched.setdefault(touched, []).append(_Folded(cause, record, self._began))

    def _batch(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        self._touched = {}
        answer = super()._batch(event, context)
        for touched, messages in self._touched.items():
            try:
                self.then(touched, [message.cause for message in messages])
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
    def _again(self, message: _Folded) -> Iterator[None]:
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


def folds(*causes: type[Event], then: Then[T]) -> Callable[[Callable[[Event], T | None]], Folder[T]]:
    """Make a function of an event the Lambda handler for messages of the given classes.

    The function gives what the event touched, or None for nothing that `then` must know.
    """
    return lambda fold: Folder(fold, causes, then)
