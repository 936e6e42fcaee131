"""What people were told of, so that a job's end is told once, and nothing of a session while it is deleted.

The events of a job may contradict one another: a failure may follow a success, a result a failure. The first
end counts, as it does in the read model. Notification has no other state, so its idempotency table keeps this
as well; the records go when those do.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta

from botocore.exceptions import ClientError
from gen3d_events import aws
from gen3d_events.event import Event, Metadata, event_from_envelope
from gen3d_events.models import SessionDeletionRequested, SessionPurged, SessionRestored
from gen3d_events.retention import RECORD_DAYS

Deletion = SessionDeletionRequested | SessionRestored | SessionPurged


def claim_end(event: Event) -> bool:
    """Whether this is the end of its job that counts: the first one that asks, however often it does."""
    return _put(
        _end(event.metadata), event.metadata.event_id, "attribute_not_exists(id) OR told = :told", ":told"
    )


def has_ended(about: Metadata) -> bool:
    """Whether an end of the job was claimed."""
    return _get(_end(about)) is not None


def note(event: Deletion) -> None:
    """Remember whether the session is there. Of events in the wrong order the latest counts.

    Their ids are in the order of the acts; `occurred_at` is when an act was told, which may be much later.
    """
    at = f"{event.metadata.event_id} {event.detail_type}"
    _put(_deletion(event.metadata), at, "attribute_not_exists(id) OR told < :at", ":at")


def is_deleted(about: Metadata) -> bool:
    """Whether the session is hidden or gone."""
    last = _get(_deletion(about))
    return last is not None and not last.endswith(SessionRestored.detail_type)


def withhold(event: Event) -> None:
    """Keep the end of a hidden session's job, to be told if the session is restored."""
    about = event.metadata
    expires = datetime.now(UTC) + timedelta(days=RECORD_DAYS)
    aws.client("dynamodb").update_item(
        TableName=os.environ["IDEMPOTENCY_TABLE"],
        Key={"id": {"S": _withheld(about)}},
        UpdateExpression="SET #event = :envelope, expiration = :expiration",
        ExpressionAttributeNames={"#event": about.event_id},
        ExpressionAttributeValues={
            ":envelope": {"S": json.dumps({"detail-type": event.detail_type, "detail": event.detail()})},
            ":expiration": {"N": str(int(expires.timestamp()))},
        },
    )


def withheld(about: Metadata) -> list[Event]:
    """What was kept of a session, in the order of its events."""
    answer = aws.client("dynamodb").get_item(
        TableName=os.environ["IDEMPOTENCY_TABLE"],
        Key={"id": {"S": _withheld(about)}},
        ConsistentRead=True,
    )
    kept = answer.get("Item", {})
    names = sorted(set(kept) - {"id", "expiration"})
    return [event_from_envelope(json.loads(kept[name]["S"])) for name in names]


def withhold_no_more(event: Event) -> None:
    """Forget one of what was kept: more may have come meanwhile."""
    about = event.metadata
    aws.client("dynamodb").update_item(
        TableName=os.environ["IDEMPOTENCY_TABLE"],
        Key={"id": {"S": _withheld(about)}},
        UpdateExpression="REMOVE #event",
        ExpressionAttributeNames={"#event": about.event_id},
    )


def forget(about: Metadata) -> None:
    """Forget all that was kept of a session."""
    aws.client("dynamodb").delete_item(
        TableName=os.environ["IDEMPOTENCY_TABLE"], Key={"id": {"S": _withheld(about)}}
    )


def _withheld(about: Metadata) -> str:
    return f"withheld#{about.session_id}"


def _end(about: Metadata) -> str:
    return f"end#{about.session_id}/{about.job_id}"


def _deletion(about: Metadata) -> str:
    return f"deletion#{about.session_id}"


def _put(id_: str, told: str, condition: str, value: str) -> bool:
    expires = datetime.now(UTC) + timedelta(days=RECORD_DAYS)
    try:
        aws.client("dynamodb").put_item(
            TableName=os.environ["IDEMPOTENCY_TABLE"],
            Item={
                "id": {"S": id_},
                "told": {"S": told},
                "expiration": {"N": str(int(expires.timestamp()))},
            },
            ConditionExpression=condition,
            ExpressionAttributeValues={value: {"S": told}},
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            return False
        raise
    return True


def _get(id_: str) -> str | None:
    answer = aws.client("dynamodb").get_item(
        TableName=os.environ["IDEMPOTENCY_TABLE"], Key={"id": {"S": id_}}, ConsistentRead=True
    )
    return str(answer["Item"]["told"]["S"]) if "Item" in answer else None
