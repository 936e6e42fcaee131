"""A session with a job, what progress hears of it, and what metadata.json then says."""

from __future__ import annotations

import json
from typing import Any

from gen3d_events import keys
from gen3d_events.event import Event
from gen3d_events.models import JobOptions
from gen3d_events.samples import BUCKET, JOB, SESSION, USER, samples
from gen3d_upload import metadata, progress, rows

KEY = f"{keys.session_prefix(USER, SESSION)}metadata.json"
HAPPY = [
    samples[name]
    for name in (
        "Image Uploaded",
        "Embedding Started",
        "Embedding Completed",
        "Reconstruction Requested",
        "Reconstruction Started",
        "Reconstruction Completed",
        "Meshing Started",
        "Mesh Completed",
        "User Notified",
    )
]


def start() -> None:
    rows.create(USER, SESSION, filename="chair_photo.jpg")
    rows.create(
        USER,
        SESSION,
        JOB,
        options=JobOptions().model_dump(mode="json", exclude_none=True),
        clicks=5,
        refinements=2,
    )


def start_anew(table: Any, s3: Any) -> None:
    for row in table.scan(TableName="sessions")["Items"]:
        table.delete_item(TableName="sessions", Key={name: row[name] for name in ("user_id", "item_id")})
    s3.delete_object(Bucket=BUCKET, Key=KEY)
    metadata._written = {}
    start()


def consume(*names: str) -> None:
    for name in names:
        hear(samples[name])


def hear(*events: Event) -> None:
    """In one batch, all about one session."""
    (session,) = {progress.handler.target(event) for event in events}
    progress.handler.into(session, events)


def document(s3: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(s3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read())
    return found
