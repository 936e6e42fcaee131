"""Points and boxes become masks here, as in a browser: with the photo's embedding and the engine's decoder.

The manifest says what the decoder takes, and of which graphs it consists (gen3d_events.inference).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import onnxruntime
from gen3d_events.inference import EmbeddingManifest, Role
from gen3d_events.models import Engine
from numpy.typing import NDArray
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load

from gen3d.errors import NoMask, WrongUsage
from gen3d.masks import Logits, MaskArray, mask_of, png
from gen3d.prompts import Box, Point, check_prompts, check_within, corners, objects

Arrays = dict[str, NDArray[Any]]

CANDIDATES = 4
_MASKED = "masked_"
_LOW_CORNER, _HIGH_CORNER = 2, 3


class Decoder:
    """One photo's decoder. Raises NoMask(`decoder_mismatch`) where graphs and tensors do not fit together."""

    def __init__(self, manifest: EmbeddingManifest, tensors: Arrays, graphs: Mapping[Role, bytes]) -> None:
        self.manifest = manifest
        try:
            self.sessions = {role: _session(graph) for role, graph in graphs.items()}
        except Exception as error:  # onnxruntime's errors have no common class of their own
            raise NoMask.because("decoder_mismatch", f"The decoder cannot be loaded: {error}") from error
        self._tensors = {**tensors, **(self._run("prepare", tensors) if "prepare" in graphs else {})}

    def decode(self, points: Logits, labels: Logits, earlier: Logits | None = None) -> Arrays:
        """`masks` [1, 4, h, w], `scores` [1, 4] and `object_score` [1]. points [n, 2] in the manifest's input
        frame; labels [n]; earlier [h, w]: logits of a previous mask."""
        height, width = self.manifest.mask_height, self.manifest.mask_width
        mask = np.zeros((height, width), np.float32) if earlier is None else earlier
        prompts: Arrays = {
            "point_coords": points[None].astype(np.float32),
            "point_labels": labels[None].astype(np.float32),
            "mask_input": mask[None, None].astype(np.float32),
            "has_mask_input": np.array([earlier is not None], np.float32),
        }
        given = {**self._tensors, **prompts}
        if earlier is not None and "mask" in self.sessions:
            masked = self._run("mask", given)
            given |= {name.removeprefix(_MASKED): tensor for name, tensor in masked.items()}
        return self._run("decode", given)

    def _run(self, role: Role, given: Arrays) -> Arrays:
        session = self.sessions[role]
        names = [output.name for output in session.get_outputs()]
        try:
            inputs = {wanted.name: given[wanted.name] for wanted in session.get_inputs()}
            return dict(zip(names, session.run(names, inputs), strict=True))
        except KeyError as error:
            raise NoMask.because("decoder_mismatch", f"Nothing provides its input {error}.") from error
        except Exception as error:  # as above
            raise NoMask.because("decoder_mismatch", str(error)) from error


@dataclass(frozen=True)
class Segmentation:
    """What the decoder makes of one object's points and box.

    logits: of the candidates [4, h, w], over the whole photo. Candidate 0 is the one to take; 1 to 3 go from
    a part to the whole. scores [4]: how good it takes each to be, about 0..1. object_score: a logit, how sure
    it is that there is anything. points: what was given. size: (width, height) of the photo.
    """

    logits: Logits
    scores: Logits
    object_score: float
    engine: Engine
    points: tuple[Point, ...]
    size: tuple[int, int]
    threshold: float

    def mask(self, candidate: int = 0) -> MaskArray:
        """The mask [height, width] at the photo's size. Raises NoMask(`selection_empty`), WrongUsage for a
        candidate that is none of 0 to 3."""
        if candidate not in range(CANDIDATES):
            raise WrongUsage(f"There is no candidate {candidate}.", f"Choose one of 0 to {CANDIDATES - 1}.")
        mask = mask_of(self.logits[candidate], *self.size, self.threshold)
        if not mask.any():
            raise NoMask.because("selection_empty")
        return mask

    def png(self, candidate: int = 0) -> bytes:
        """The mask as the service takes it. Raises as `mask`."""
        return png(self.mask(candidate))


