"""Read Gaussian splats from a PLY file that may be damaged or lie about itself.

The layout is that of 3D Gaussian splatting as SAM 3D Objects writes it: `binary_little_endian`, one element
`vertex`, scalar properties. Opacity is stored as a logit, scale as a natural logarithm, rotation as a
quaternion w, x, y, z that need not be normalised, colour as the zeroth spherical harmonic. Properties are
found by name, so their order and further ones (normals, f_rest) do not matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from gen3d_meshing.problems import SplatInvalid

Floats = NDArray[np.float32]

SH_C0 = 0.28209479177387814
"""Value of the zeroth spherical harmonic: colour = 0.5 + SH_C0 * f_dc."""

_POSITION = ("x", "y", "z")
_COLOUR = ("f_dc_0", "f_dc_1", "f_dc_2")
_SCALE = ("scale_0", "scale_1", "scale_2")
_ROTATION = ("rot_0", "rot_1", "rot_2", "rot_3")
_REQUIRED = (*_POSITION, *_COLOUR, "opacity", *_SCALE, *_ROTATION)

_TYPES = {
    **dict.fromkeys(("char", "int8"), "<i1"),
    **dict.fromkeys(("uchar", "uint8"), "<u1"),
    **dict.fromkeys(("short", "int16"), "<i2"),
    **dict.fromkeys(("ushort", "uint16"), "<u2"),
    **dict.fromkeys(("int", "int32"), "<i4"),
    **dict.fromkeys(("uint", "uint32"), "<u4"),
    **dict.fromkeys(("float", "float32"), "<f4"),
    **dict.fromkeys(("double", "float64"), "<f8"),
}
_FARTHEST = 1e6  # the frame is a unit cube; beyond this the squares of later steps lose their meaning
_MAX_HEADER = 64 * 1024
_END = b"end_header\n"


@dataclass(frozen=True)
class Splat:
    """n Gaussians in the file's frame (Z-up, unit cube).

    position: (n, 3). colour: (n, 3) sRGB in 0..1. opacity: (n,) in 0..1.
    scale: (n, 3) standard deviations along the Gaussian's own axes, in units of position.
    rotation: (n, 4) unit quaternions w, x, y, z from own axes to the frame.
    """

    position: Floats
    colour: Floats
    opacity: Floats
    scale: Floats
    rotation: Floats

    def __len__(self) -> int:
        return len(self.position)

    def take(self, index: NDArray[np.bool_] | NDArray[np.int64]) -> Self:
        """The Gaussians that a boolean or integer index selects."""
        return type(self)(
            self.position[index],
            self.colour[index],
            self.opacity[index],
            self.scale[index],
            self.rotation[index],
        )


def read_splat(data: bytes) -> tuple[Splat, int]:
    """The file's usable Gaussians, and how many were dropped because a value was not finite or absurd.

    An infinite opacity is a saturated logit, hence clamped and kept. Raises SplatInvalid.
    """
    count, row, start = _header(data)
    expected = count * row.itemsize
    found = len(data) - start
    if found != expected:
        raise SplatInvalid(f"{count} Gaussians need {expected} bytes, the file holds {found}")
    table = np.frombuffer(data, row, count, start)

    with np.errstate(all="ignore"):  # what is not finite is dropped below
        return _usable(table)


def _usable(table: NDArray[np.void]) -> tuple[Splat, int]:
    position = _columns(table, _POSITION)
    colour = 0.5 + SH_C0 * _columns(table, _COLOUR)
    logit = _columns(table, ("opacity",))[:, 0]
    log_scale = _columns(table, _SCALE)
    rotation = _columns(table, _ROTATION)
    norm = np.linalg.norm(rotation, axis=1)
    usable = (
        (np.abs(position) < _FARTHEST).all(1)
        & np.isfinite(colour).all(1)
        & ~np.isnan(logit)
        & (np.abs(log_scale) < 40).all(1)  # e^40 overflows every later square; NaN fails too
        & (norm > 0)
        & np.isfinite(norm)
    )
    if not usable.any():
        raise SplatInvalid("no Gaussian has finite values")
    splat = Splat(
        position=position[usable].astype(np.float32),
        colour=np.clip(colour[usable], 0, 1).astype(np.float32),
        opacity=(1 / (1 + np.exp(-np.clip(logit[usable], -40, 40)))).astype(np.float32),
        scale=np.exp(log_scale[usable]).astype(np.float32),
        rotation=(rotation[usable] / norm[usable, None]).astype(np.float32),
    )
    return splat, len(table) - len(splat)


def _columns(table: NDArray[np.void], names: tuple[str, ...]) -> NDArray[np.float64]:
    return np.stack([table[name].astype(np.float64) for name in names], axis=1)


def _header(data: bytes) -> tuple[int, np.dtype[np.void], int]:
    """(number of Gaussians, row type, offset of the first row)."""
    head = data[:_MAX_HEADER]
    end = head.find(_END)
    if not head.startswith((b"ply\n", b"ply\r\n")) or end < 0:
        raise SplatInvalid("not a PLY file")
    try:
        lines = head[:end].decode("ascii").splitlines()
    except UnicodeDecodeError as error:
        raise SplatInvalid("the PLY header is not text") from error

    form, count, fields = None, None, []
    for line in lines[1:]:
        match line.split():
            case [] | ["comment" | "obj_info", *_]:
                pass
            case ["format", *rest] if form is None:
                form = rest
            case ["element", "vertex", number] if count is None and number.isdecimal():
                count = int(number)
            case ["property", kind, name] if count is not None and kind in _TYPES:
                fields.append((name, _TYPES[kind]))
            case _:
                raise SplatInvalid(f"unexpected line in the PLY header: {line[:80]!r}")
    if form != ["binary_little_endian", "1.0"]:
        raise SplatInvalid("the PLY file is not binary_little_endian 1.0")
    if not count:
        raise SplatInvalid("the PLY file holds no Gaussians")
    names = [name for name, _ in fields]
    if len(set(names)) != len(names):
        raise SplatInvalid("a property occurs twice")
    if missing := [name for name in _REQUIRED if name not in names]:
        raise SplatInvalid(f"missing properties: {' '.join(missing)}")
    return count, np.dtype(fields), end + len(_END)
