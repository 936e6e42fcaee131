"""The three routes of the WebSocket API: a socket is opened with a ticket, speaks, and is closed.

A ticket alone keeps strangers out; that the origin must be ours as well makes one that leaked into a foreign
page useless there. Programs, which are no pages, send no origin.

Its first message makes a connection listen: not before it is open can anything be sent to it.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import Any

from gen3d_events.codes import codes
from gen3d_events.observability import context_keys, count, logger, observed
from gen3d_events.problem import Problem

from gen3d_notification import connections, feed, tickets
from gen3d_notification.connections import Connection
from gen3d_notification.delivery import deliver, send

Json = dict[str, Any]


def _open(event: Json) -> Json:
    """`?ticket=…&from=…`, the second being the id of the last event that was heard."""
    asked = event.get("queryStringParameters") or {}
    if not _is_ours(event.get("headers") or {}):
        return _refusal("origin_not_allowed")
    user_id = tickets.redeem(asked.get("ticket", ""), datetime.now(UTC))
    if user_id is None:
        return _refusal("ticket_invalid")
    heard = feed.position(user_id, asked["from"]) if asked.get("from") else None
    connections.admit(
        Connection(
            id=event["requestContext"]["connectionId"],
            user_id=user_id,
            position=feed.last(user_id) if heard is None else heard,
            resumed=heard is not None,
        )
    )
    logger.info("opened", user_id=user_id, resumed=heard is not None)
    return {"statusCode": 200}


def _close(event: Json) -> Json:
    connections.remove(event["requestContext"]["connectionId"])
    return {"statusCode": 200}


def _hear(event: Json) -> Json:
    """A ping: everything that was missed, then the pong. Whoever is unknown is told nothing."""
    connection = connections.listen(event["requestContext"]["connectionId"])
    if connection is None:
        logger.warning("message of a connection that was not admitted")
    elif not _is_ping(event.get("body") or ""):
        send(connection, {"type": "error", **Problem.of("request_invalid").model_dump()})
    elif deliver(connection):
        send(connection, {"type": "pong", "resumed": connection.resumed})
    return {"statusCode": 200}


_ROUTES = {"$connect": _open, "$disconnect": _close, "$default": _hear}


def _is_ours(headers: Json) -> bool:
    """Whether the origin, where one is named, is the site's."""
    origins = [value for name, value in headers.items() if name.lower() == "origin"]
    return set(origins) <= set(os.environ["SITE_ORIGINS"].split(","))


def _is_ping(body: str) -> bool:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(message, dict) and message.get("type") == "ping"


def _refusal(code: str) -> Json:
    logger.info("refused", code=code)
    count("Refused")
    return {"statusCode": codes[code].http_status, "body": Problem.of(code).model_dump_json()}


def _answer(event: Json, context: Any) -> Json:
    about = event["requestContext"]
    with context_keys("socket", connection_id=about["connectionId"], route=about["routeKey"]):
        count("SocketEvents")
        return _ROUTES[about["routeKey"]](event)


handler = observed(_answer)
