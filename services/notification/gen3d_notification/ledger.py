"""What was heard of each job and embedding, so that people are told how it ended and not twice, and nothing
of a session while it is deleted.

The events of a job may contradict one another: a failure may follow a success, a result a failure. The read
model says which of them counts, of a row as it makes them, but with ids and times alone. Notification has no
other state, so its idempotency table keeps this as well; the records go when those do.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta

from botocore.exceptions import ClientError
from gen3d_events import aws, read_model
from gen3d_events.event import Event, Metadata, event_from_envelope
from gen3d_events.ids import ulid_time
from gen3d_events.models import MeshCompleted, SessionDeletionRequested, SessionPurged, SessionRestored
from gen3d_events.retention import RECORD_DAYS

Deletion = SessionDeletionRequested | SessionRestored | SessionPurged


def hear(event: Event) -> bool:
    """Remember an event; whether it is the last word, of all that was heard so far, on its job or embedding.

    It may be asked again of the same event. Of two of a type the one that was heard first counts.
    """
    heard = _words(event)
    answer = aws.client("dynamodb").update_item(
        TableName=os.environ["IDEMPOTENCY_TABLE"],
        Key={"id": {"S": _end(event.metadata)}},
        UpdateExpression=", ".join(
            ["SET expiration = :expiration", *(f"{name} = if_not_exists({name}, :{name})" for name in heard)]
        ),
        ExpressionAttributeValues={
            ":expiration": {"N": str(_expiration())},
            **{
                f":{name}": {"M": {key: {"S": text} for key, text in word.items()}}
                for name, word in heard.items()
            },
        },
        ReturnValues="ALL_NEW",
    )["Attributes"]
    row = {
        name: {key: text["S"] for key, text in value["M"].items()}
        for name, value in answer.items()
        if "M" in value
    }
    word = read_model.last_word(row)
    return word == read_model.attribute(event) and row[word]["event_id"] == event.metadata.event_id


def _words(event: Event) -> dict[str, dict[str, str]]:
    """What an event says, by its attributes. A mesh also tells when there were splats, which may be heard of
    later: a reconstruction that is said to have failed after that has not."""
    about = event.metadata
    entry = read_model.entry(event)
    words = {read_model.attribute(event): {"event_id": about.event_id, "at": entry["at"]}}
    if isinstance(event, MeshCompleted) and about.causation_id:
        at = ulid_time(about.event_id).isoformat()
        words["reconstruction_completed"] = {"event_id": about.causation_id, "at": at}
    return words


def note(event: Deletion) -> None:
    """Remember whether the session is there. Of events in the wrong order the latest counts.

    Their ids are in the order of the acts; `occurred_at` is when an act was told, which may be much later.
    """
    at = f"{event.metadata.event_id} {event.detail_type}"
    try:
        aws.client("dynamodb").put_item(
            TableName=os.environ["IDEMPOTENCY_TABLE"],
            Item={
                "id": {"S": _deletion(event.metadata)},
                "told": {"S": at},
                "expiration": {"N": str(_expiration())},
            },
            ConditionExpression="attribute_not_exists(id) OR told < :at",
            ExpressionAttributeValues={":at": {"S": at}},
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise


def is_deleted(about: Metadata) -> bool:
    """Whether the session is hidden or gone."""
    answer = aws.client("dynamodb").get_item(
        TableName=os.environ["IDEMPOTENCY_TABLE"], Key={"id": {"S": _deletion(about)}}, ConsistentRead=True
    )
    return "Item" in answer and not answer["Item"]["told"]["S"].endswith(SessionRestored.detail_type)


def withhold(event: Event) -> None:
    """Keep the end of a hidden session's job, to be told if the session is restored."""
    about = event.metadata
    aws.client("dynamodb").update_item(
        TableName=os.environ["IDEMPOTENCY_TABLE"],
        Key={"id": {"S": _withheld(about)}},
        UpdateExpression="SET #event = :envelope, expiration = :expiration",
        ExpressionAttributeNames={"#event": about.event_id},
        ExpressionAttributeValues={
            ":envelope": {"S": json.dumps({"detail-type": event.detail_type, "detail": event.detail()})},
            ":expiration": {"N": str(_expiration())},
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
    return f"end#{about.session_id}/{about.job_id or 'embedding'}"


def _deletion(about: Metadata) -> str:
    return f"deletion#{about.session_id}"


def _expiration() -> int:
    return int((datetime.now(UTC) + timedelta(days=RECORD_DAYS)).timestamp())