class Clicks:
    """A photo ready for clicks.

    manifest, embedding: the files that the API gives; graphs: the decoder's by role. Raises NoMask with
    `embedding_corrupt` or `decoder_mismatch`.
    """

    def __init__(self, manifest: bytes, embedding: bytes, graphs: Mapping[Role, bytes]) -> None:
        try:
            self.manifest = EmbeddingManifest.model_validate_json(manifest)
            self._tensors: Arrays = load(embedding)
        except (ValidationError, SafetensorError, ValueError, KeyError) as error:
            raise NoMask.because("embedding_corrupt") from error
        if _described(self._tensors) != {(it.name, it.shape, it.dtype) for it in self.manifest.tensors}:
            raise NoMask.because("embedding_corrupt", "Its tensors are not those of the manifest.")
        if hashlib.sha256(embedding).hexdigest() != self.manifest.embedding_sha256:
            raise NoMask.because("embedding_corrupt", "Its content is not that of the manifest.")
        announced = {graph.role: graph.sha256 for graph in self.manifest.decoder}
        if announced != {role: hashlib.sha256(graph).hexdigest() for role, graph in graphs.items()}:
            raise NoMask.because("decoder_mismatch")
        self._graphs = graphs

    @cached_property
    def decoder(self) -> Decoder:
        return Decoder(self.manifest, self._tensors, self._graphs)

    def segment(
        self, points: Sequence[Point] = (), boxes: Sequence[Box] = (), earlier: Logits | None = None
    ) -> list[Segmentation]:
        """One object for each box, or one of all points where there is none.

        With several boxes a point counts for those that it lies in. earlier [h, w]: logits of a mask to
        refine, where one object is meant. Raises WrongUsage for points and boxes that cannot be meant.
        """
        check_prompts(points, boxes)
        wanted = (self.manifest.mask_height, self.manifest.mask_width)
        if earlier is not None and earlier.shape != wanted:
            raise WrongUsage(f"The earlier mask is {earlier.shape}, but this decoder's are {wanted}.")
        check_within(points, boxes, self.manifest.photo_width, self.manifest.photo_height)
        return [self._one(of_object, box, earlier) for of_object, box in objects(points, boxes)]

    def _one(self, points: Sequence[Point], box: Box | None, earlier: Logits | None) -> Segmentation:
        manifest = self.manifest
        places = [(x, y) for x, y, _ in points]
        labels = [label for *_, label in points]
        if box is not None:
            places += corners(box)
            labels += [_LOW_CORNER, _HIGH_CORNER]
        frame = np.array(
            [manifest.input_width / manifest.photo_width, manifest.input_height / manifest.photo_height]
        )
        coords = (np.array(places, np.float64) * frame).astype(np.float32)
        decoded = self.decoder.decode(coords, np.array(labels, np.float32), earlier)
        shapes = {
            "masks": (1, CANDIDATES, manifest.mask_height, manifest.mask_width),
            "scores": (1, CANDIDATES),
            "object_score": (1,),
        }
        if (given := {name: value.shape for name, value in decoded.items()}) != shapes:
            raise NoMask.because("decoder_mismatch", f"It gives {given}.")
        return Segmentation(
            logits=decoded["masks"][0],
            scores=decoded["scores"][0],
            object_score=float(decoded["object_score"][0]),
            engine=manifest.engine,
            points=tuple(points),
            size=(manifest.photo_width, manifest.photo_height),
            threshold=manifest.mask_threshold,
        )


def _described(tensors: Arrays) -> set[tuple[str, tuple[int, ...], str]]:
    return {(name, value.shape, value.dtype.name) for name, value in tensors.items()}


def _session(graph: bytes) -> Any:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what is wrong is raised as well
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
