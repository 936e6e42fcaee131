"""Fixtures of the client's tests: the small Gen3D on a random port, and files to send."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from tests.unit.client.fake_service import Service


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gen3d.polling._FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr("gen3d.polling._LONGEST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr("gen3d.http.BACKOFF_SECONDS", 0.001)


@pytest.fixture
def service() -> Iterator[Service]:
    fake = Service()
    server = uvicorn.Server(uvicorn.Config(fake.app(), host="127.0.0.1", port=0, log_level="error"))
    listening = server.config.bind_socket()
    listening.listen()  # so that who comes before the server waits
    fake.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    yield fake
    server.should_exit = True
    thread.join()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "chair.jpg"
    path.write_bytes(b"\xff\xd8 a photo" * 20000)
    return path


@pytest.fixture
def mask(tmp_path: Path) -> Path:
    path = tmp_path / "mask.png"
    path.write_bytes(b"\x89PNG a mask")
    return path
