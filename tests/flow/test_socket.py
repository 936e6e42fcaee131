"""The socket on the real local cloud: who hears what, coming back, and who is not let in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from gen3d import Gen3D
from gen3d_events.event import Event, event_from_envelope
from gen3d_local import people
from gen3d_local.cloud import Cloud
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from tests.tap import Tap

SECONDS = 60.0
PREPARED = {"Image Uploaded": 1, "Embedding Started": 1, "Inference Succeeded": 1, "Embedding Completed": 1}


class Listener:
    """A socket that has said its ping, with the events that came by it, in their order."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.events: list[Event] = []
        socket.send('{"type": "ping"}')
        while (message := self._next())["type"] == "event":
            self._take(message)
        self.pong = message

    @property
    def ids(self) -> list[str]:
        return [event.metadata.event_id for event in self.events]

    def until(self, detail_type: str, session_id: str) -> None:
        while (detail_type, session_id) not in {
            (it.detail_type, it.metadata.session_id) for it in self.events
        }:
            self._take(self._next())

    def rest(self) -> None:
        """What else is there already."""
        with suppress(TimeoutError):
            while True:
                self._take(self._next(1.0))

    def _next(self, seconds: float = SECONDS) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self._socket.recv(timeout=seconds))
        return message

    def _take(self, message: dict[str, Any]) -> None:
        assert message["type"] == "event"
        self.events.append(event_from_envelope(message))


def ticket(gen3d: Gen3D) -> str:
    return str(gen3d.api.post("/tickets", {})["ticket"])


def address(cloud: Cloud, ticket: str, heard: str = "") -> str:
    resumed = f"&from={heard}" if heard else ""
    return f"{cloud.url.replace('http', 'ws', 1)}/socket?ticket={ticket}{resumed}"


@contextmanager
def listening(cloud: Cloud, gen3d: Gen3D, heard: str = "") -> Iterator[Listener]:
    with connect(
        address(cloud, ticket(gen3d), heard), origin=Origin(cloud.url), proxy=None, open_timeout=SECONDS
    ) as it:
        yield Listener(it)


def refused(address: str, origin: str | None) -> int:
    with (
        pytest.raises(InvalidStatus) as refusal,
        connect(address, origin=Origin(origin) if origin else None, proxy=None, open_timeout=SECONDS),
    ):
        pass
    return int(refusal.value.response.status_code)


@pytest.fixture(scope="module")
def bob(cloud: Cloud) -> Iterator[Gen3D]:
    """Another person."""
    person = people.create(cloud.engine_url, cloud.outputs["UserPoolId"], "bob@example.com")
    with Gen3D(f"{cloud.url}/api", person.email, person.password) as client:
        yield client


def test_two_people_hear_only_their_own(
    cloud: Cloud, gen3d: Gen3D, bob: Gen3D, tap: Tap, photo: Path
) -> None:
    with listening(cloud, gen3d) as ours, listening(cloud, bob) as bobs:
        assert ours.pong == bobs.pong == {"type": "pong", "resumed": False}
        mine, his = gen3d.create_session(photo), bob.create_session(photo)
        ours.until("Embedding Completed", mine.id)
        bobs.until("Embedding Completed", his.id)
        stories = {it.id: tap.story(it.id, PREPARED) for it in (mine, his)}
        for listener, session in ((ours, mine), (bobs, his)):
            listener.rest()
            (user_id,) = {event.metadata.user_id for event in stories[session.id]}
            assert {event.metadata.user_id for event in listener.events} == {user_id}
            told = {it.metadata.event_id for it in listener.events if it.metadata.session_id == session.id}
            assert told == {event.metadata.event_id for event in stories[session.id]}


def test_who_comes_back_misses_nothing_and_hears_nothing_anew(
    cloud: Cloud, bob: Gen3D, tap: Tap, photo: Path
) -> None:
    with listening(cloud, bob) as before:
        session = bob.create_session(photo)
        before.until("Image Uploaded", session.id)
    bob.session(session.id).wait_ready()
    with listening(cloud, bob, before.ids[-1]) as after:
        assert after.pong == {"type": "pong", "resumed": True}
        after.until("Embedding Completed", session.id)
        after.rest()
    told = [event.metadata.event_id for event in tap.story(session.id, PREPARED)]
    heard = before.ids + after.ids
    assert set(told) <= set(heard)
    assert not set(before.ids) & set(after.ids)
    with listening(cloud, bob, heard[-1]) as again:
        assert (again.pong["resumed"], again.events) == (True, [])


def test_forged_and_used_tickets_and_foreign_pages_are_refused(cloud: Cloud, bob: Gen3D) -> None:
    once = address(cloud, ticket(bob))
    assert refused(once, "https://elsewhere.example") == 403
    with connect(once, origin=Origin(cloud.url), proxy=None) as socket:
        assert Listener(socket).events == []
    assert refused(once, cloud.url) == 401
    assert refused(address(cloud, "forged"), cloud.url) == 401
    assert refused(address(cloud, "forged"), None) == 401


def test_a_ticket_is_for_who_is_signed_in(cloud: Cloud) -> None:
    for headers in ({}, {"Authorization": "forged"}):
        assert httpx.post(f"{cloud.url}/api/tickets", headers=headers, trust_env=False).status_code == 401


def test_the_sdk_waits_with_the_socket(cloud: Cloud, bob: Gen3D, photo: Path) -> None:
    session = bob.create_session(photo).wait_ready()
    assert session.state == "ready"
    assert bob.live._socket is not None
