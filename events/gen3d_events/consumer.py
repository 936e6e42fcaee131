"""A consumer is a teller that does nothing twice.

    @consumes(ImageUploaded, failed=EmbeddingFailed)
    def handler(event: ImageUploaded) -> Iterator[Event]:
        ...                                 # idempotent effects
        yield EmbeddingStarted(...)         # on the bus before the next line runs

To what teller.py does, this adds powertools' idempotency, a record in the service's table:

- done before: logged and deleted.
- being done elsewhere: tried again later, as after a failure, but never a failure. On its last receive it
  becomes a new message, since the dead-letter queue is no place for what may still succeed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
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
from gen3d_events.event import Event
from gen3d_events.ids import Cause
from gen3d_events.messages import C, hide, is_last, pause, send_again
from gen3d_events.observability import count, logger
from gen3d_events.retention import RECORD_DAYS
from gen3d_events.teller import Failed, Teller


class Consumer(Teller[C]):
    """The handler that `consumes` makes; `consume` is the plain generator, for unit tests."""

    def __init__(
        self,
        consume: Callable[[C], Iterator[Event]],
        causes: tuple[type[Cause], ...],
        failed: Failed | None,
        once: Callable[[C], str] | None,
        unrecorded: tuple[type[Cause], ...],
    ) -> None:
        super().__init__(consume, causes, failed)
        self._unrecorded = unrecorded
        self._once = once or (lambda cause: cause.idempotency_key)
        self._config = IdempotencyConfig(
            expires_after_seconds=RECORD_DAYS * 86_400, response_hook=self._done_before
        )

    def _batch(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        self._config.register_lambda_context(context)
        return super()._batch(event, context)

    def _handle(self, cause: C, record: SQSRecord, context: Any) -> None:
        if isinstance(cause, self._unrecorded):
            super()._handle(cause, record, context)
            return
        try:
            idempotent_function(
                self._work_once,
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

    def _work_once(self, *, key: str, cause: C, last: bool) -> None:
        """Runs inside the idempotency of `key`: the record is complete only if this returns."""
        self._work(cause, last)

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
    """As `tells`, with a record of each message.

    `once` gives what all messages share of which only the first one counts, where that is more than a message
    delivered twice. `unrecorded` are causes of which no record is kept, because to handle one again is
    harmless and costs no more than the record would.
    """
    return lambda consume: Consumer(consume, causes, failed, once, unrecorded)


@cache
def _store() -> DynamoDBPersistenceLayer:
    return DynamoDBPersistenceLayer(
        table_name=os.environ["IDEMPOTENCY_TABLE"], boto3_client=aws.client("dynamodb")
    )
