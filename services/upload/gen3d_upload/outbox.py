"""What the API did to a row and the bus must hear of. Pure.

The API changes the row first and publishes after, so it may die in between. The event follows from the row
alone, its id included: whoever finds it untold (the API when it is asked again, or the watchdog) publishes
the same.
"""

from __future__ import annotations

from datetime import datetime

from gen3d_events.event import Event
from gen3d_events.ids import originate
from gen3d_events.models import (
    JobOptions,
    Mask,
    Photo,
    ReconstructionRequested,
    SessionDeletionRequested,
    SessionRestored,
)
from gen3d_events.read_model import Row, attribute


def of_session(session: Row) -> Event | None:
    """The deletion of a session or else its restoration, if there was one."""
    event: Event
    if at := session.get("deleted_at"):
        event = SessionDeletionRequested(purge_at=datetime.fromisoformat(session["purge_at"]))
    elif at := session.get("restored_at"):
        event = SessionRestored()
    else:
        return None
    session_id = session["item_id"]
    event = event.about(session["user_id"], session_id)
    return originate(event, cause_id=f"{session_id}@{at}", at=datetime.fromisoformat(at))


def of_job(job: Row, photo: Row) -> Event | None:
    """The request of a job that reuses another one's mask; `photo` are the facts of the accepted photo."""
    if "mask_of" not in job:
        return None
    session_id, _, job_id = job["item_id"].partition("/")
    event = ReconstructionRequested(
        photo=Photo.model_validate(photo),
        mask=Mask.model_validate(job["mask"]),
        options=JobOptions.model_validate(job["options"]),
    ).about(job["user_id"], session_id, job_id)
    return originate(event, cause_id=job_id, at=datetime.fromisoformat(job["created_at"]))


def untold_since(row: Row) -> datetime | None:
    """When the API did what no folded event tells of yet."""
    if "mask_of" in row:
        told = "reconstruction_requested" in row
        return None if told else datetime.fromisoformat(row["created_at"])
    event = of_session(row)
    if event is None or row.get(attribute(event), {}).get("event_id") == event.metadata.event_id:
        return None
    return datetime.fromisoformat(row.get("deleted_at") or row["restored_at"])
