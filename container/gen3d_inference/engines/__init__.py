"""What computes. An engine is chosen for each part by its environment variable, never by fallback."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from gen3d_events.inference import Pose, Role
from gen3d_events.models import Engine, Quality
from numpy.typing import NDArray
from safetensors.numpy import save

from gen3d_inference.ply import Splats

Photo = NDArray[np.uint8]
"""RGB, upright, [height, width, 3]."""
MaskArray = NDArray[np.bool_]
"""True inside the object, [height, width] of its photo."""


@dataclass(frozen=True)
class Embedding:
    """What a segmenter hands to the browser for one photo; the words are those of `EmbeddingManifest`.

    tensors: by the name under which the decoder takes them. decoder: ONNX graphs by role, the same bytes for
    every photo. licence: of the decoder's weights, which travels with them; empty where nobody's applies.
    input_size, mask_size: (width, height). vram_peak: bytes on the GPU of the engine's own process, if it has
    one of each.
    """

    tensors: dict[str, NDArray[Any]]
    input_size: tuple[int, int]
    mask_size: tuple[int, int]
    preprocessing: str
    decoder: dict[Role, bytes]
    licence: str = ""
    vram_peak: int | None = None

    @cached_property
    def content(self) -> bytes:
        """The tensors as a safetensors file."""
        # safetensors writes memory as it lies, and says nothing of another order.
        return save({name: np.ascontiguousarray(tensor) for name, tensor in self.tensors.items()})


@dataclass(frozen=True)
class Reconstruction:
    """What a reconstructor makes of an object.

    pose: where the camera saw it, if the engine knows. glb: a mesh of its own, if it was asked for one.
    vram_peak: as of an Embedding.
    """

    splats: Splats
    pose: Pose | None = None
    glb: bytes | None = None
    vram_peak: int | None = None


@dataclass(frozen=True)
class Detection:
    """One object that is what the words say.

    mask: of the photo's size. score: 0 to 1. box: left, top, right, bottom in px of the photo.
    """

    mask: MaskArray
    score: float
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class Detections:
    """What a detector finds, best first; nothing if there is no such thing. vram_peak: as of an Embedding."""

    found: list[Detection]
    vram_peak: int | None = None


class Segmenter(Protocol):
    """Turns a photo into the tensors from which its decoder makes masks of clicks.

    An engine, this or the other kind, that needs more than its code has a class method `load(environment)`,
    which raises EngineUnavailable for what is missing; others are made without arguments.
    """

    engine: Engine

    def embed(self, photo: Photo) -> Embedding: ...


class Reconstructor(Protocol):
    """Turns a photo and the mask of one object into splats. The mask holds at least one pixel."""

    engine: Engine

    def reconstruct(self, photo: Photo, mask: MaskArray, quality: Quality, seed: int) -> Reconstruction: ...


class Detector(Protocol):
    """Finds the objects of a photo that are what the words say."""

    engine: Engine

    def detect(self, photo: Photo, text: str, most: int) -> Detections:
        """At most `most` of them. text: a noun phrase."""


class EngineUnavailable(Exception):
    """An engine that does not exist, or lacks what it needs to load. The message says what to do."""


def weights_folder(environment: Mapping[str, str]) -> Path:
    """Where the models' files lie: GEN3D_WEIGHTS, or where SageMaker puts them."""
    return Path(environment.get("GEN3D_WEIGHTS", "/opt/ml/model"))


def interpreter(environment: Mapping[str, str], engine: str) -> str | None:
    """The Python of the environment in which an engine runs, if that is not the server's."""
    return environment.get(_python(engine))


def _python(engine: str) -> str:
    return f"GEN3D_{engine.upper()}_PYTHON"


_SEGMENTERS = {
    "classical": "gen3d_inference.engines.classical:ClassicalSegmenter",
    "sam3": "gen3d_inference.engines.sam3:Sam3Segmenter",
}
_RECONSTRUCTORS = {
    "relief": "gen3d_inference.engines.relief:ReliefReconstructor",
    "sam3d": "gen3d_inference.engines.sam3d:Sam3dReconstructor",
}
_DETECTORS = {
    "sam3_text": "gen3d_inference.engines.sam3_text:Sam3Detector",
}


def segmenter_maker(environment: Mapping[str, str]) -> Callable[[], Segmenter]:
    """What loads the segmenter that GEN3D_SEGMENTER names. All raise EngineUnavailable."""
    return _maker("GEN3D_SEGMENTER", _SEGMENTERS, environment)


def reconstructor_maker(environment: Mapping[str, str]) -> Callable[[], Reconstructor]:
    """What loads the reconstructor that GEN3D_RECONSTRUCTOR names. All raise EngineUnavailable."""
    return _maker("GEN3D_RECONSTRUCTOR", _RECONSTRUCTORS, environment)


def detector_maker(environment: Mapping[str, str]) -> Callable[[], Detector]:
    """What loads the detector that GEN3D_DETECTOR names. All raise EngineUnavailable."""
    return _maker("GEN3D_DETECTOR", _DETECTORS, environment)


def _maker(variable: str, known: dict[str, str], environment: Mapping[str, str]) -> Callable[[], Any]:
    name = environment.get(variable, "")
    if name not in known:
        reason = f"{variable} is {name}, which is no engine" if name else f"{variable} is not set"
        raise EngineUnavailable(f"{reason}. Set it to one of: {', '.join(known)}.")

    def make() -> Any:
        module, _, attribute = known[name].partition(":")
        try:
            engine = getattr(import_module(module), attribute)
            return engine.load(environment) if hasattr(engine, "load") else engine()
        except ImportError as error:
            raise EngineUnavailable(
                f"{name} cannot be imported: {error}. Set {_python(name)} to the interpreter of the "
                "environment that has its packages; in the image that is done."
            ) from error

    return make
