"""Write a binary glTF 2.0 file: one mesh with normals, vertex colours and a matt material."""

from __future__ import annotations

import json
import struct

import numpy as np
from numpy.typing import NDArray

from gen3d_meshing.model import Model
from gen3d_meshing.splat import Floats

_FLOAT, _USHORT, _UINT = 5126, 5123, 5125
_VERTICES, _INDICES = 34962, 34963
_ROUGHNESS = 0.85


def y_up(vectors: Floats) -> Floats:
    """(n, 3) from the splats' Z-up frame to glTF's Y-up: (x, y, z) -> (x, z, -y)."""
    return np.ascontiguousarray(np.stack([vectors[:, 0], vectors[:, 2], -vectors[:, 1]], axis=1))


def write_glb(model: Model) -> bytes:
    """The file's bytes, Y-up."""
    mesh, colours = model.mesh, model.colours
    positions = y_up(mesh.vertices)
    rgba = np.full((len(colours), 4), 65535, np.uint16)  # four shorts: vertex data must be aligned to 4 bytes
    rgba[:, :3] = np.rint(np.clip(colours, 0, 1) * 65535)
    wide = len(positions) > 65535  # 65535 itself is reserved for primitive restart
    indices = mesh.triangles.reshape(-1).astype(np.uint32 if wide else np.uint16)

    file = _Buffer()
    attributes = {
        "POSITION": file.add(
            positions,
            "VEC3",
            _FLOAT,
            _VERTICES,
            min=positions.min(0).tolist(),
            max=positions.max(0).tolist(),
        ),
        "NORMAL": file.add(y_up(mesh.normals), "VEC3", _FLOAT, _VERTICES),
        "COLOR_0": file.add(rgba, "VEC4", _USHORT, _VERTICES, normalized=True),
    }
    faces = file.add(indices, "SCALAR", _UINT if wide else _USHORT, _INDICES)
    return file.glb(
        {
            "asset": {"version": "2.0", "generator": "Gen3D"},
            "scene": 0,
            "scenes": [{"nodes": [0]}],
            "nodes": [{"name": "object", "mesh": 0}],
            "meshes": [
                {
                    "name": "object",
                    "primitives": [{"attributes": attributes, "indices": faces, "material": 0}],
                }
            ],
            "materials": [
                {
                    "name": "painted",
                    "pbrMetallicRoughness": {"metallicFactor": 0.0, "roughnessFactor": _ROUGHNESS},
                }
            ],
        }
    )


class _Buffer:
    """The binary chunk as it grows, with its views and accessors."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._views: list[dict[str, object]] = []
        self._accessors: list[dict[str, object]] = []

    def add(self, array: NDArray[np.generic], kind: str, component: int, target: int, **more: object) -> int:
        """Append an array; the index of its accessor."""
        self._views.append(
            {"buffer": 0, "byteOffset": len(self._data), "byteLength": array.nbytes, "target": target}
        )
        self._accessors.append(
            {
                "bufferView": len(self._views) - 1,
                "componentType": component,
                "count": len(array),
                "type": kind,
                **more,
            }
        )
        self._data += array.tobytes()
        self._data += b"\0" * (-len(self._data) % 4)
        return len(self._accessors) - 1

    def glb(self, document: dict[str, object]) -> bytes:
        """The whole file: header, JSON chunk, binary chunk."""
        document = {
            **document,
            "buffers": [{"byteLength": len(self._data)}],
            "bufferViews": self._views,
            "accessors": self._accessors,
        }
        text = json.dumps(document, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 4)
        length = 12 + 8 + len(text) + 8 + len(self._data)
        return b"".join(
            (
                struct.pack("<4sII", b"glTF", 2, length),
                struct.pack("<I4s", len(text), b"JSON"),
                text,
                struct.pack("<I4s", len(self._data), b"BIN\0"),
                bytes(self._data),
            )
        )
