"""What the server and an engine's process say to each other: JSON and arrays in one safetensors message.

Neither side's packages matter to it: what pickle writes with one numpy, another may not read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from gen3d_events.inference import Pose
from numpy.typing import NDArray
from safetensors.numpy import load, save

from gen3d_inference.engines import Detection, Detections, Embedding, Reconstruction
from gen3d_inference.ply import Splats

_SPLATS = ("centres", "scales", "rotations", "opacities", "colours")


class Message(NamedTuple):
    about: dict[str, Any]
    arrays: dict[str, NDArray[Any]]


def packed(about: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]] | None = None) -> bytes:
    whole = {name: np.ascontiguousarray(array) for name, array in (arrays or {}).items()}
    return save(whole, metadata={"about": json.dumps(about)})


def unpacked(data: bytes) -> Message:
    size = int.from_bytes(data[:8], "little")
    return Message(json.loads(json.loads(data[8 : 8 + size])["__metadata__"]["about"]), load(data))


def pack_embedding(embedding: Embedding) -> bytes:
    about = {
        "input_size": embedding.input_size,
        "mask_size": embedding.mask_size,
        "preprocessing": embedding.preprocessing,
        "licence": embedding.licence,
        "vram_peak": embedding.vram_peak,
        "roles": list(embedding.decoder),
    }
    tensors = {f"tensor {name}": tensor for name, tensor in embedding.tensors.items()}
    graphs = {f"graph {role}": _array(content) for role, content in embedding.decoder.items()}
    return packed({**about, "names": list(embedding.tensors)}, {**tensors, **graphs})


def unpack_embedding(message: Message) -> Embedding:
    about, arrays = message
    return Embedding(
        tensors={name: arrays[f"tensor {name}"] for name in about["names"]},
        input_size=tuple(about["input_size"]),
        mask_size=tuple(about["mask_size"]),
        preprocessing=about["preprocessing"],
        decoder={role: arrays[f"graph {role}"].tobytes() for role in about["roles"]},
        licence=about["licence"],
        vram_peak=about["vram_peak"],
    )


def pack_reconstruction(made: Reconstruction) -> bytes:
    about = {"pose": made.pose and made.pose.model_dump(), "vram_peak": made.vram_peak}
    arrays = {name: getattr(made.splats, name) for name in _SPLATS}
    return packed(about, arrays | ({"glb": _array(made.glb)} if made.glb else {}))


def unpack_reconstruction(message: Message) -> Reconstruction:
    about, arrays = message
    return Reconstruction(
        splats=Splats(**{name: arrays[name] for name in _SPLATS}),
        pose=about["pose"] and Pose.model_validate(about["pose"]),
        glb=arrays["glb"].tobytes() if "glb" in arrays else None,
        vram_peak=about["vram_peak"],
    )


def pack_detections(made: Detections) -> bytes:
    found = [{"score": one.score, "box": one.box} for one in made.found]
    masks = {f"mask {n}": one.mask for n, one in enumerate(made.found)}
    return packed({"found": found, "vram_peak": made.vram_peak}, masks)


def unpack_detections(message: Message) -> Detections:
    about, arrays = message
    return Detections(
        found=[
            Detection(arrays[f"mask {n}"], one["score"], tuple(one["box"]))
            for n, one in enumerate(about["found"])
        ],
        vram_peak=about["vram_peak"],
    )


def _array(content: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(content, np.uint8)
