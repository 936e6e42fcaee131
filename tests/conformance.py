"""Whether a decoder with its manifest keeps the contract, judged through the client's own code.

Any engine's decoder can be judged: `violations` gives sentences, and nothing where all is well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from gen3d.clicks import CANDIDATES, Arrays, Decoder
from gen3d.errors import NoMask
from gen3d_events.inference import EmbeddingManifest, Role
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_TOLERANCE = 1e-3
_PROMPTS = {"point_coords", "point_labels", "mask_input", "has_mask_input"}


def violations(manifest: EmbeddingManifest, tensors: Arrays, graphs: Mapping[Role, bytes]) -> Iterator[str]:
    """What a decoder does against the contract, as sentences; nothing if it conforms."""
    yield from _manifest_violations(manifest, tensors, graphs)
    try:
        decoder = Decoder(manifest, tensors, graphs)
        yield from _decoding_violations(manifest, decoder)
    except NoMask as error:
        yield error.message


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
    shapes = {"masks": (1, CANDIDATES, height, width), "scores": (1, CANDIDATES), "object_score": (1,)}

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
