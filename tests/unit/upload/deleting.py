"""A session's deletion, step by step, and what there is of it then."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from gen3d_events import aws, keys
from gen3d_events.event import Event
from gen3d_events.samples import BUCKET, JOB, SESSION, USER
from gen3d_upload import progress, rows, watchdog

from tests.unit.upload.asking import accepted, call
from tests.unit.upload.conftest import Context

GRACE = timedelta(days=7)
PREFIX = keys.session_prefix(USER, SESSION)
OTHERS = keys.session_prefix(USER, "ses_01KAH6ECR007Z9N1BWWN9J5D3R")

Published = Callable[[], list[Event]]


def two_versions(s3: Any) -> None:
    """A session with a job, and objects of several versions; a neighbour beside it."""
    accepted()
    rows.create(USER, SESSION, JOB, options={})
    for key in (
        f"{PREFIX}photo.jpg",
        f"{PREFIX}jobs/{JOB}/splat.ply",
        keys.incoming_photo(USER, SESSION),
        f"{OTHERS}photo.jpg",
    ):
        for content in (b"first", b"second"):
            s3.put_object(Bucket=BUCKET, Key=key, Body=content)
    s3.delete_object(Bucket=BUCKET, Key=f"{PREFIX}photo.jpg")


def look() -> dict[str, int]:
    answer: dict[str, int] = watchdog.handler({}, Context())
    return answer


def delete() -> dict[str, str]:
    found = call("DELETE", f"/sessions/{SESSION}")
    assert found.status == 202
    body: dict[str, str] = found.body
    return body


def end_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DELETION_GRACE_SECONDS", "0")


def fold(events: list[Event]) -> None:
    for event in events:
        progress.handler.into(progress.handler.target(event), [event])


def versions(prefix: str) -> int:
    found = aws.client("s3").list_object_versions(Bucket=BUCKET, Prefix=prefix)
    return len(found.get("Versions", [])) + len(found.get("DeleteMarkers", []))


def left() -> tuple[int, int]:
    """Rows and object versions of the session."""
    row, job = rows.get(USER, SESSION), rows.get(USER, SESSION, JOB)
    return sum(map(bool, (row, job))), versions(PREFIX) + versions(keys.incoming_prefix(USER, SESSION))
