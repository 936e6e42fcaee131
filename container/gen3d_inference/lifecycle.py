"""The server's engines from start to readiness: loaded in the background, and again when one is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import NamedTuple, TypeVar

from gen3d_events.inference import InferenceRequest, Reply

from gen3d_inference.engines import Detector, Reconstructor, Segmenter
from gen3d_inference.engines.remote import Kind, has_ended
from gen3d_inference.failures import InferenceError
from gen3d_inference.tasks import Workshop
from gen3d_inference.telemetry import Figure, logger, measure
from gen3d_inference.warm_up import detect_once, embed_once, reconstruct_once

E = TypeVar("E", Segmenter, Reconstructor, Detector)


class Status(NamedTuple):
    """What /ping answers: 200 ready, 503 loading, 500 failed, and why."""

    code: HTTPStatus
    text: str


READY = Status(HTTPStatus.OK, "ready")
LOADING = Status(HTTPStatus.SERVICE_UNAVAILABLE, "the models are being loaded")


class Models:
    """The engines that a server was configured with. make_*: load one; None: it serves no such task.

    An engine that runs in a process of its own can be lost; it alone is then loaded again, and until then
    requests are answered with `inference_unavailable`. What fails to load stays failed.
    """

    def __init__(
        self,
        make_segmenter: Callable[[], Segmenter] | None,
        make_reconstructor: Callable[[], Reconstructor] | None,
        model_bucket: str,
        make_detector: Callable[[], Detector] | None = None,
    ) -> None:
        self._make_segmenter = make_segmenter
        self._make_reconstructor = make_reconstructor
        self._make_detector = make_detector
        self._model_bucket = model_bucket
        self._segmenter: Segmenter | None = None
        self._reconstructor: Reconstructor | None = None
        self._detector: Detector | None = None
        self._status = LOADING
        self._loading = threading.Lock()

    def begin(self) -> None:
        """Load what is not loaded, in a thread that does not keep the server from ending."""
        if self._loading.acquire(blocking=False):
            if self._status is READY:
                self._status = LOADING
            threading.Thread(target=self._load, name="loading", daemon=True).start()

    def status(self) -> Status:
        """How far loading is. Begins to load a lost engine again."""
        if self._status is READY and (lost := self._lost()):
            logger.error("An engine was lost; it is loaded again", extra={"engines": lost})
            self.begin()
        return self._status

    def run(self, request: InferenceRequest) -> Reply:
        """Compute a request. Raises InferenceError, `inference_unavailable` while engines load."""
        code, text = self.status()
        if code != HTTPStatus.OK:
            failed = code == HTTPStatus.INTERNAL_SERVER_ERROR
            raise InferenceError("model_unavailable" if failed else "inference_unavailable", text)
        return Workshop(self._segmenter, self._reconstructor, self._model_bucket, self._detector).run(request)

    def _lost(self) -> list[str]:
        engines = (self._segmenter, self._reconstructor, self._detector)
        return [engine.engine.name for engine in engines if engine and has_ended(engine)]

    def _load(self) -> None:
        try:
            if self._make_segmenter and (self._segmenter is None or has_ended(self._segmenter)):
                self._segmenter = _loaded("segmenter", self._make_segmenter, embed_once)
            if self._make_reconstructor and (self._reconstructor is None or has_ended(self._reconstructor)):
                self._reconstructor = _loaded("reconstructor", self._make_reconstructor, reconstruct_once)
            if self._make_detector and (self._detector is None or has_ended(self._detector)):
                self._detector = _loaded("detector", self._make_detector, detect_once)
            self._status = READY
        except Exception as error:
            logger.exception("Loading failed")
            self._status = Status(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))
        finally:
            self._loading.release()


class _NotReady(Exception):
    """Which engine is not ready, at what it failed, and why."""


@contextmanager
def _named(what: str) -> Iterator[None]:
    """Say of anything that goes wrong what it was."""
    try:
        yield
    except Exception as error:
        raise _NotReady(f"{what}: {type(error).__name__}: {error}") from error


def _loaded(kind: Kind, make: Callable[[], E], warm_up: Callable[[E], None]) -> E:
    """Raises _NotReady."""
    started = time.perf_counter()
    with _named(f"the {kind} could not be loaded"):
        engine = make()
    seconds = time.perf_counter() - started
    with _named(f"the {kind} {engine.engine.name} failed its warm-up"):
        warm_up(engine)
    warm_up_seconds = time.perf_counter() - started - seconds
    measure(
        engine.engine.name,
        Figure("Inference.Load", round(seconds, 3), "Seconds"),
        Figure("Inference.WarmUp", round(warm_up_seconds, 3), "Seconds"),
    )
    logger.info("Loaded", extra={"engine": engine.engine.name, "seconds": round(seconds, 3)})
    return engine
