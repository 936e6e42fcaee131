"""Every event: fold those of a batch into their rows, and render each session's metadata.json anew.

A result of a session that is being purged, or was, is dropped, and with it what it left in the bucket.
"""

from __future__ import annotations

from collections.abc import Sequence

from gen3d_events import models
from gen3d_events.event import Event
from gen3d_events.folder import folds
from gen3d_events.observability import logger
from gen3d_events.read_model import Row, job_state

from gen3d_upload import metadata, rows
from gen3d_upload.purge import remove_objects

_NOT_IN_METADATA = (
    models.InferenceSucceeded,
    models.InferenceFailed,
    models.UserNotified,
    models.NotificationFailed,
)
_TOLD_WITH_THE_NEXT = {models.ReconstructionRequested: "queued", models.MeshingStarted: "meshing"}
"""If it finds its job in this state: that the endpoint was asked, or could not be, is told next, and the
splats tell that meshing follows. In any other state the next event may have come first."""


def _fold(session: tuple[str, str], events: Sequence[Event]) -> None:
    of_row: dict[str | None, list[Event]] = {}
    for event in events:
        of_row.setdefault(event.metadata.job_id, []).append(event)
    changed = [_changes_metadata(of_one) for of_one in of_row.values()]
    if any(changed):
        metadata.write(*session, reread=None in of_row)


@folds(*Event.registry.values(), into=_fold)
def handler(event: Event) -> tuple[str, str]:
    """The user and the session that it is about."""
    return event.metadata.user_id, event.metadata.session_id


def _changes_metadata(events: list[Event]) -> bool:
    """Fold the events about one row; whether metadata.json has news of them."""
    about, row = events[0].metadata, rows.fold(*events)
    if row is None or "purging_at" in row:
        buried = rows.is_buried(about.session_id)
        removed = remove_objects(about.user_id, about.session_id) if buried else 0
        why = "the session is purged" if buried or row else "no such row"
        logger.info(f"dropped: {why}", session_id=about.session_id, job_id=about.job_id, removed=removed)
        return False
    metadata.heard(row)
    return not all(isinstance(event, _NOT_IN_METADATA) or _waits(event, row) for event in events)


def _waits(event: Event, row: Row) -> bool:
    """Whether metadata.json may wait for the next event, since what it says of the job is not untrue."""
    state = _TOLD_WITH_THE_NEXT.get(type(event))
    return state is not None and state == job_state(row) and "mask_rejected" not in row
