"""A session's end: every version of its objects and all its rows are removed for good.

The session's row goes last, so a purge that was killed is taken up again; one that runs twice finds nothing.
The jobs' rows go before the objects: what an event tells of that still found its row lies there by then, and
is removed. What a later event tells of is removed when that is dropped (progress.py).
"""

from __future__ import annotations

import os
from datetime import datetime

from gen3d_events import aws, keys
from gen3d_events.event import Event
from gen3d_events.ids import originate
from gen3d_events.models import SessionPurged
from gen3d_events.publisher import publish
from gen3d_events.read_model import Row

from gen3d_upload import rows


class ObjectsRemain(RuntimeError):
    """S3 refused to delete some versions."""


def purge(session: Row) -> bool:
    """Remove a deleted session whose grace is over, and tell. False if it was restored at the last moment."""
    if not rows.begin_purge(session):
        return False
    user_id, session_id, _ = rows.ids(session)
    rows.bury(session_id)
    rows.remove_jobs(user_id, session_id)
    publish([_purged(session, remove_objects(user_id, session_id))])
    rows.remove(user_id, session_id)
    return True


def remove_objects(user_id: str, session_id: str) -> int:
    """Delete all versions of all objects of a session; how many there were. Raises ObjectsRemain."""
    prefixes = (keys.session_prefix(user_id, session_id), keys.incoming_prefix(user_id, session_id))
    return sum(map(_remove_below, prefixes))


def _purged(session: Row, object_versions: int) -> Event:
    """One that is told again says how many versions were left."""
    user_id, session_id, _ = rows.ids(session)
    event = SessionPurged(object_versions=object_versions).about(user_id, session_id)
    purge_at = session["purge_at"]
    return originate(event, cause_id=f"{session_id}@{purge_at}", at=datetime.fromisoformat(purge_at))


def _remove_below(prefix: str) -> int:
    """Page by page, always the first one, for what has been listed is gone."""
    s3, bucket = aws.client("s3"), os.environ["DATA_BUCKET"]
    removed = 0
    while True:
        page = s3.list_object_versions(Bucket=bucket, Prefix=prefix)
        found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        if not found:
            return removed
        versions = [{"Key": it["Key"], "VersionId": it["VersionId"]} for it in found]
        answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": versions, "Quiet": True})
        if errors := answer.get("Errors"):
            raise ObjectsRemain(f"{len(errors)} versions below {prefix}, the first one: {errors[0]}")
        removed += len(page.get("Versions", []))
