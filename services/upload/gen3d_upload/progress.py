"""Every event: fold it into its row, and render the session's metadata.json anew.

Neither minds order or repetition, so nothing here asks what came before.
"""

from __future__ import annotations

from collections.abc import Iterator

from gen3d_events import models
from gen3d_events.consumer import consumes
from gen3d_events.event import Event
from gen3d_events.observability import logger

from gen3d_upload import metadata, rows

_NOT_IN_METADATA = (models.UserNotified, models.NotificationFailed)


@consumes(*Event.registry.values())
def handler(event: Event) -> Iterator[Event]:
    if rows.fold(event) is None:
        logger.info("dropped: no such row")
    elif not isinstance(event, _NOT_IN_METADATA):
        metadata.write(event.metadata.user_id, event.metadata.session_id)
    yield from ()
