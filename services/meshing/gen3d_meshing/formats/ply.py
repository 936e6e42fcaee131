"""Write a binary PLY mesh with normals and colours."""

from __future__ import annotations

import numpy as np

from gen3d_meshing.colour import linear_to_srgb
from gen3d_meshing.model import Model

_VERTEX = np.dtype([("position", "<f4", 3), ("normal", "<f4", 3), ("colour", "u1", 3)])
_FACE = np.dtype([("corners", "u1"), ("vertices", "<i4", 3)])  # signed: some readers know no other


def write_ply(model: Model) -> bytes:
    """The file's bytes, Z-up. Colours are of the vertices, sRGB, as programs take them to be."""
    mesh = model.mesh
    vertices = np.empty(len(mesh.vertices), _VERTEX)
    vertices["position"] = mesh.vertices
    vertices["normal"] = mesh.smooth_normals
    vertices["colour"] = np.rint(linear_to_srgb(np.clip(model.colours, 0, 1)) * 255)
    faces = np.empty(len(mesh.triangles), _FACE)
    faces["corners"] = 3
    faces["vertices"] = mesh.triangles
    header = (
        "ply",
        "format binary_little_endian 1.0",
        "comment Gen3D, Z up",
        f"element vertex {len(vertices)}",
        *(f"property float {name}" for name in ("x", "y", "z", "nx", "ny", "nz")),
        *(f"property uchar {name}" for name in ("red", "green", "blue")),
        f"element face {len(faces)}",
        "property list uchar int vertex_indices",
        "end_header\n",
    )
    return "\n".join(header).encode() + vertices.tobytes() + faces.tobytes()
