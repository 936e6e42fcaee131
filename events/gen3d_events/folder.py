"""A folder takes events into a state that minds neither their order nor their repetition.

    @folds(*Event.registry.values(), then=render)
    def handler(event: Event) -> Hashable:
        ...                                 # commutative and idempotent
        return event.metadata.session_id    # what was touched

It publishes nothing, and needs no record of what was done before. `then` is called once a batch with each
thing that was touched; if it raises, the messages that touched it come back, and are folded again.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from gen3d_events.event import Event
from gen3d_events.messages import MessageHandler
from gen3d_events.observability import count, logger

T = TypeVar("T", bound=Hashable)


class Folder(MessageHandler[Event], Generic[T]):
    """The handler that `folds` makes; `fold` and `then` are the plain functions, for unit tests."""

    def __init__(
        self, fold: Callable[[Event], T | None], causes: tuple[type[Event], ...], then: Callable[[T], None]
    ) -> None:
        super().__init__(f"{fold.__module__}.{fold.__qualname__}", causes)
        self.fold = fold
        self.then = then
        self._touched: dict[T, list[tuple[Event, SQSRecord]]] = {}

    def _handle(self, cause: Event, record: SQSRecord, context: Any) -> None:
        touched = self.fold(cause)
        logger.info("folded")
        if touched is None:
            count("Consumed")
        else:
            self._touched.setdefault(touched, []).append((cause, record))

    def _batch(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        self._touched = {}
        answer = super()._batch(event, context)
        for touched, messages in self._touched.items():
            try:
                self.then(touched)
            except Exception as error:  # one that fails must not keep the others
                answer["batchItemFailures"] += [{"itemIdentifier": it.message_id} for _, it in messages]
                for cause, record in messages:
                    self._left(cause, record, error, context)
            else:
                for _ in messages:
                    count("Consumed")
        return answer

    def _left(self, cause: Event, record: SQSRecord, error: Exception, context: Any) -> None:
        """Set when a message comes back; if not even that succeeds, the queue's own time is waited for."""
        with self._context(cause):
            try:
                self._failed(record, error, context)
            except Exception:
                logger.exception("not hidden", message_id=record.message_id)


def folds(
    *causes: type[Event], then: Callable[[T], None]
) -> Callable[[Callable[[Event], T | None]], Folder[T]]:
    """Make a function of an event the Lambda handler for messages of the given classes.

    The function gives what the event touched, or None for nothing that `then` must know.
    """
    return lambda fold: Folder(fold, causes, then)
