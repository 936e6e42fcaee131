"""A consumer is a generator from an event to events.

    @consumes(ImageUploaded, failed=EmbeddingFailed)
    def handler(event: ImageUploaded) -> Iterator[Event]:
        ...                                 # idempotent effects
        yield EmbeddingStarted(...)         # on the bus before the next line runs

The decorated name is the Lambda handler of an SQS queue fed by an EventBridge rule or by SNS (raw delivery).
powertools does the batch with its partial failures, idempotency, logs, metrics and traces; this module says
what becomes of a message:

- done: deleted. If it was done before: logged and deleted.
- being done elsewhere: hidden until the other run must have ended. Never a failure.
- `MessageInvalid` (not of the contract, or so judged by the generator): visible again at once, so it reaches
  the dead-letter queue without holding up others.
- `UserFault`: the `failed` event with the fault's code is published, and the message is done.
- any other exception: hidden for RETRY_BASE_SECONDS * 2^(n-1) after its n-th receive. On the last receive
  (MAX_RECEIVE_COUNT) the `failed` event with `internal_error` is published before the message goes to the
  dead-letter queue.

Event ids follow from the cause (see ids.py), so a run that is repeated publishes the same ids again.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from typing import Any, Generic, TypeVar

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
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
from gen3d_events.models import Failure
from gen3d_events.observability import context_keys, count, logger, observed
from gen3d_events.publisher import publish

ARCHIVE_DAYS = 14
"""How long the bus's archive can replay an event (the template's RetentionDays)."""

RECORD_DAYS = 30
"""How long it is remembered that an event was consumed: longer than a replay can bring it back."""

C = TypeVar("C", bound=Cause)

Failed = type[Failure] | Callable[[Any, str, str], Event | None]
"""What tells of work that is given up: a class of failures, or a function of (cause, code, detail)."""


class UserFault(Exception):
    """The work cannot be done, and trying again cannot mend it. `code` is one of codes.py (else KeyError)."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {codes[code].message} {detail}".strip())
        self.code = code
        self.detail = detail


class MessageInvalid(ValueError):
    """A message that no try can consume: not JSON, not of the contract, or not for this consumer."""


class Consumer(Generic[C]):
    """A Lambda handler for SQS events; `consume` is the plain generator, for unit tests."""

    def __init__(
        self, consume: Callable[[C], Iterator[Event]], causes: tuple[type[Cause], ...], failed: Failed | None
    ) -> None:
        self.consume = consume
        self.name = f"{consume.__module__}.{consume.__qualname__}"
        self.causes = {cause.detail_type: cause for cause in causes}
        self._failed = _because(failed) if isinstance(failed, type) else failed
        self._config = IdempotencyConfig(
            expires_after_seconds=RECORD_DAYS * 86_400, response_hook=self._done_before
        )
        self._invoke = observed(self._batch)

    def __call__(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        """`{"batchItemFailures": [{"itemIdentifier": messageId}, ...]}` for the messages that failed."""
        answer: dict[str, Any] = self._invoke(event, context)
        return answer

    def _batch(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        self._config.register_lambda_context(context)
        processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
        return {**process_partial_response(event, self._message, processor, context)}

    def _message(self, record: SQSRecord, lambda_context: Any) -> None:
        receives = int(record.attributes.approximate_receive_count)
        last = receives >= int(os.environ["MAX_RECEIVE_COUNT"])
        with ExitStack() as keys:
            try:
                cause = self._cause(record.body)
                keys.enter_context(context_keys(self.name, **_keys(cause)))
                self._once(key=cause.idempotency_key, cause=cause, last=last)
            except IdempotencyAlreadyInProgressError:
                logger.info("in progress elsewhere", message_id=record.message_id)
                count("Delayed")
                _hide(record, lambda_context.get_remaining_time_in_millis() // 1000 + 1)
                raise
            except MessageInvalid:
                logger.exception("refused", message_id=record.message_id)
                count("Refused")
                _hide(record, 0)
                raise
            except Exception:
                logger.exception("failed", message_id=record.message_id, receives=receives, last=last)
                count("Failed" if last else "Retried")
                _hide(record, 0 if last else int(os.environ["RETRY_BASE_SECONDS"]) * 2 ** (receives - 1))
                raise

    def _cause(self, body: str) -> Any:
        try:
            envelope = json.loads(body)
            return self.causes[envelope.get("detail-type", "")].from_envelope(envelope)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise MessageInvalid(f"not a message for {self.name}: {error!r}") from error

    def _once(self, *, key: str, cause: C, last: bool) -> None:
        idempotent_function(
            self._work,
            data_keyword_argument="key",
            persistence_store=_store(),
            config=self._config,
            key_prefix=self.name,
        )(key=key, cause=cause, last=last)

    def _work(self, *, key: str, cause: C, last: bool) -> None:
        """Runs inside the idempotency of `key`: the record is complete only if this returns."""
        ordinals: Counter[str] = Counter()
        try:
            for event in self.consume(cause):
                self._publish(event, cause, ordinals[event.detail_type])
                ordinals[event.detail_type] += 1
        except UserFault as fault:
            if self._failed is None:
                raise
            self._publish_failed(cause, fault.code, fault.detail)
        except Exception as error:
            if last and not isinstance(error, MessageInvalid):
                self._publish_failed(cause, "internal_error", repr(error))
            raise
        logger.info("consumed", published=dict(ordinals))
        count("Consumed")

    def _publish(self, event: Event, cause: C, ordinal: int) -> None:
        publish([caused(event, cause, self.name, ordinal)])

    def _publish_failed(self, cause: C, code: str, detail: str) -> None:
        if self._failed is None:
            return
        event = self._failed(cause, code, detail)
        if event is not None:
            self._publish(event, cause, 0)

    @staticmethod
    def _done_before(response: Any, idempotent_data: DataRecord) -> Any:
        logger.info("done before")
        count("Duplicate")
        return response


def consumes(
    *causes: type[Cause], failed: Failed | None = None
) -> Callable[[Callable[[C], Iterator[Event]]], Consumer[C]]:
    """Make a generator the Lambda handler for messages of the given classes (events, or foreign notices).

    `failed` tells of work that is given up: a class of failures, or a function of (cause, code, detail) where
    `because` needs more than a code; the function may give None to stay silent. What it gives must be
    `about` somebody if the cause is foreign.
    """
    return lambda consume: Consumer(consume, causes, failed)


@cache
def _store() -> DynamoDBPersistenceLayer:
    return DynamoDBPersistenceLayer(
        table_name=os.environ["IDEMPOTENCY_TABLE"], boto3_client=aws.client("dynamodb")
    )


def _hide(record: SQSRecord, seconds: int) -> None:
    aws.client("sqs").change_message_visibility(
        QueueUrl=os.environ["QUEUE_URL"], ReceiptHandle=record.receipt_handle, VisibilityTimeout=seconds
    )


def _because(failure: type[Failure]) -> Callable[[Any, str, str], Event]:
    return lambda _cause, code, detail: failure.because(code, detail)


def _keys(cause: Cause) -> dict[str, str | None]:
    """What every log line and trace of this message carries."""
    keys: dict[str, str | None] = {"cause": cause.detail_type, "cause_id": cause.idempotency_key}
    if isinstance(cause, Event):
        about = cause.metadata
        keys |= {
            "correlation_id": about.correlation_id,
            "session_id": about.session_id,
            "job_id": about.job_id,
        }
    return keys
