"""Messages to sockets. Each connection is told of everything after its position, in order, and then its
position moves on; so whoever has heard an event has heard all before it, and can go on from its id.

Two that deliver at the same time may send an event twice; its id tells.
"""

from __future__ import annotations

import json
import os
from typing import Any

from botocore.exceptions import ClientError
from gen3d_events import aws
from gen3d_events.observability import logger

from gen3d_notification import connections, feed
from gen3d_notification.connections import Connection


def deliver(connection: Connection) -> bool:
    """Tell a connection what it has not heard yet; whether it is still there."""
    position = connection.position
    for entry in feed.after(connection.user_id, position):
        if not send(connection, {"type": "event", **entry.event}):
            return False
        position = entry.position
    if position > connection.position:
        connections.told(connection, position)
    return True


def send(connection: Connection, message: dict[str, Any]) -> bool:
    """Whether the connection is still there; one that is gone is forgotten."""
    try:
        aws.client("apigatewaymanagementapi", os.environ["SOCKETS_URL"]).post_to_connection(
            ConnectionId=connection.id, Data=json.dumps(message, separators=(",", ":")).encode()
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "GoneException":
            raise
        connections.forget(connection)
        logger.info("gone", connection_id=connection.id)
        return False
    return True
