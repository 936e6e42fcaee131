"""What becomes of a message of an SQS queue fed by an EventBridge rule or by SNS (raw delivery).

powertools does the batch with its partial failures, logs, metrics and traces; this module decides:

- handled: deleted.
- `MessageInvalid` (not of the contract, or so judged by the handler): visible again at once, so it reaches
  the dead-letter queue without holding up others.
- any other exception: hidden for RETRY_BASE_SECONDS * 2^(n-1) after its n-th receive. After the last one
  (MAX_RECEIVE_COUNT) it goes to the dead-letter queue.
"""

from __future__ import annotations

import json
import os
import re
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from time import perf_counter
from typing import Any, Generic, TypeVar

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from gen3d_events import aws
from gen3d_events.event import JOB_ID, SESSION_ID, Event
from gen3d_events.ids import Cause
from gen3d_events.notices import Notice
from gen3d_events.observability import about, context_keys, count, logger, observed

MAX_DELAY_SECONDS = 900
"""The longest that SQS holds back a new message."""

_STORY = {"correlation_id": SESSION_ID, "session_id": SESSION_ID, "job_id": JOB_ID}

C = TypeVar("C", bound=Cause)


class MessageInvalid(ValueError):
    """A message that no try can handle: not JSON, not of the contract, or not for this function."""


class MessageHandler(ABC, Generic[C]):
    """A Lambda handler for the messages of one queue. causes: the classes of their bodies by detail-type."""

    def __init__(self, name: str, causes: tuple[type[Cause], ...]) -> None:
        self.name = name
        self.causes = {cause.detail_type: cause for cause in causes}
        self._invoke = observed(self._batch)
        self._began = perf_counter()

    def __call__(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        """`{"batchItemFailures": [{"itemIdentifier": messageId}, ...]}` for the messages that failed."""
        answer: dict[str, Any] = self._invoke(event, context)
        return answer

    @abstractmethod
    def _handle(self, cause: C, record: SQSRecord, context: Any) -> None:
        """What is done with one message; whatever is raised leaves it in the queue."""

    def _batch(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
        return {**process_partial_response(event, self._message, processor, context)}

    def _message(self, record: SQSRecord, lambda_context: Any) -> None:
        self._began = perf_counter()
        with ExitStack() as keys:
            try:
                cause = self._cause(record.body)
                keys.enter_context(self._context(cause))
                self._handle(cause, record, lambda_context)
            except Exception as error:
                self._failed(record, error, lambda_context)
                raise

    def _cause(self, body: str) -> Any:
        try:
            envelope = json.loads(body)
            return self.causes[envelope.get("detail-type", "")].from_envelope(envelope)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise MessageInvalid(f"not a message for {self.name}: {error!r}") from error

    def _context(self, cause: Cause) -> AbstractContextManager[None]:
        """Log lines within carry whom the message is about."""
        return context_keys(self.name, **_keys(cause))

    def _spent(self) -> float:
        """Seconds since the message in hand was begun. Only the one line that sums up a message says it."""
        return round(perf_counter() - self._began, 3)

    def _failed(self, record: SQSRecord, error: Exception, context: Any) -> None:
        """Log a failure, called where it is handled, and set when the message comes back."""
        if isinstance(error, MessageInvalid):
            told = _told_story(record.body)
            logger.exception("refused", message_id=record.message_id, seconds=self._spent(), **told)
            count("Refused")
            hide(record, 0)
            return
        last = is_last(record)
        logger.exception(
            "failed",
            message_id=record.message_id,
            receives=_receives(record),
            last=last,
            seconds=self._spent(),
        )
        count("Failed" if last else "Retried")
        hide(record, 0 if last else pause(record))


def hide(record: SQSRecord, seconds: int) -> None:
    """Let the message be received again in `seconds`."""
    aws.client("sqs").change_message_visibility(
        QueueUrl=os.environ["QUEUE_URL"], ReceiptHandle=record.receipt_handle, VisibilityTimeout=seconds
    )


def send_again(record: SQSRecord, seconds: int) -> None:
    """Put a copy of the message into its queue, to be received in `seconds` for the first of all times."""
    aws.client("sqs").send_message(
        QueueUrl=os.environ["QUEUE_URL"],
        MessageBody=record.body,
        DelaySeconds=min(seconds, MAX_DELAY_SECONDS),
    )


def pause(record: SQSRecord) -> int:
    """Seconds until a message should be tried again: twice as many after each receive."""
    seconds: int = int(os.environ["RETRY_BASE_SECONDS"]) * 2 ** (_receives(record) - 1)
    return seconds


def is_last(record: SQSRecord) -> bool:
    """Whether the queue gives the message to its dead-letter queue if it fails now."""
    return _receives(record) >= int(os.environ["MAX_RECEIVE_COUNT"])


def _receives(record: SQSRecord) -> int:
    return int(record.attributes.approximate_receive_count)


def _keys(cause: Cause) -> dict[str, str | float | None]:
    """What every log line and trace of this message carries."""
    waited = (datetime.now(UTC) - cause.occurred_at).total_seconds()
    return {
        "cause": cause.detail_type or type(cause).__name__,
        "cause_id": cause.idempotency_key,
        "waited_seconds": max(0.0, round(waited, 3)),
        **_story(cause),
    }


def _told_story(body: str) -> dict[str, Any]:
    """The keys of `about` as a message says them that is refused: those of their right form alone."""
    try:
        metadata = json.loads(body)["detail"]["metadata"]
        told = {key: str(metadata[key]) for key in _STORY if key in metadata}
    except (ValueError, LookupError, TypeError, RecursionError):
        return {}
    return {key: value for key, value in told.items() if re.fullmatch(_STORY[key], value)}


def _story(cause: Cause) -> dict[str, str]:
    """The keys of `about`; of a foreign message as many as can be known of it alone."""
    if isinstance(cause, Event):
        return about(cause)
    known = cause.story if isinstance(cause, Notice) else {}
    return {"correlation_id": known["session_id"], **known} if "session_id" in known else known
