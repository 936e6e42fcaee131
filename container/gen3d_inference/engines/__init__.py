"""What computes. An engine is chosen for each part by its environment variable, never by fallback."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any, Protocol

import numpy as np
from gen3d_events.inference import Role
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
    every photo. input_size, mask_size: (width, height).
    """

    tensors: dict[str, NDArray[Any]]
    input_size: tuple[int, int]
    mask_size: tuple[int, int]
    preprocessing: str
    decoder: dict[Role, bytes]

    @cached_property
    def content(self) -> bytes:
        """The tensors as a safetensors file."""
        return save(self.tensors)


class Segmenter(Protocol):
    """Turns a photo into the tensors from which its decoder makes masks of clicks."""

    engine: Engine

    def embed(self, photo: Photo) -> Embedding: ...


class Reconstructor(Protocol):
    """Turns a photo and the mask of one object into splats. The mask holds at least one pixel."""

    engine: Engine

    def reconstruct(self, photo: Photo, mask: MaskArray, quality: Quality, seed: int) -> Splats: ...


class EngineUnavailable(Exception):
    """The configuration names no engine that this image can run. The message says what to do."""


_SEGMENTERS = {"classical": "gen3d_inference.engines.classical:ClassicalSegmenter"}
_RECONSTRUCTORS = {"relief": "gen3d_inference.engines.relief:ReliefReconstructor"}
_NOT_IN_THIS_IMAGE = {"sam3": "SAM 3", "sam3d": "SAM 3D Objects"}


def choose_segmenter(environment: Mapping[str, str]) -> Segmenter:
    """The segmenter named by GEN3D_SEGMENTER. Raises EngineUnavailable."""
    segmenter: Segmenter = _chosen("GEN3D_SEGMENTER", _SEGMENTERS, environment)()
    return segmenter


def choose_reconstructor(environment: Mapping[str, str]) -> Reconstructor:
    """The reconstructor named by GEN3D_RECONSTRUCTOR. Raises EngineUnavailable."""
    reconstructor: Reconstructor = _chosen("GEN3D_RECONSTRUCTOR", _RECONSTRUCTORS, environment)()
    return reconstructor


def _chosen(variable: str, known: dict[str, str], environment: Mapping[str, str]) -> Any:
    name = environment.get(variable, "")
    if name not in known:
        if name in _NOT_IN_THIS_IMAGE:
            reason = f"{variable} is {name}, but {_NOT_IN_THIS_IMAGE[name]} is not part of this image"
        elif name:
            reason = f"{variable} is {name}, which is no engine"
        else:
            reason = f"{variable} is not set"
        raise EngineUnavailable(f"{reason}. Set it to one of: {', '.join(known)}.")
    module, _, attribute = known[name].partition(":")
    return getattr(import_module(module), attribute)
