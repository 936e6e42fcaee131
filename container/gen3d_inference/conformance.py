"""What every decoder must keep to, whatever made it: run on a manifest, its tensors and its graphs.

Graphs by role: `prepare` runs once per photo on the tensors, and its outputs join or replace them by name;
`mask` runs for an earlier mask, on the same and on `mask_input`, and its outputs replace tensors for that
one decoding; `decode` makes masks of clicks. Each takes what it declares as inputs, by name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime
from gen3d_events.inference import EmbeddingManifest
from numpy.typing import NDArray

from gen3d_inference.engines import Role

Floats = NDArray[np.float32]
Arrays = dict[str, NDArray[Any]]

_CANDIDATES = 4
_TOLERANCE = 1e-3
_PROMPTS = {"point_coords", "point_labels", "mask_input", "has_mask_input"}


class Decoder:
    """One photo's decoder. Raises KeyError where a graph wants an input that nothing provides."""

    def __init__(self, manifest: EmbeddingManifest, tensors: Arrays, graphs: Mapping[Role, bytes]) -> None:
        self._manifest = manifest
        self.sessions = {
            role: onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
            for role, graph in graphs.items()
        }
        self._tensors = {**tensors, **(self._run("prepare", tensors) if "prepare" in graphs else {})}

    def decode(
        self,
        points: Floats,
        labels: Floats,
        earlier: Floats | None = None,
    ) -> Arrays:
        """`masks` [1, 4, h, w], `scores` [1, 4] and `object_score` [1]. points [n, 2] in the manifest's input
        frame; labels [n]; earlier [h, w]: logits of a previous mask."""
        height, width = self._manifest.mask_height, self._manifest.mask_width
        mask = np.zeros((height, width), np.float32) if earlier is None else earlier
        prompts: Arrays = {
            "point_coords": points[None].astype(np.float32),
            "point_labels": labels[None].astype(np.float32),
            "mask_input": mask[None, None].astype(np.float32),
            "has_mask_input": np.array([earlier is not None], np.float32),
        }
        given = {**self._tensors, **prompts}
        if earlier is not None and "mask" in self.sessions:
            given |= self._run("mask", given)
        return self._run("decode", given)

    def _run(self, role: Role, given: Arrays) -> Arrays:
        session = self.sessions[role]
        names = [output.name for output in session.get_outputs()]
        inputs = {wanted.name: given[wanted.name] for wanted in session.get_inputs()}
        return dict(zip(names, session.run(names, inputs), strict=True))


def violations(manifest: EmbeddingManifest, tensors: Arrays, graphs: Mapping[Role, bytes]) -> Iterator[str]:
    """What a decoder does against the contract, as sentences; nothing if it conforms."""
    yield from _manifest_violations(manifest, tensors, graphs)
    try:
        decoder = Decoder(manifest, tensors, graphs)
        yield from _decoding_violations(manifest, decoder)
    except KeyError as error:
        yield f"a graph wants the input {error}, which no tensor, graph or prompt provides"


def _manifest_violations(
    manifest: EmbeddingManifest, tensors: Arrays, graphs: Mapping[Role, bytes]
) -> Iterator[str]:
    said = {(spec.name, spec.shape, spec.dtype) for spec in manifest.tensors}
    if said != (found := {(name, value.shape, value.dtype.name) for name, value in tensors.items()}):
        yield f"the manifest announces the tensors {said}, not {found}"
    roles = [graph.role for graph in manifest.decoder]
    if sorted(roles) != sorted(graphs) or roles.count("decode") != 1:
        yield f"the manifest announces the graphs {roles}, not {list(graphs)} with one `decode`"
    for graph in manifest.decoder:
        content = graphs.get(graph.role, b"")
        if (graph.sha256, graph.bytes) != (hashlib.sha256(content).hexdigest(), len(content)):
            yield f"the graph `{graph.role}` does not have the announced hash and length"
        if graph.key != f"decoders/{graph.sha256}.onnx":
            yield f"the graph `{graph.role}` lies at {graph.key}, which does not name its content"


def _decoding_violations(manifest: EmbeddingManifest, decoder: Decoder) -> Iterator[str]:
    height, width = manifest.mask_height, manifest.mask_width
    frame = np.array([manifest.input_width, manifest.input_height], np.float32)
    shapes = {"masks": (1, _CANDIDATES, height, width), "scores": (1, _CANDIDATES), "object_score": (1,)}

    for wanted in decoder.sessions["decode"].get_inputs():
        if wanted.name in _PROMPTS and wanted.type != "tensor(float)":
            yield f"`{wanted.name}` is {wanted.type}, not float32"

    centre = _floats([[0.5, 0.5]]) * frame
    object_label, background_label = _floats([1]), _floats([0])
    for count in (1, 2, 9):
        points = np.linspace(0.1, 0.9, 2 * count, dtype=np.float32).reshape(count, 2) * frame
        outputs = decoder.decode(points, np.resize(_floats([1, 0]), count))
        if (found := {name: value.shape for name, value in outputs.items()}) != shapes:
            yield f"{count} points give {found}, not {shapes}"
            return
        for name, value in outputs.items():
            if value.dtype != np.float32 or not np.isfinite(value).all():
                yield f"{count} points give a `{name}` of {value.dtype} that is not all finite float32"

    clicked = decoder.decode(centre, object_label)["masks"]
    padded_points = np.concatenate([centre, np.zeros((3, 2), np.float32), frame[None] / 4])
    padded = decoder.decode(padded_points, _floats([1, -1, -1, -1, -1]))["masks"]
    if np.abs(padded - clicked).max() > _TOLERANCE:
        yield "points with the padding label -1 change the masks"

    if np.array_equal(decoder.decode(centre, background_label)["masks"], clicked):
        yield "a click on the background gives the same masks as one on the object"

    boxed = [
        decoder.decode(_floats(corners) * frame, _floats([2, 3]))["masks"]
        for corners in ([[0.1, 0.1], [0.4, 0.4]], [[0.5, 0.5], [0.9, 0.9]])
    ]
    if not np.isfinite(boxed).all() or np.array_equal(boxed[0], boxed[1]):
        yield "two boxes give the same masks, or masks that are not finite"

    earlier = np.full((height, width), -6, np.float32)
    earlier[: height // 2] = 6
    refined = decoder.decode(centre, object_label, earlier)["masks"]
    if not np.isfinite(refined).all() or np.array_equal(refined, clicked):
        yield "an earlier mask changes nothing, or gives masks that are not finite"


def _floats(values: Sequence[float] | Sequence[Sequence[float]]) -> Floats:
    return np.array(values, np.float32)
