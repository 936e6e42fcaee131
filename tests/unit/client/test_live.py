"""Waiting with the socket: a server of the tests' own sends events, hangs up, or is not there."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from gen3d.errors import DeadlineExceeded, Unreachable
from gen3d.http import Api
from gen3d.live import Live
from gen3d.polling import polls
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

SESSION, OTHER = "ses_01J00000000000000000000000", "ses_01J00000000000000000000001"
HANG_UP = "hang up"


@dataclass
class Site:
    """The socket's server. opened: the query of each socket; to_send: what the open one sends next."""

    port: int = 0
    opened: list[dict[str, str]] = field(default_factory=list)
    pings: int = 0
    to_send: SimpleQueue[str] = field(default_factory=SimpleQueue)

    def happens(self, event_id: str, session_id: str = SESSION) -> None:
        metadata = {"event_id": event_id, "session_id": session_id}
        detail = {"metadata": metadata, "data": {}}
        self.to_send.put(json.dumps({"type": "event", "detail-type": "Meshing Started", "detail": detail}))

    def serve(self, socket: ServerConnection) -> None:
        assert socket.request
        query = parse_qs(urlsplit(socket.request.path).query)
        self.opened.append({name: values[0] for name, values in query.items()})
        assert json.loads(socket.recv()) == {"type": "ping"}
        self.pings += 1
        socket.send('{"type": "pong", "resumed": false}')
        while True:
            with suppress(Empty, TimeoutError):
                message = self.to_send.get(timeout=0.01)
                if message == HANG_UP:
                    return
                socket.send(message)
            try:
                socket.recv(timeout=0)
            except TimeoutError:
                continue
            except ConnectionClosed:
                return


@pytest.fixture
def site() -> Iterator[Site]:
    found = Site()
    with serve(found.serve, "127.0.0.1", 0) as server:
        found.port = server.socket.getsockname()[1]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield found
        server.shutdown()
        thread.join()


class Tickets(Api):
    """The REST API, as far as a socket needs it."""

    def __init__(self, port: int) -> None:
        super().__init__(f"http://127.0.0.1:{port}/api", None, httpx.Client(trust_env=False))
        self.given = 0

    def post(self, path: str, body: Any) -> dict[str, Any]:
        assert (path, body) == ("/tickets", {})
        self.given += 1
        return {"ticket": f"t{self.given}", "expires_at": "2026-11-20T12:00:00Z"}


@pytest.fixture
def live(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Live]:
    monkeypatch.setattr("gen3d.live.FIRST_PAUSE_SECONDS", 0.0)
    found = Live(Tickets(site.port))
    yield found
    found.close()


def test_news_of_the_session_ends_a_wait(site: Site, live: Live) -> None:
    news = live.of(SESSION)
    assert news.wait(0.1) is False
    threading.Timer(0.1, site.happens, ("e1",)).start()
    began = time.monotonic()
    assert news.wait(20) is True
    assert time.monotonic() - began < 10
    assert (news.told, site.opened, site.pings) == (True, [{"ticket": "t1"}], 1)


def test_news_of_other_sessions_ends_none(site: Site, live: Live) -> None:
    site.happens("e1", OTHER)
    assert live.of(SESSION).wait(0.3) is False


def test_what_came_meanwhile_is_one_piece_of_news(site: Site, live: Live) -> None:
    news = live.of(SESSION)
    news.wait(0.05)
    for number in range(5):
        site.happens(f"e{number}")
    while not site.to_send.empty():
        time.sleep(0.01)
    time.sleep(0.2)
    assert [news.wait(0.1), news.wait(0.1)] == [True, False]


def test_a_lost_socket_goes_on_from_the_last_event(site: Site, live: Live) -> None:
    news = live.of(SESSION)
    site.happens("e7")
    assert news.wait(5)
    site.to_send.put(HANG_UP)
    assert news.wait(0.5) is False
    assert not news.told
    site.happens("e8")
    assert news.wait(5)
    assert news.told
    assert site.opened == [{"ticket": "t1"}, {"ticket": "t2", "from": "e7"}]


def test_without_a_socket_it_waits_all_the_same_and_seldom_tries_again() -> None:
    class Nowhere(Tickets):
        def post(self, path: str, body: Any) -> dict[str, Any]:
            self.given += 1
            raise Unreachable("No such route.")

    api = Nowhere(9)
    news = Live(api).of(SESSION)
    began = time.monotonic()
    assert [news.wait(0.05) for _ in range(4)] == [False] * 4
    assert time.monotonic() - began >= 0.2
    assert (api.given, news.told) == (1, False)


def test_a_second_thread_polls(site: Site, live: Live) -> None:
    first = threading.Thread(target=live.of(OTHER).wait, args=(1,))
    first.start()
    while not site.pings:
        time.sleep(0.01)
    second = live.of(SESSION)
    assert second.wait(0.05) is False
    assert not second.told
    first.join()


@dataclass
class Script:
    """News as told beforehand; keeps how long each pause was to be."""

    answers: list[bool]
    told: bool = True
    pauses: list[float] = field(default_factory=list)

    def wait(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        return self.answers.pop(0) if self.answers else False


def paused(script: Script, monkeypatch: pytest.MonkeyPatch, turns: int) -> list[float]:
    monkeypatch.setattr("gen3d.polling._FIRST_PAUSE_SECONDS", 0.2)
    monkeypatch.setattr("gen3d.polling._LONGEST_PAUSE_SECONDS", 1.0)
    for turn, _ in enumerate(polls(3600, "late", script)):
        if turn == turns:
            break
    return script.pauses


def test_pauses_begin_anew_with_news_and_grow_longer_where_news_would_be_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = paused(Script([False] * 60 + [True]), monkeypatch, 62)
    assert (found[0], found[60], found[61]) == (0.2, 5.0, 0.2)
    assert paused(Script([], told=False), monkeypatch, 60)[-1] == 1.0


def test_the_deadline_holds() -> None:
    with pytest.raises(DeadlineExceeded, match="late"):
        list(polls(0, "late", Script([])))
