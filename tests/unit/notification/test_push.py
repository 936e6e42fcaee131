"""The socket: who hears what, from where on, and how connections are forgotten."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from gen3d_events import aws
from gen3d_notification import feed, push, tickets

from tests.unit.notification.sockets import ADA, BOB, Sockets, connect, enter, happens, numbered, ping, route


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
    push.handler.into(ADA, events)
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
