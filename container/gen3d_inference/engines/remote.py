"""An engine in a process of its own, with another interpreter and other packages, behind the same interface.

SAM 3 and SAM 3D Objects cannot share an environment (docs/models.md says why).
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, Any, Literal

import gen3d_events
from gen3d_events.models import Engine, Quality
from numpy.typing import NDArray

import gen3d_inference
from gen3d_inference.engines import (
    Detections,
    Embedding,
    EngineUnavailable,
    MaskArray,
    Photo,
    Reconstruction,
)
from gen3d_inference.engines.output import lines
from gen3d_inference.engines.wire import (
    Message,
    packed,
    unpack_detections,
    unpack_embedding,
    unpack_reconstruction,
    unpacked,
)
from gen3d_inference.failures import InferenceError
from gen3d_inference.telemetry import logger

Kind = Literal["segmenter", "reconstructor", "detector"]

_MODULE = "gen3d_inference.engines.process"
SOURCES = [str(Path(package.__path__[0]).parent) for package in (gen3d_inference, gen3d_events)]
"""The folders of the code that the server and its engines share."""
_END_SECONDS = 10


class _Remote:
    """A process that has loaded its engine. Raises EngineUnavailable if it cannot."""

    def __init__(self, kind: Kind, python: str, environment: Mapping[str, str]) -> None:
        self._kind = kind
        ours, theirs = socket.socketpair()
        try:
            self._process = subprocess.Popen(  # noqa: S603
                [python, "-u", "-m", _MODULE, str(theirs.fileno()), kind],
                env={**_without_rights(environment), "PYTHONPATH": os.pathsep.join(SOURCES)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C is the server's to answer
            )
        except OSError as error:
            ours.close()
            raise EngineUnavailable(f"the {kind}'s interpreter cannot be started: {error}") from error
        finally:
            theirs.close()
        name = environment.get(f"GEN3D_{kind.upper()}", kind)
        self._telling = threading.Thread(target=_tell, args=(name, self._process.stdout), daemon=True)
        self._telling.start()
        self._connection = Connection(ours.detach())
        try:
            about = unpacked(self._connection.recv_bytes()).about
        except (EOFError, OSError):
            raise EngineUnavailable(f"{self._how_it_ended()} while loading") from None
        if "unavailable" in about:
            self.close()
            raise EngineUnavailable(about["unavailable"])
        self.engine = Engine.model_validate(about["engine"])

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    @property
    def pid(self) -> int:
        return self._process.pid

    def close(self) -> None:
        """End the process."""
        self._connection.close()
        self._process.kill()
        self._process.wait()
        self._telling.join(_END_SECONDS)

    def _ask(self, about: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Message:
        """Raises InferenceError: the engine's own, or `inference_unavailable` when its process ends."""
        try:
            request = logger.thread_safe_get_current_keys()
            self._connection.send_bytes(packed({**about, "request": request}, arrays))
            answer = unpacked(self._connection.recv_bytes())
        except (EOFError, OSError):
            raise InferenceError("inference_unavailable", self._how_it_ended()) from None
        if "code" in answer.about:
            raise InferenceError(answer.about["code"], answer.about["detail"])
        return answer

    def _how_it_ended(self) -> str:
        try:
            code = self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self.close()
            return f"the {self._kind}'s process closed its socket and was killed"
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with {code}"
        why = ", as the system does when memory is short" if code == -signal.SIGKILL else ""
        return f"the {self._kind}'s process was ended {how}{why}"


class RemoteSegmenter(_Remote):
    def __init__(self, python: str, environment: Mapping[str, str]) -> None:
        super().__init__("segmenter", python, environment)

    def embed(self, photo: Photo) -> Embedding:
        return unpack_embedding(self._ask({}, {"photo": photo}))


class RemoteReconstructor(_Remote):
    def __init__(self, python: str, environment: Mapping[str, str]) -> None:
        super().__init__("reconstructor", python, environment)

    def reconstruct(self, photo: Photo, mask: MaskArray, quality: Quality, seed: int) -> Reconstruction:
        about = {"quality": quality.value, "seed": seed}
        return unpack_reconstruction(self._ask(about, {"photo": photo, "mask": mask}))


class RemoteDetector(_Remote):
    def __init__(self, python: str, environment: Mapping[str, str]) -> None:
        super().__init__("detector", python, environment)

    def detect(self, photo: Photo, text: str, most: int) -> Detections:
        return unpack_detections(self._ask({"text": text, "most": most}, {"photo": photo}))


def _tell(engine: str, output: IO[bytes]) -> None:
    with output:
        for line in lines(output):
            about = {"engine": engine, **line.about}
            logger.log(line.level, line.message, extra=about)  # type: ignore[attr-defined]  # logging's own


def _without_rights(environment: Mapping[str, str]) -> dict[str, str]:
    """What loads pickles and others' code needs neither the bucket nor the hub."""
    return {name: value for name, value in environment.items() if not name.startswith(("AWS_", "HF_TOKEN"))}


def has_ended(engine: object) -> bool:
    """Whether the engine ran in a process of its own that is no more."""
    return isinstance(engine, _Remote) and engine.ended
