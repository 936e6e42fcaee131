"""What the two binary glTF 2.0 files share: the vertices, the material, and the container."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gen3d_meshing.formats.frames import y_up
from gen3d_meshing.model import Model
from gen3d_meshing.shape import Triangles
from gen3d_meshing.splat import Floats

VERTICES, INDICES = 34962, 34963
ROUGHNESS = 0.85
_COMPONENTS = {"uint16": 5123, "uint32": 5125, "float32": 5126}
_CLAMP, _LINEAR, _LINEAR_MIPMAP_LINEAR = 33071, 9729, 9987


@dataclass(frozen=True)
class Vertices:
    """What is drawn, Y-up. positions, normals: (n, 3). triangles: (t, 3).

    A mesh's vertex on a crease or on a seam of the texture is here several times. Either uv, (n, 2) with v
    running down; or colours, (n, 3) linear in 0..1. Never both: viewers multiply a texture by the colours.
    """

    positions: Floats
    normals: Floats
    triangles: Triangles
    uv: Floats | None
    colours: Floats | None

    @classmethod
    def of(cls, model: Model) -> Vertices:
        mesh, texture = model.mesh, model.texture
        corners = mesh.triangles if texture is None else texture.triangles
        both = corners.reshape(-1).astype(np.int64) << 32 | mesh.shading.reshape(-1)
        drawn, triangles = np.unique(both, return_inverse=True)
        corner, normal = drawn >> 32, drawn & 0xFFFFFFFF
        vertex = corner if texture is None else texture.vertex[corner]
        return cls(
            positions=y_up(mesh.vertices[vertex]),
            normals=y_up(mesh.normals[normal]),
            triangles=triangles.reshape(-1, 3).astype(np.uint32),
            uv=None if texture is None else np.abs(texture.uv[corner] - np.array([0, 1], np.float32)),
            colours=np.clip(model.colours[vertex], 0, 1) if texture is None else None,
        )


class File:
    """A GLB as it grows: the binary chunk, its views and accessors."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._views: list[dict[str, object]] = []
        self._accessors: list[dict[str, object]] = []

    def view(self, content: bytes, **more: object) -> int:
        """Append bytes; the index of their buffer view."""
        self._views.append({"buffer": 0, "byteOffset": len(self._data), "byteLength": len(content), **more})
        self._data += content
        self._data += b"\0" * (-len(self._data) % 4)
        return len(self._views) - 1

    def accessor(self, array: NDArray[np.generic], target: int | None = None, **more: object) -> int:
        """Describe an array, (n,) or (n, components); the index of its accessor.

        target: what the array is for, VERTICES or INDICES; without one it is not stored.
        """
        if target is not None:
            more["bufferView"] = self.view(array.tobytes(), target=target)
        kind = "SCALAR" if array.ndim == 1 else f"VEC{array.shape[1]}"
        self._accessors.append(
            {"componentType": _COMPONENTS[array.dtype.name], "count": len(array), "type": kind, **more}
        )
        return len(self._accessors) - 1

    def position(self, positions: Floats, target: int | None = None) -> int:
        """As accessor(), for POSITION, which must tell its bounds."""
        low, high = positions.min(0).tolist(), positions.max(0).tolist()
        return self.accessor(positions, target, min=low, max=high)

    def pack(
        self,
        primitive: dict[str, object],
        picture: tuple[str, bytes] | None,
        extensions: tuple[str, ...] = (),
    ) -> bytes:
        """The file: one object of one primitive, matt. picture: its texture, as MIME type and content."""
        document: dict[str, object] = {
            "asset": {"version": "2.0", "generator": "Gen3D"},
            "scene": 0,
            "scenes": [{"nodes": [0]}],
            "nodes": [{"name": "object", "mesh": 0}],
            "meshes": [{"name": "object", "primitives": [{**primitive, "material": 0}]}],
        }
        surface: dict[str, object] = {"metallicFactor": 0.0, "roughnessFactor": ROUGHNESS}
        if picture:
            kind, content = picture
            surface["baseColorTexture"] = {"index": 0}
            document |= {
                "textures": [{"source": 0, "sampler": 0}],
                "images": [{"bufferView": self.view(content), "mimeType": kind}],
                "samplers": [
                    {
                        "magFilter": _LINEAR,
                        "minFilter": _LINEAR_MIPMAP_LINEAR,
                        "wrapS": _CLAMP,
                        "wrapT": _CLAMP,
                    }
                ],
            }
        document["materials"] = [{"name": "painted", "pbrMetallicRoughness": surface}]
        if extensions:
            document |= {"extensionsUsed": extensions, "extensionsRequired": extensions}
        document |= {
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
                self._data,
            )
        )
