"""The socket: whoever waits looks again as soon as something has happened (docs/api.md, "The socket").

It only makes waits shorter and requests fewer: what has happened is asked of the API, so nothing is lost
where there is no socket, or none any more.
"""

from __future__ import annotations

import json
import threading
import time
from contextlib import ExitStack
from typing import Any

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from gen3d.errors import Gen3DError
from gen3d.http import Api, is_loopback

OPEN_SECONDS = 10.0
PING_SECONDS = 300.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 2.0, 120.0
"""Between tries to open a socket."""
PING = '{"type": "ping"}'


class Live:
    """One socket of a signed-in user, opened when somebody first waits, and again after it was lost."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._open = ExitStack()
        self._socket: ClientConnection | None = None
        self._heard: str | None = None
        self._pause = FIRST_PAUSE_SECONDS
        self._next_try = self._next_ping = 0.0
        self._turn = threading.Lock()

    def of(self, session_id: str) -> News:
        """What happens to one session."""
        return News(self, session_id)

    def close(self) -> None:
        self._socket = None
        self._open.close()

    def hear(self, session_id: str, seconds: float) -> bool | None:
        """Whether something happened to a session within `seconds`, which are over if nothing did.

        None, and at once, if that cannot be told: there is no socket, or another thread listens.
        """
        if not self._turn.acquire(blocking=False):
            return None
        try:
            return self._listen(session_id, time.monotonic() + seconds)
        except (WebSocketException, OSError):
            self._lost()
            return None
        finally:
            self._turn.release()

    def _listen(self, session_id: str, deadline: float) -> bool | None:
        socket, happened = self._connected(), False
        if socket is None:
            return None
        while True:
            # What came meanwhile is one piece of news, so it is all taken.
            left = 0.0 if happened else max(0.0, deadline - time.monotonic())
            try:
                metadata = _metadata(socket.recv(timeout=left))
            except TimeoutError:
                return happened
            self._heard = metadata.get("event_id", self._heard)
            happened = happened or metadata.get("session_id") == session_id

    def _connected(self) -> ClientConnection | None:
        now = time.monotonic()
        if self._socket is None and now >= self._next_try:
            try:
                self._socket = self._connect()
                self._pause, self._next_ping = FIRST_PAUSE_SECONDS, 0.0
            except (Gen3DError, WebSocketException, OSError):
                self._lost()
        if self._socket and now >= self._next_ping:
            self._socket.send(PING)
            self._next_ping = now + PING_SECONDS
        return self._socket

    def _connect(self) -> ClientConnection:
        ticket = self._api.post("/tickets", {})["ticket"]
        resumed = f"&from={self._heard}" if self._heard else ""
        address = f"{self._api.url.removesuffix('/api').replace('http', 'ws', 1)}/socket"
        return self._open.enter_context(
            connect(
                f"{address}?ticket={ticket}{resumed}",
                open_timeout=OPEN_SECONDS,
                close_timeout=1,
                ping_interval=None,
                proxy=None if is_loopback(self._api.url) else True,
            )
        )

    def _lost(self) -> None:
        self.close()
        self._next_try = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)


class News:
    """What happens to one session; see polling.py."""

    def __init__(self, live: Live, session_id: str) -> None:
        self._live = live
        self._session_id = session_id
        self.told = False

    def wait(self, seconds: float) -> bool:
        """Up to `seconds`; whether something happened. `told` says afterwards whether that could be told."""
        happened = self._live.hear(self._session_id, seconds)
        self.told = happened is not None
        if not self.told:
            time.sleep(seconds)
        return bool(happened)


def _metadata(text: str | bytes) -> dict[str, Any]:
    """Of the event in a message; empty for another message."""
    try:
        message = json.loads(text)
    except ValueError:
        return {}
    if not isinstance(message, dict) or message.get("type") != "event":
        return {}
    found: dict[str, Any] = message["detail"]["metadata"]
    return found
