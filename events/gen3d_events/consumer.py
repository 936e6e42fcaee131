"""A consumer is a generator from an event to events.

    @consumes(ImageUploaded, failed=EmbeddingFailed)
    def handler(event: ImageUploaded) -> Iterator[Event]:
        ...                                 # idempotent effects
        yield EmbeddingStarted(...)         # on the bus before the next line runs

The decorated name is the Lambda handler of a queue. To what messages.py does, this adds:

- done before (powertools' idempotency): logged and deleted.
- being done elsewhere: tried again later, as after a failure, but never a failure. On its last receive it
  becomes a new message, since the dead-letter queue is no place for what may still succeed.
- `UserFault`: the `failed` event with the fault's code is published, and the message is done.
- an exception on the last receive: the `failed` event with `internal_error` is published before the message
  goes to the dead-letter queue.

Event ids follow from the cause (see ids.py), so a run that is repeated publishes the same ids again. Failed
events of one cause are one event, whatever their reason: what has failed stays so, as it was told first.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyAlreadyInProgressError
from aws_lambda_powertools.utilities.idempotency.persistence.datarecord import DataRecord

from gen3d_events import aws
from gen3d_events.codes import codes
from gen3d_events.event import Event
from gen3d_events.ids import Cause, caused
from gen3d_events.messages import C, MessageHandler, MessageInvalid, hide, is_last, pause, send_again
from gen3d_events.models import Failure
from gen3d_events.observability import about, count, logger, measure
from gen3d_events.publisher import publish
from gen3d_events.retention import RECORD_DAYS

__all__ = ["Consumer", "MessageInvalid", "UserFault", "consumes"]

Failed = type[Failure] | Callable[[Any, str, str], Event | None]
"""What tells of work that is given up: a class of failures, or a function of (cause, code, detail)."""


class UserFault(Exception):
    """The work cannot be done, and trying again cannot mend it. `code` is one of codes.py (else KeyError)."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {codes[code].message} {detail}".strip())
        self.code = code
        self.detail = detail


@dataclass
class _Told:
    """What became of one message. A foreign one may not say whom it is about; the events told of it do."""

    published: Counter[str] = field(default_factory=Counter)
    about: dict[str, str] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)

    def summary(self) -> dict[str, Any]:
        figures = {"figures": self.figures} if self.figures else {}
        return {**self.about, "published": dict(self.published), **figures}


class Consumer(MessageHandler[C]):
    """The handler that `consumes` makes; `consume` is the plain generator, for unit tests."""

    def __init__(
        self,
        consume: Callable[[C], Iterator[Event]],
        causes: tuple[type[Cause], ...],
        failed: Failed | None,
        once: Callable[[C], str] | None,
        unrecorded: tuple[type[Cause], ...],
    ) -> None:
        super().__init__(f"{consume.__module__}.{consume.__qualname__}", causes)
        self.consume = consume
        self._unrecorded = unrecorded
        self._once = once or (lambda cause: cause.idempotency_key)
        self._tells = _because(failed) if isinstance(failed, type) else failed
        self._config = IdempotencyConfig(
            expires_after_seconds=RECORD_DAYS * 86_400, response_hook=self._done_before
        )

    def _batch(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        self._config.register_lambda_context(context)
        return super()._batch(event, context)

    def _handle(self, cause: C, record: SQSRecord, context: Any) -> None:
        if isinstance(cause, self._unrecorded):
            self._work(cause=cause, last=is_last(record))
            return
        try:
            idempotent_function(
                self._work,
                data_keyword_argument="key",
                persistence_store=_store(),
                config=self._config,
                key_prefix=self.name,
            )(key=self._once(cause), cause=cause, last=is_last(record))
        except IdempotencyAlreadyInProgressError:
            logger.info("in progress elsewhere", message_id=record.message_id, seconds=self._spent())
            count("Delayed")
            if not is_last(record):
                raise
            send_again(record, pause(record))

    def _failed(self, record: SQSRecord, error: Exception, context: Any) -> None:
        if isinstance(error, IdempotencyAlreadyInProgressError):
            hide(record, pause(record))
        else:
            super()._failed(record, error, context)

    def _work(self, *, cause: C, last: bool, key: str = "") -> None:
        """Runs inside the idempotency of `key`, if any: the record is complete only if this returns."""
        told = _Told()
        try:
            for event in self.consume(cause):
                self._publish(event, cause, told, told.published[event.detail_type])
        except UserFault as fault:
            if self._tells is None:
                raise
            self._publish_failed(cause, told, fault.code, fault.detail)
        except Exception as error:
            if last and not isinstance(error, MessageInvalid):
                self._publish_failed(cause, told, "internal_error", repr(error))
            raise
        logger.info("consumed", **told.summary(), seconds=self._spent())
        count("Consumed")

    def _publish(self, event: Event, cause: C, told: _Told, ordinal: int) -> None:
        event = caused(event, cause, self.name, ordinal)
        publish([event])
        told.published[event.detail_type] += 1
        told.about = about(event)
        told.figures |= measure(event)

    def _publish_failed(self, cause: C, told: _Told, code: str, detail: str) -> None:
        if self._tells is None:
            return
        event = self._tells(cause, code, detail)
        if event is not None:
            self._publish(event, cause, told, 0)

    def _done_before(self, response: Any, idempotent_data: DataRecord) -> Any:
        logger.info("done before", seconds=self._spent())
        count("Duplicate")
        return response


def consumes(
    *causes: type[Cause],
    failed: Failed | None = None,
    once: Callable[[Any], str] | None = None,
    unrecorded: tuple[type[Cause], ...] = (),
) -> Callable[[Callable[[C], Iterator[Event]]], Consumer[C]]:
    """Make a generator the Lambda handler for messages of the given classes (events, or foreign notices).

    `failed` tells of work that is given up: a class of failures, or a function of (cause, code, detail) where
    `because` needs more than a code; the function may give None to stay silent. What it gives must be
    `about` somebody if the cause is foreign. `once` gives what all messages share of which only the first one
    counts, where that is more than a message delivered twice. `unrecorded` are causes of which no record is
    kept, because to handle one again is harmless and costs no more than the record would.
    """
    return lambda consume: Consumer(consume, causes, failed, once, unrecorded)


@cache
def _store() -> DynamoDBPersistenceLayer:
    return DynamoDBPersistenceLayer(
        table_name=os.environ["IDEMPOTENCY_TABLE"], boto3_client=aws.client("dynamodb")
    )


def _because(failure: type[Failure]) -> Callable[[Any, str, str], Event]:
    return lambda _cause, code, detail: failure.because(code, detail)
