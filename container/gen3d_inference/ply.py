"""Gaussian splats and their file: the 17-property PLY layout that SAM 3D Objects writes."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

PROPERTIES = (
    *("x", "y", "z", "nx", "ny", "nz"),
    *("f_dc_0", "f_dc_1", "f_dc_2", "opacity"),
    *("scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"),
)
SH_C0 = 0.28209479
"""The constant spherical harmonic: colour = 0.5 + SH_C0 * f_dc."""

_OPACITY_MARGIN = 1e-6
_HEADER = re.compile(
    rb"ply\nformat binary_little_endian 1\.0\nelement vertex (\d{1,9})\n"
    + b"".join(rb"property float %s\n" % name.encode() for name in PROPERTIES)
    + rb"end_header\n"
)


@dataclass(frozen=True)
class Splats:
    """`n` Gaussians in object space: unit cube [-0.5, 0.5]^3, Z up, the photo's camera at -Y looking to +Y.

    centres [n, 3]; scales [n, 3], standard deviations along the axes of `rotations` [n, 4], unit quaternions
    w, x, y, z; opacities [n] and colours [n, 3] (sRGB), both in 0..1.
    """

    centres: Floats
    scales: Floats
    rotations: Floats
    opacities: Floats
    colours: Floats

    def __len__(self) -> int:
        return len(self.centres)


def to_ply(splats: Splats) -> bytes:
    """The file's bytes."""
    file = io.BytesIO()
    write_ply(splats, file)
    return file.getvalue()


def write_ply(splats: Splats, file: BinaryIO) -> None:
    """Write the file: normals 0, colour as f_dc, opacity as a finite logit, scales as ln."""
    opacities = np.clip(splats.opacities.astype(np.float64), _OPACITY_MARGIN, 1 - _OPACITY_MARGIN)
    columns = (
        splats.centres,
        np.zeros_like(splats.centres),
        (splats.colours - 0.5) / SH_C0,
        np.log(opacities / (1 - opacities))[:, None],
        np.log(np.maximum(splats.scales, np.finfo(np.float32).tiny)),
        splats.rotations,
    )
    header = "\n".join(
        (
            "ply",
            "format binary_little_endian 1.0",
            f"element vertex {len(splats)}",
            *(f"property float {name}" for name in PROPERTIES),
            "end_header\n",
        )
    )
    file.write(header.encode())
    # In the file's own type and order at once: each copy of a large file costs as much as the rest.
    rows = np.empty((len(splats), len(PROPERTIES)), dtype="<f4")
    file.write(np.concatenate(columns, axis=1, out=rows).data)


def from_ply(data: bytes) -> Splats:
    """The splats in a file of exactly this layout. Raises ValueError for any other header, a wrong length,
    or values that are not finite."""
    header = _HEADER.match(data)
    if header is None:
        raise ValueError("not a PLY file with the 17 properties of a Gaussian splat")
    count, body = int(header[1]), data[header.end() :]
    if len(body) != count * 4 * len(PROPERTIES):
        raise ValueError(f"{count} vertices announced, {len(body)} bytes present")
    rows = np.frombuffer(body, dtype="<f4").reshape(count, len(PROPERTIES))
    if not np.isfinite(rows).all():
        raise ValueError("a value is not finite")
    rotations = rows[:, 13:17] / np.maximum(np.linalg.norm(rows[:, 13:17], axis=1, keepdims=True), 1e-12)
    return Splats(
        centres=rows[:, 0:3],
        scales=np.exp(rows[:, 10:13]),
        rotations=rotations,
        opacities=1 / (1 + np.exp(-rows[:, 9])),
        colours=(0.5 + SH_C0 * rows[:, 6:9]).astype(np.float32),
    )
