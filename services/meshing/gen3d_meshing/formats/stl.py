"""Write a binary STL: the bare surface, for printing."""

from __future__ import annotations

import struct

import numpy as np

from gen3d_meshing.shape import Mesh
from gen3d_meshing.splat import Floats

_FACET = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_TITLE = b"Gen3D, Z up"  # must not begin with "solid", which announces a text


def write_stl(mesh: Mesh) -> bytes:
    """The file's bytes, Z-up. STL has no units; the splats' are kept."""
    corners = mesh.vertices[mesh.triangles]
    facets = np.zeros(len(corners), _FACET)
    facets["normal"] = _facing(corners)
    facets["corners"] = corners
    return struct.pack("<80sI", _TITLE, len(facets)) + facets.tobytes()


def _facing(corners: Floats) -> Floats:
    """(t, 3) unit normals of triangles (t, 3, 3); zero, as STL wants it, for those without an area."""
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(cross, axis=1, keepdims=True)
    return np.asarray(np.divide(cross, length, out=np.zeros_like(cross), where=length > 0))
