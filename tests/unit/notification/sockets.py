"""A WebSocket API to connect to, and events to be heard there."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from gen3d_events.codes import codes
from gen3d_events.event import Event
from gen3d_events.ids import ulid
from gen3d_events.samples import samples
from gen3d_notification import push, socket, tickets

from tests.unit.upload.conftest import Context

ADA, BOB = "0d9e1c52-0000-4000-8000-00000000ada0", "0d9e1c52-0000-4000-8000-00000000b0b0"
SITE = "https://gen3d.example"
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dataclass
class Sockets:
    """API Gateway's side: what was posted to connections. Those in `gone` are."""

    posted: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)

    def heard(self, connection_id: str) -> list[str]:
        """The messages, events by their ids."""
        messages = [message for to, message in self.posted if to == connection_id]
        return [
            it["detail"]["metadata"]["event_id"] if it["type"] == "event" else it["type"] for it in messages
        ]


def route(key: str, connection_id: str, **more: Any) -> dict[str, Any]:
    """One event of the WebSocket API; its answer."""
    event = {"requestContext": {"routeKey": key, "connectionId": connection_id}, **more}
    answer: dict[str, Any] = socket.handler(event, Context())
    return answer


def enter(connection_id: str, ticket: str, heard: str = "", origin: str | None = SITE) -> dict[str, Any]:
    query = {"ticket": ticket} | ({"from": heard} if heard else {})
    headers = {"Host": "x"} | ({"Origin": origin} if origin else {})
    return route("$connect", connection_id, queryStringParameters=query, headers=headers)


def ping(connection_id: str, body: str = '{"type": "ping"}') -> None:
    assert route("$default", connection_id, body=body) == {"statusCode": 200}


def connect(connection_id: str, user_id: str, heard: str = "") -> None:
    """Opened, and listening."""
    ticket, _ = tickets.issue(user_id, datetime.now(UTC))
    assert enter(connection_id, ticket, heard) == {"statusCode": 200}
    ping(connection_id)


def happens(user_id: str, number: int, detail_type: str = "Meshing Started") -> str:
    """Push hears of an event; its id, which grows with the number."""
    event = numbered(user_id, number, detail_type)
    push.handler.into(push.handler.target(event), [event])
    return event.metadata.event_id


def numbered(user_id: str, number: int, detail_type: str = "Meshing Started") -> Event:
    event = samples[detail_type]
    event_id = ulid(NOW + timedelta(seconds=number), bytes(10))
    return event.with_metadata(event.metadata.model_copy(update={"user_id": user_id, "event_id": event_id}))


def refused(answer: dict[str, Any]) -> str:
    body = json.loads(answer["body"])
    assert answer["statusCode"] == codes[body["code"]].http_status
    assert set(body) == {"code", "error_class", "message", "hint"}
    return str(body["code"])
