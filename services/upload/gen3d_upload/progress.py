"""Every event: fold it into its row, and render the session's metadata.json anew, once a batch."""

from __future__ import annotations

from gen3d_events import models
from gen3d_events.event import Event
from gen3d_events.folder import folds
from gen3d_events.observability import logger

from gen3d_upload import metadata, rows

_NOT_IN_METADATA = (
    models.InferenceSucceeded,
    models.InferenceFailed,
    models.UserNotified,
    models.NotificationFailed,
)


def _render(session: tuple[str, str]) -> None:
    metadata.write(*session)


@folds(*Event.registry.values(), then=_render)
def handler(event: Event) -> tuple[str, str] | None:
    """The user and session whose metadata.json changed."""
    if rows.fold(event) is None:
        logger.info("dropped: no such row")
        return None
    about = event.metadata
    return None if isinstance(event, _NOT_IN_METADATA) else (about.user_id, about.session_id)
