"""What happened to a person's sessions of late, in one order that is never added to but at its end.

An event's id tells when its cause was, so a later event may have a smaller id than one that was heard before.
Hence each event of a person gets the next number, its position, and what one has missed is all after the
position of the last event that one heard.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from botocore.exceptions import ClientError
from gen3d_events import aws
from gen3d_events.event import Event

KEPT = timedelta(days=1)
_COUNTER_KEPT = timedelta(days=30)
_COUNTER = "last"
"""The row of a person's last position, beside those of the events; it outlives them, and every connection."""

_LONGEST_ID = 26
"""Characters; DynamoDB fails for a key over 1 kB, where an unknown one is just not there."""


_CONDITION = "ConditionalCheckFailed"
"""The reason for which DynamoDB refuses a part of a transaction whose condition does not hold."""

_LASTS_KEPT = 1000
_lasts: dict[str, int] = {}
"""Last positions by user, as this process knew them: where appending tries first, which spares reading them.
One that is out of date is refused, and the refusal tells the true one."""


class Contended(Exception):
    """Others append to the same feed faster than this one; trying again later helps."""


class Entry(NamedTuple):
    """One event at its position, as a socket's message holds it."""

    position: int
    event: dict[str, Any]


class Refusals(NamedTuple):
    """Why DynamoDB refused each part of a transaction: `Code` ("None" for a part that was well), `Item`."""

    counter: dict[str, Any]
    entries: list[dict[str, Any]]


def append(user_id: str, events: Sequence[Event]) -> None:
    """Give the user's events the next positions, in this order, but for those that have one. At most 99.

    Raises Contended; then none was given a position.
    """
    new = list({event.metadata.event_id: event for event in events}.values())
    before = _lasts.get(user_id, 0)
    for _ in range(10):
        refusals = _put(user_id, new, before)
        if refusals is None:
            _keep_last(user_id, before + len(new))
            return
        new = [it for it, entry in zip(new, refusals.entries, strict=True) if entry["Code"] != _CONDITION]
        if not new:
            return
        if refusals.counter["Code"] == _CONDITION:  # and not that another transaction was under way
            before = _last(refusals.counter.get("Item"))
    raise Contended(user_id)


def last(user_id: str) -> int:
    """The position of the newest event; 0 if there was none."""
    return _last(_get(user_id, _COUNTER))


def position(user_id: str, event_id: str) -> int | None:
    """Where an event of the person's stands; None for one that is not theirs, or not kept any more."""
    if len(event_id) > _LONGEST_ID:
        return None
    found = _get(user_id, event_id)
    return int(found["position"]["N"]) if found and "position" in found else None


def after(user_id: str, position: int) -> Iterator[Entry]:
    """What has come after a position, in order."""
    pages = (
        aws.client("dynamodb")
        .get_paginator("query")
        .paginate(
            TableName=os.environ["FEED_TABLE"],
            IndexName="position",
            KeyConditionExpression="user_id = :user AND #position > :position",
            ExpressionAttributeNames={"#position": "position"},
            ExpressionAttributeValues={":user": {"S": user_id}, ":position": {"N": str(position)}},
            ConsistentRead=True,
        )
    )
    for page in pages:
        for item in page["Items"]:
            yield Entry(int(item["position"]["N"]), json.loads(item["event"]["S"]))


def _put(user_id: str, events: Sequence[Event], before: int) -> Refusals | None:
    """Give the events the positions behind `before`, if that is the last one.

    Counter and events change together, so a position that can be read is never followed by a smaller one that
    appears later.
    """
    now, table = datetime.now(UTC), os.environ["FEED_TABLE"]
    counter = {
        "Key": _key(user_id, _COUNTER),
        "UpdateExpression": "SET #last = :last, expires_at = :expires",
        "ConditionExpression": "#last = :before" if before else "attribute_not_exists(#last)",
        "ExpressionAttributeNames": {"#last": "last"},
        "ExpressionAttributeValues": {
            ":last": {"N": str(before + len(events))},
            ":expires": _seconds(now + _COUNTER_KEPT),
            **({":before": {"N": str(before)}} if before else {}),
        },
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    entries = [
        {
            "Item": {
                **_key(user_id, event.metadata.event_id),
                "position": {"N": str(position)},
                "event": {"S": json.dumps(_shown(event), separators=(",", ":"))},
                "expires_at": _seconds(now + KEPT),
            },
            "ConditionExpression": "attribute_not_exists(event_id)",
        }
        for position, event in enumerate(events, before + 1)
    ]
    try:
        aws.client("dynamodb").transact_write_items(
            TransactItems=[
                {"Update": {"TableName": table, **counter}},
                *({"Put": {"TableName": table, **entry}} for entry in entries),
            ]
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "TransactionCanceledException":
            raise
        counter_refused, *entries_refused = error.response["CancellationReasons"]
        return Refusals(counter_refused, entries_refused)
    return None


def _keep_last(user_id: str, position: int) -> None:
    if len(_lasts) >= _LASTS_KEPT:
        _lasts.clear()
    _lasts[user_id] = position


def _last(counter: dict[str, Any] | None) -> int:
    return int(counter["last"]["N"]) if counter else 0


def _shown(event: Event) -> dict[str, Any]:
    """The event without the technical detail of a failure, which is for operators."""
    detail = event.detail()
    detail["data"].pop("detail_text", None)
    return {"detail-type": event.detail_type, "detail": detail}


def _get(user_id: str, event_id: str) -> dict[str, Any] | None:
    answer = aws.client("dynamodb").get_item(
        TableName=os.environ["FEED_TABLE"], Key=_key(user_id, event_id), ConsistentRead=True
    )
    found: dict[str, Any] | None = answer.get("Item")
    return found


def _key(user_id: str, event_id: str) -> dict[str, dict[str, str]]:
    return {"user_id": {"S": user_id}, "event_id": {"S": event_id}}


def _seconds(at: datetime) -> dict[str, str]:
    return {"N": str(int(at.timestamp()))}
