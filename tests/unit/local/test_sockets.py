"""The front passes sockets on: address, origin, messages both ways, how they end, and refusals."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

import pytest
import uvicorn
from gen3d_local.children import poll
from gen3d_local.front import Front, application
from gen3d_local.state import free_port, write_json
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.http11 import Request, Response
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Origin


@dataclass
class Engine:
    """A socket's other end: echoes, closes when told to, refuses where the query says so."""

    url: str = ""
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    closed: list[int | None] = field(default_factory=list)

    def admit(self, socket: ServerConnection, request: Request) -> Response | None:
        self.asked.append((request.path, request.headers.get("Origin")))
        return socket.respond(HTTPStatus.UNAUTHORIZED, "no") if "forged" in request.path else None

    def serve(self, socket: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            while (message := socket.recv()) != "go":
                socket.send(f"heard {message!s}")
            socket.close(4001, "gone")
        self.closed.append(socket.protocol.close_rcvd.code if socket.protocol.close_rcvd else None)


@pytest.fixture
def engine() -> Iterator[Engine]:
    found = Engine()
    with serve(found.serve, "127.0.0.1", 0, process_request=found.admit) as server:
        found.url = f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield found
        server.shutdown()
        thread.join()


@contextlib.contextmanager
def front(engine_url: str, state: Path, deployed: bool = True) -> Iterator[str]:
    """The front's socket."""
    outputs = state / "outputs.json"
    if deployed:
        write_json(outputs, {"ApiId": "rest", "SocketApiId": "live"})
    port = free_port()
    app = application(Front(engine_url, outputs, state / "user.json", ""), state / "nowhere")
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    assert poll(lambda: server.started, 10)
    yield f"ws://127.0.0.1:{port}/socket"
    server.should_exit = True
    thread.join()


def test_a_socket_is_passed_on_both_ways(engine: Engine, tmp_path: Path) -> None:
    with front(engine.url, tmp_path) as address:
        with connect(f"{address}?ticket=a%2Bb&from=c", origin=Origin("http://site"), proxy=None) as socket:
            for message in ("one", "zwei äöü"):
                socket.send(message)
                assert socket.recv(5) == f"heard {message}"
        assert poll(lambda: bool(engine.closed), 5)
    assert engine.asked == [("/_aws/execute-api/live/socket?ticket=a%2Bb&from=c", "http://site")]
    assert engine.closed == [1000]


def test_how_the_engine_closes_is_passed_on(engine: Engine, tmp_path: Path) -> None:
    with front(engine.url, tmp_path) as address, connect(address, proxy=None) as socket:
        socket.send("go")
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(5)
    assert closed.value.rcvd
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4001, "gone")


def status(address: str) -> int:
    with pytest.raises(InvalidStatus) as refusal, connect(address, proxy=None):
        pass
    return int(refusal.value.response.status_code)


def test_a_refusal_is_passed_on(engine: Engine, tmp_path: Path) -> None:
    with front(engine.url, tmp_path) as address:
        assert status(f"{address}?ticket=forged") == 401


def test_without_an_engine_or_a_deployment_it_says_so(tmp_path: Path) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    with front(nowhere, tmp_path) as address:
        assert status(address) == 502
    (tmp_path / "outputs.json").unlink()
    with front(nowhere, tmp_path, deployed=False) as address:
        assert status(address) == 503
