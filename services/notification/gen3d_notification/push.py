"""Every event: into the feed of its user, and to the sockets that listen, once a batch.

It folds: an event that comes again has its position already, and who has heard it is not told again.
"""

from __future__ import annotations

from collections.abc import Sequence

from gen3d_events.event import Event
from gen3d_events.folder import folds

from gen3d_notification import connections, feed
from gen3d_notification.delivery import deliver


def _tell(user_id: str, events: Sequence[Event]) -> None:
    feed.append(user_id, events)
    for connection in connections.of(user_id):
        deliver(connection)


@folds(*Event.registry.values(), into=_tell)
def handler(event: Event) -> str:
    """The user whom it concerns."""
    return event.metadata.user_id
