"""What a row remembers of its events. Pure.

API, metadata.json and watchdog read the same row, so what it says is worked out here.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from gen3d_events.read_model import Row, job_state, session_state

from gen3d_upload import outbox

Entry = dict[str, Any]

STEP = timedelta(hours=1)
"""How long a step may go without a word, but for the endpoint's, which says its own.

Long enough for all tries of a message, whether they fail or are killed, but for a meshing that is killed: its
message comes back after an hour, so the time-out may be told before the next try ends. Its result still wins.
"""

_UNDER_WAY = {"preparing", "queued", "reconstructing", "meshing"}
_WAITING = {"awaiting_photo", "awaiting_mask"}
_STEPS = ("image_uploaded", "embedding_", "reconstruction_", "inference_", "meshing_")
"""What events of work begin with: mails, deletions and restorations move no deadline."""


def events(row: Row) -> dict[str, Entry]:
    """A row's folded events by attribute."""
    return {name: value for name, value in row.items() if isinstance(value, dict) and "event_id" in value}


def last(row: Row, event: str) -> Entry | None:
    """The entry of an event, e.g. "reconstruction_completed", of its last attempt if there were several."""
    attempts = sorted(name for name in events(row) if name == event or name.startswith(f"{event}_"))
    return row[attempts[-1]] if attempts else None


def photo(session: Row) -> Entry | None:
    """The facts of the accepted photo."""
    accepted: Entry | None = session.get("photo") or session.get("image_uploaded", {}).get("photo")
    return accepted


def deleted(session: Row) -> bool:
    """Whether a session is hidden, until it is restored or purged."""
    return "deleted_at" in session


def waits(row: Row) -> bool:
    """Whether a row's photo or mask is still to be accepted."""
    return _state(row) in _WAITING


def due_at(row: Row) -> datetime | None:
    """The moment from which the watchdog must look at a row, if any.

    What the API did and nobody was told of is due at once, a deleted session when its grace ends, and work
    that is under way from when it is overdue, which the last of its steps says; what the endpoint still
    answers to an attempt that another has followed is none. A row that waits is under way while an upload is
    checked, and as soon as one has claimed it.
    """
    if untold := outbox.untold_since(row):
        return untold
    if deleted(row):
        return datetime.fromisoformat(row["purge_at"])
    if waits(row):
        since = row.get("claimed_at") or row.get("checked_since")
        return datetime.fromisoformat(since) + STEP if since else None
    if _state(row) not in _UNDER_WAY:
        return None
    steps = [entry for name, entry in events(row).items() if name.startswith(_STEPS)]
    under_way = max(step.get("attempt", 1) for step in steps)
    return _allows(max((step for step in steps if step.get("attempt", under_way) == under_way), key=_told_at))


def _state(row: Row) -> str:
    return job_state(row) if "/" in row["item_id"] else session_state(row)


def _allows(entry: Entry) -> datetime:
    return datetime.fromisoformat(entry["due_at"]) if "due_at" in entry else _told_at(entry) + STEP


def _told_at(entry: Entry) -> datetime:
    return datetime.fromisoformat(entry["at"])


class Stage(NamedTuple):
    """Times as in events (ISO 8601, UTC). `seconds`: computing time without waiting, where measured."""

    started_at: str | None = None
    completed_at: str | None = None
    failed_at: str | None = None
    seconds: float | None = None


def session_stages(session: Row) -> dict[str, Stage]:
    """`photo` and `embedding`, as far as begun."""
    return _begun(
        photo=_stage(session, session["created_at"], "image_uploaded"),
        embedding=_stage(
            session, _at(session, "embedding_started"), "embedding_completed", "embedding_failed"
        ),
    )


def job_stages(job: Row) -> dict[str, Stage]:
    """`mask`, `reconstruction` (from its first attempt on), `meshing` and `notification`, as far as begun."""
    return _begun(
        mask=_stage(job, job["created_at"], "reconstruction_requested"),
        reconstruction=_stage(
            job, _at(job, "reconstruction_started"), "reconstruction_completed", "reconstruction_failed"
        ),
        meshing=_stage(job, _at(job, "meshing_started"), "mesh_completed", "meshing_failed"),
        notification=_mail(job),
    )


def _mail(job: Row) -> Stage:
    """The last mail about a job: left, or refused."""
    mails = [(job[name], name) for name in ("user_notified", "notification_failed") if name in job]
    if not mails:
        return Stage()
    last_one, name = max(mails, key=lambda mail: mail[0]["event_id"])
    return Stage(completed_at=last_one["at"]) if name == "user_notified" else Stage(failed_at=last_one["at"])


def _stage(row: Row, started_at: str | None, completed: str, failed: str | None = None) -> Stage:
    done = last(row, completed) or {}
    return Stage(started_at, done.get("at"), _at(row, failed) if failed else None, done.get("seconds"))


def _at(row: Row, event: str) -> str | None:
    return row[event]["at"] if event in row else None


def _begun(**stages: Stage) -> dict[str, Stage]:
    return {name: stage for name, stage in stages.items() if any(stage)}
