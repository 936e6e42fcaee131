"""Which way up the files stand. All are right-handed and as large as the splats, whose unit is the metre.

What a program expects decides: by glTF's specification Y is up and an object's front at +Z, USDZ of augmented
reality is alike, and importers of OBJ take it to be so. PLY and STL say nothing and are read as they are, by
programs (Blender, slicers, MeshLab) in most of which Z is up. Blender, which turns Y-up files by itself, then
shows all of them alike.
"""

from __future__ import annotations

import numpy as np

from gen3d_meshing.splat import Floats

Z_UP = "right-handed, Z up, front at -Y"
Y_UP = "right-handed, Y up, front at +Z: (x, y, z) of the splat is (x, z, -y)"

FRAMES = {
    "splat.ply": Z_UP,
    "mesh.glb": Y_UP,
    "mesh.draco.glb": Y_UP,
    "mesh-obj.zip": Y_UP,
    "mesh.usdz": Y_UP,
    "mesh.ply": Z_UP,
    "mesh.stl": Z_UP,
    "splat-clean.ply": Z_UP,
    "splat.spz": Y_UP,
}
"""By a file's name; statistics and documentation repeat it."""


def y_up(vectors: Floats) -> Floats:
    """(n, 3) from the splats' Z-up frame to the Y-up one: (x, y, z) -> (x, z, -y)."""
    return np.ascontiguousarray(np.stack([vectors[:, 0], vectors[:, 2], -vectors[:, 1]], axis=1))
