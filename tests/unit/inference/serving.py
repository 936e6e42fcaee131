"""Engines that behave as a test says, and the server around them on a free port."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import httpx
import uvicorn
from gen3d_events.inference import InferenceRequest, Pose, Reply
from gen3d_events.models import Engine, Quality
from gen3d_inference import engines
from gen3d_inference.engines.relief import ReliefReconstructor
from gen3d_inference.lifecycle import READY, Status
from gen3d_inference.server import Computing, application
from gen3d_inference.tasks import Workshop

from tests.unit.inference.invoking import DEADLINE_SECONDS, HEIGHT, WIDTH, eventually


@dataclass
class Held:
    """A reconstructor that works until it is released, and counts how many work at once."""

    engine = Engine(name="held", version="1", weight_free=True)
    working: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
    now: int = 0
    most: int = 0

    def reconstruct(
        self, photo: engines.Photo, mask: engines.MaskArray, quality: Quality, seed: int
    ) -> engines.Reconstruction:
        self.now += 1
        self.most = max(self.most, self.now)
        self.working.set()
        assert self.released.wait(DEADLINE_SECONDS)
        self.now -= 1
        return ReliefReconstructor().reconstruct(photo, mask, Quality.FAST, seed)


@dataclass
class Failing:
    """An engine that fails in a way of its own."""

    error: Exception
    engine = Engine(name="failing", version="1", weight_free=True)

    def embed(self, photo: engines.Photo) -> engines.Embedding:
        raise self.error

    def reconstruct(
        self, photo: engines.Photo, mask: engines.MaskArray, quality: Quality, seed: int
    ) -> engines.Reconstruction:
        raise self.error


@dataclass
class Posed:
    """A reconstructor that knows where the camera was, and makes a mesh."""

    pose: Pose
    engine = Engine(name="posed", version="1", weight_free=True)

    def reconstruct(
        self, photo: engines.Photo, mask: engines.MaskArray, quality: Quality, seed: int
    ) -> engines.Reconstruction:
        made = ReliefReconstructor().reconstruct(photo, mask, Quality.FAST, seed)
        return replace(made, pose=self.pose, glb=b"glTF")


@dataclass
class Drawn:
    """A detector that says what it was asked, and finds what it was given."""

    found: list[engines.Detection]
    engine = Engine(name="drawn", version="1", weight_free=True)
    asked: list[tuple[str, int]] = field(default_factory=list)

    def detect(self, photo: engines.Photo, text: str, most: int) -> engines.Detections:
        assert photo.shape == (HEIGHT, WIDTH, 3)
        self.asked.append((text, most))
        return engines.Detections(self.found)


@dataclass
class Loaded:
    """A workshop that needs no loading."""

    workshop: Workshop

    def begin(self) -> None: ...

    def status(self) -> Status:
        return READY

    def run(self, request: InferenceRequest) -> Reply:
        return self.workshop.run(request)


@contextmanager
def served(computing: Workshop | Computing) -> Iterator[httpx.Client]:
    """A client of the application on a free port."""
    if isinstance(computing, Workshop):
        computing = Loaded(computing)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(application(computing), log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            eventually(lambda: server.started)
            address = f"http://127.0.0.1:{listener.getsockname()[1]}"
            with httpx.Client(base_url=address, timeout=DEADLINE_SECONDS, trust_env=False) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join()
