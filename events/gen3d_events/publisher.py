"""Events onto the bus: every entry of every reply is checked, and only what failed is sent again."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Iterator, Sequence
from typing import Any

from gen3d_events import aws
from gen3d_events.event import Event

MAX_EVENT_BYTES = 64 * 1024
MAX_CALL_BYTES = 256 * 1024
MAX_CALL_ENTRIES = 10
MAX_ATTEMPTS = 4
BACKOFF_SECONDS = 0.1


class EventTooLarge(ValueError):
    """An event exceeds our budget of 64 KB; what is large belongs into S3, and its key into the event."""


class PublishFailed(RuntimeError):
    """The bus refused some events for good. `refused` names them as (detail-type, event id, error code)."""

    def __init__(self, refused: list[tuple[str, str, str]]) -> None:
        super().__init__(f"{len(refused)} event(s) could not be published: {refused}")
        self.refused = refused


def put_events_entry(event: Event, bus: str) -> dict[str, Any]:
    """An event that has its metadata as an entry of PutEvents. Raises EventTooLarge."""
    entry = {
        "EventBusName": bus,
        "Source": event.source,
        "DetailType": event.detail_type,
        "Detail": json.dumps(event.detail(), separators=(",", ":"), ensure_ascii=False),
    }
    if (size := _size(entry)) > MAX_EVENT_BYTES:
        raise EventTooLarge(f"{event.detail_type} takes {size} bytes, but {MAX_EVENT_BYTES} are allowed")
    return entry


def publish(events: Sequence[Event], client: Any = None) -> None:
    """Put events, which must have their metadata, on the bus named by BUS_NAME.

    Raises EventTooLarge before anything is sent, and PublishFailed if the bus still refuses some events after
    a few attempts; the others are then published.
    """
    client = client or aws.client("events")
    entries = [put_events_entry(event, os.environ["BUS_NAME"]) for event in events]
    refused: list[tuple[dict[str, Any], str]] = []
    for call in _calls(entries):
        refused += _put(client, call)
    if refused:
        raise PublishFailed(
            [(e["DetailType"], json.loads(e["Detail"])["metadata"]["event_id"], code) for e, code in refused]
        )


def _put(client: Any, entries: list[dict[str, Any]]) -> list[tuple[dict[str, Any], str]]:
    """What the bus still refuses after all attempts, with its error codes."""
    refused: list[tuple[dict[str, Any], str]] = []
    for attempt in range(MAX_ATTEMPTS):
        if attempt:
            time.sleep(BACKOFF_SECONDS * 2**attempt * random.uniform(0.5, 1))  # noqa: S311
        answers = client.put_events(Entries=entries)["Entries"]
        refused = [
            (entry, answer["ErrorCode"])
            for entry, answer in zip(entries, answers, strict=True)
            if answer.get("ErrorCode")
        ]
        if not refused:
            break
        entries = [entry for entry, _ in refused]
    return refused


def _size(entry: dict[str, Any]) -> int:
    """Bytes as EventBridge counts them (no Time is given)."""
    return sum(len(entry[field].encode()) for field in ("Source", "DetailType", "Detail"))


def _calls(entries: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    call: list[dict[str, Any]] = []
    size = 0
    for entry in entries:
        if len(call) == MAX_CALL_ENTRIES or size + _size(entry) > MAX_CALL_BYTES:
            yield call
            call, size = [], 0
        call.append(entry)
        size += _size(entry)
    if call:
        yield call
