"""The socket: tickets and origins, who hears what, from where on, and how connections are forgotten."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import pytest
from gen3d_events import aws
from gen3d_events.codes import codes
from gen3d_events.event import Event
from gen3d_events.ids import ulid
from gen3d_events.samples import samples
from gen3d_notification import api, feed, push, socket, tickets

from tests.unit.upload.conftest import Context

ADA, BOB = "0d9e1c52-0000-4000-8000-00000000ada0", "0d9e1c52-0000-4000-8000-00000000b0b0"
SITE = "https://gen3d.example"
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
TABLES: dict[str, tuple[str, ...]] = {
    "TICKETS_TABLE": ("ticket_hash",),
    "CONNECTIONS_TABLE": ("id", "connection_id"),
    "FEED_TABLE": ("user_id", "event_id"),
    "ALLOWANCE_TABLE": ("id",),
}


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


@pytest.fixture
def sockets(moto_account: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sockets]:
    found = Sockets()
    monkeypatch.setattr(feed, "_lasts", {})

    class Gateway(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            connection_id = unquote(self.path.rpartition("/")[2])
            body = self.rfile.read(int(self.headers["Content-Length"]))
            gone = connection_id in found.gone
            if not gone:
                found.posted.append((connection_id, json.loads(body)))
            self.send_response(410 if gone else 200)
            if gone:
                self.send_header("x-amzn-ErrorType", "GoneException")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    dynamodb = aws.client("dynamodb")
    for name, keys in TABLES.items():
        kinds = dict.fromkeys(keys, "S") | ({"position": "N"} if name == "FEED_TABLE" else {})
        local = {"LocalSecondaryIndexes": [_position_index()]} if name == "FEED_TABLE" else {}
        dynamodb.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                {"AttributeName": key, "AttributeType": kind} for key, kind in kinds.items()
            ],
            KeySchema=_schema(*keys),
            **local,
        )
        monkeypatch.setenv(name, name)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Gateway)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    monkeypatch.setenv("SOCKETS_URL", f"http://127.0.0.1:{server.server_port}/socket")
    monkeypatch.setenv("SITE_ORIGINS", f"{SITE},http://127.0.0.1:8000")
    monkeypatch.setenv("REQUESTS_PER_MINUTE", "3")
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


def _schema(*keys: str) -> list[dict[str, str]]:
    return [{"AttributeName": k, "KeyType": kind} for k, kind in zip(keys, ("HASH", "RANGE"), strict=False)]


def _position_index() -> dict[str, Any]:
    return {
        "IndexName": "position",
        "KeySchema": _schema("user_id", "position"),
        "Projection": {"ProjectionType": "ALL"},
    }


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
    push.handler.then(push.handler.fold(event) or "", [event])
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


# --- tickets and origins -----------------------------------------------------------------------------


def test_a_ticket_lets_in_once(sockets: Sockets) -> None:
    ticket, expires = tickets.issue(ADA, datetime.now(UTC))
    assert timedelta(seconds=58) < expires - datetime.now(UTC) <= timedelta(seconds=60)
    assert enter("one", ticket) == {"statusCode": 200}
    assert refused(enter("two", ticket)) == "ticket_invalid"


@pytest.mark.parametrize("ticket", ["", "forged", "x" * 4000])
def test_a_forged_ticket_is_refused(sockets: Sockets, ticket: str) -> None:
    tickets.issue(ADA, datetime.now(UTC))
    assert refused(enter("one", ticket)) == "ticket_invalid"
    assert refused(route("$connect", "two", queryStringParameters=None, headers=None)) == "ticket_invalid"


def test_an_expired_ticket_is_refused(sockets: Sockets) -> None:
    ticket, _ = tickets.issue(ADA, datetime.now(UTC) - timedelta(seconds=61))
    assert refused(enter("one", ticket)) == "ticket_invalid"


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "null", "https://gen3d.example.evil", ""])
def test_a_foreign_page_is_refused_and_uses_no_ticket(sockets: Sockets, origin: str) -> None:
    ticket, _ = tickets.issue(ADA, datetime.now(UTC))
    answer = route("$connect", "one", queryStringParameters={"ticket": ticket}, headers={"origin": origin})
    assert refused(answer) == "origin_not_allowed"
    assert enter("two", ticket) == {"statusCode": 200}


def test_a_program_names_no_origin(sockets: Sockets) -> None:
    ticket, _ = tickets.issue(ADA, datetime.now(UTC))
    assert enter("one", ticket, origin=None) == {"statusCode": 200}


def test_no_ticket_is_stored(sockets: Sockets) -> None:
    ticket, _ = tickets.issue(ADA, datetime.now(UTC))
    assert ticket not in json.dumps(aws.client("dynamodb").scan(TableName="TICKETS_TABLE")["Items"])


def ask_for_a_ticket(use: str = "id") -> tuple[int, dict[str, Any]]:
    event = {
        "resource": "/tickets",
        "path": "/tickets",
        "httpMethod": "POST",
        "headers": {},
        "multiValueHeaders": {},
        "requestContext": {
            "stage": "api",
            "path": "/api/tickets",
            "authorizer": {"claims": {"sub": ADA, "token_use": use}},
        },
        "body": None,
        "isBase64Encoded": False,
    }
    answer = api.handler(event, Context())
    return answer["statusCode"], json.loads(answer["body"])


def test_the_api_gives_a_ticket_of_the_user(sockets: Sockets) -> None:
    status, body = ask_for_a_ticket()
    assert (status, set(body)) == (201, {"ticket", "expires_at"})
    assert tickets.redeem(body["ticket"], datetime.now(UTC)) == ADA
    assert datetime.fromisoformat(body["expires_at"]) > datetime.now(UTC)


def test_an_access_token_gets_no_ticket_and_too_many_are_refused(sockets: Sockets) -> None:
    status, body = ask_for_a_ticket("access")
    assert (status, body["code"]) == (401, "unauthorized")
    found = [ask_for_a_ticket() for _ in range(3)]
    assert [body.get("code", "given") for _, body in found] == ["given", "given", "too_many_requests"]


# --- who hears what ----------------------------------------------------------------------------------


def test_everybody_hears_only_their_own(sockets: Sockets) -> None:
    connect("ada", ADA)
    connect("too", ADA)
    connect("bob", BOB)
    first, second = happens(ADA, 1), happens(BOB, 2)
    assert sockets.heard("ada") == sockets.heard("too") == ["pong", first]
    assert sockets.heard("bob") == ["pong", second]


def test_an_event_is_as_in_the_contract_without_what_is_for_operators(sockets: Sockets) -> None:
    connect("ada", ADA)
    event = numbered(ADA, 1, "Meshing Failed")
    assert "detail_text" in event.detail()["data"]
    happens(ADA, 1, "Meshing Failed")
    (_, message) = sockets.posted[-1]
    data = {name: value for name, value in event.detail()["data"].items() if name != "detail_text"}
    assert message == {
        "type": "event",
        "detail-type": "Meshing Failed",
        "detail": {**event.detail(), "data": data},
    }


def test_nothing_is_sent_before_the_first_message_and_then_nothing_is_missing(sockets: Sockets) -> None:
    ticket, _ = tickets.issue(ADA, datetime.now(UTC))
    enter("ada", ticket)
    sockets.gone.add("ada")  # as API Gateway answers before the socket is open
    event_id = happens(ADA, 1)
    sockets.gone.clear()
    ping("ada")
    assert sockets.heard("ada") == [event_id, "pong"]


def test_what_comes_again_is_told_once(sockets: Sockets) -> None:
    connect("ada", ADA)
    event_id = happens(ADA, 1)
    assert happens(ADA, 1) == event_id
    assert sockets.heard("ada") == ["pong", event_id]


def test_a_message_that_is_no_ping_is_answered_and_changes_nothing(sockets: Sockets) -> None:
    connect("ada", ADA)
    for body in ("", "x", "[]", '{"type": "pang"}', "[" * 100_000):
        ping("ada", body)
    assert {message.get("code") for _, message in sockets.posted[1:]} == {"request_invalid"}
    event_id = happens(ADA, 1)
    assert sockets.heard("ada")[-1] == event_id


def test_who_was_not_admitted_is_told_nothing(sockets: Sockets) -> None:
    happens(ADA, 1)
    ping("stranger")
    assert sockets.posted == []


# --- from where on -----------------------------------------------------------------------------------


def test_who_comes_back_hears_all_that_was_missed_once_and_in_order(sockets: Sockets) -> None:
    connect("ada", ADA)
    heard = happens(ADA, 5)
    route("$disconnect", "ada")
    missed = [happens(ADA, number) for number in (3, 9, 1)]  # an id tells of its cause's time
    connect("again", ADA, heard)
    news = happens(ADA, 7)
    assert sockets.heard("ada") == ["pong", heard]
    assert sockets.heard("again") == [*missed, "pong", news]
    assert sockets.posted[-2] == ("again", {"type": "pong", "resumed": True})


def test_who_does_not_say_from_where_hears_what_is_new(sockets: Sockets) -> None:
    happens(ADA, 1)
    connect("ada", ADA)
    assert sockets.posted == [("ada", {"type": "pong", "resumed": False})]


@pytest.mark.parametrize("heard", ["bob's", "nothing", "last", 1500 * "Z"])
def test_from_an_event_that_is_not_theirs_or_not_known_it_goes_on_from_now(
    sockets: Sockets, heard: str
) -> None:
    bobs = happens(BOB, 1)
    happens(ADA, 2)
    connect("ada", ADA, bobs if heard == "bob's" else heard)
    assert sockets.posted == [("ada", {"type": "pong", "resumed": False})]


def test_a_position_is_given_once_though_others_append_meanwhile(
    sockets: Sockets, monkeypatch: pytest.MonkeyPatch
) -> None:
    happens(ADA, 1)
    happens(ADA, 2)
    for out_of_date in (0, 1, 7):
        monkeypatch.setattr(feed, "_lasts", {ADA: out_of_date})
        feed.append(ADA, [numbered(ADA, 3 + out_of_date)])
    assert [entry.position for entry in feed.after(ADA, 0)] == [1, 2, 3, 4, 5]
    monkeypatch.setattr(feed, "_last", lambda _: 1)
    monkeypatch.setattr(feed, "_lasts", {})
    with pytest.raises(feed.Contended):
        feed.append(ADA, [numbered(ADA, 11)])
    feed.append(ADA, [numbered(ADA, 3)])  # it has its position


@pytest.mark.parametrize("known", [{}, {ADA: 1}])
def test_of_a_batch_only_what_is_new_gets_a_position(
    sockets: Sockets, monkeypatch: pytest.MonkeyPatch, known: dict[str, int]
) -> None:
    happens(ADA, 2)
    assert feed.last(ADA) == 1
    monkeypatch.setattr(feed, "_lasts", dict(known))
    tried: list[str] = []
    aws.client("dynamodb").meta.events.register(
        "before-call.dynamodb.TransactWriteItems", lambda model, **_: tried.append(model.name)
    )
    feed.append(ADA, [numbered(ADA, number) for number in (4, 2, 3, 4, 1)])
    assert len(tried) == 2  # one refusal tells all that was not known
    positions = {
        entry.position: entry.event["detail"]["metadata"]["event_id"] for entry in feed.after(ADA, 0)
    }
    assert positions == {
        position: numbered(ADA, number).metadata.event_id for position, number in enumerate((2, 4, 3, 1), 1)
    }
    assert feed.last(ADA) == 4


def test_a_batch_is_told_in_its_order(sockets: Sockets) -> None:
    connect("ada", ADA)
    events = [numbered(ADA, number) for number in (2, 1)]
    push.handler.then(ADA, events)
    assert sockets.heard("ada") == ["pong", *(event.metadata.event_id for event in events)]


def test_of_how_many_people_the_last_position_is_known_is_limited(
    sockets: Sockets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "_LASTS_KEPT", 2)
    for user_id in (ADA, BOB, "carol", "dave"):
        happens(user_id, 1)
        happens(user_id, 2)
        assert [entry.position for entry in feed.after(user_id, 0)] == [1, 2]
        assert len(feed._lasts) <= 2


# --- connections are forgotten -----------------------------------------------------------------------


def rows() -> int:
    return int(aws.client("dynamodb").scan(TableName="CONNECTIONS_TABLE")["Count"])


def test_a_connection_that_is_gone_is_forgotten_and_keeps_nobody_from_hearing(sockets: Sockets) -> None:
    connect("ada", ADA)
    connect("too", ADA)
    sockets.gone.add("ada")
    event_id = happens(ADA, 1)
    assert sockets.heard("too") == ["pong", event_id]
    assert rows() == 2
    sockets.gone.clear()
    happens(ADA, 2)
    assert sockets.heard("ada") == ["pong"]


def test_a_connection_that_is_closed_is_forgotten(sockets: Sockets) -> None:
    connect("ada", ADA)
    assert rows() == 2
    for _ in range(2):
        assert route("$disconnect", "ada") == {"statusCode": 200}
    assert rows() == 0
    happens(ADA, 1)
    assert sockets.heard("ada") == ["pong"]


def test_one_that_closed_while_it_began_to_listen_is_forgotten_when_it_is_gone(sockets: Sockets) -> None:
    connect("ada", ADA)
    admitted = {"id": {"S": "connection#ada"}, "connection_id": {"S": "ada"}}
    aws.client("dynamodb").delete_item(TableName="CONNECTIONS_TABLE", Key=admitted)
    sockets.gone.add("ada")
    happens(ADA, 1)
    assert rows() == 0


def test_everything_expires(sockets: Sockets) -> None:
    tickets.issue(ADA, datetime.now(UTC))
    connect("ada", ADA)
    happens(ADA, 1)
    day = timedelta(days=1).total_seconds()
    for table in ("TICKETS_TABLE", "CONNECTIONS_TABLE", "FEED_TABLE"):
        for item in aws.client("dynamodb").scan(TableName=table)["Items"]:
            left = int(item["expires_at"]["N"]) - datetime.now(UTC).timestamp()
            assert 0 < left <= (30 * day if item.get("event_id") == {"S": "last"} else day)
