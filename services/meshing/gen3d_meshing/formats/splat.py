"""Write Gaussians as PLY, in the 17 properties and the frame in which SAM 3D Objects writes them."""

from __future__ import annotations

import numpy as np

from gen3d_meshing.splat import Splat

PROPERTIES = (
    *("x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2", "opacity"),
    *("scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"),
)


def write_splat(splat: Splat) -> bytes:
    """The file's bytes, Z-up. Normals are 0; all other values are those that were read."""
    lines = (
        "ply",
        "format binary_little_endian 1.0",
        f"element vertex {len(splat)}",
        *(f"property float {name}" for name in PROPERTIES),
        "end_header\n",
    )
    normals = np.zeros((len(splat), 3), np.float32)
    rows = np.hstack([splat.values[:, :3], normals, splat.values[:, 3:]])
    return "\n".join(lines).encode() + rows.astype("<f4", copy=False).tobytes()
