"""Write a binary glTF 2.0 file without extensions: a mesh, its normals, and its texture or vertex colours."""

from __future__ import annotations

import numpy as np

from gen3d_meshing.formats.gltf import INDICES, VERTICES, File, Vertices
from gen3d_meshing.model import Model


def write_glb(model: Model) -> bytes:
    """The file's bytes, Y-up. A texture is embedded as PNG."""
    vertices, file = Vertices.of(model), File()
    attributes = {
        "POSITION": file.position(vertices.positions, VERTICES),
        "NORMAL": file.accessor(vertices.normals, VERTICES),
    }
    if vertices.uv is not None:
        attributes["TEXCOORD_0"] = file.accessor(vertices.uv, VERTICES)
    if vertices.colours is not None:
        shorts = np.rint(vertices.colours * 65535).astype(np.uint16)
        padded = np.pad(shorts, ((0, 0), (0, 1)), constant_values=65535)  # a vertex's data fill whole words
        attributes["COLOR_0"] = file.accessor(padded, VERTICES, normalized=True)
    wide = len(vertices.positions) > 65535  # 65535 itself is reserved for primitive restart
    indices = vertices.triangles.reshape(-1).astype(np.uint32 if wide else np.uint16)
    picture = ("image/png", model.texture.png) if model.texture else None
    return file.pack({"attributes": attributes, "indices": file.accessor(indices, INDICES)}, picture)
