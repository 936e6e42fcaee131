"""Every event: fold it into its row, and render the session's metadata.json anew, once a batch.

A result of a session that is being purged, or was, is dropped, and with it what it left in the bucket.
"""

from __future__ import annotations

from collections.abc import Sequence

from gen3d_events import models
from gen3d_events.event import Event
from gen3d_events.folder import folds
from gen3d_events.observability import logger
from gen3d_events.read_model import job_state

from gen3d_upload import metadata, rows
from gen3d_upload.purge import remove_objects

_NOT_IN_METADATA = (
    models.InferenceSucceeded,
    models.InferenceFailed,
    models.UserNotified,
    models.NotificationFailed,
)


def _render(session: tuple[str, str], _: Sequence[Event]) -> None:
    metadata.write(*session)


@folds(*Event.registry.values(), then=_render)
def handler(event: Event) -> tuple[str, str] | None:
    """The user and session whose metadata.json changed."""
    about = event.metadata
    row = rows.fold(event)
    if row is None or "purging_at" in row:
        buried = rows.is_buried(about.session_id)
        removed = remove_objects(about.user_id, about.session_id) if buried else 0
        why = "the session is purged" if buried or row else "no such row"
        logger.info(f"dropped: {why}", removed=removed)
        return None
    if isinstance(event, _NOT_IN_METADATA):
        return None
    if isinstance(event, models.MeshingStarted) and job_state(row) == "meshing":
        return None  # the splats tell it, or will; when it began is told with how it ends
    return about.user_id, about.session_id
