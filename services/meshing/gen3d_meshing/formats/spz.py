"""Write Gaussians as SPZ 3, a quarter as large as their PLY, for viewers such as Spark.

The layout is Niantic's (github.com/nianticlabs/spz): gzip around a header and one array after the other of
rounded values. It keeps 20 bytes a Gaussian: positions to 1/65536, opacity and colour to 8 bits, scales to
3 %, rotations to a quarter of a degree. SPZ is defined to be Y-up with the front at +Z, so a viewer shows it
as it shows the GLB, and must not turn it as it would turn the PLY.
"""

from __future__ import annotations

import gzip
import struct

import numpy as np
from numpy.typing import NDArray

from gen3d_meshing.formats.frames import y_up
from gen3d_meshing.splat import Floats, Splat

_MAGIC, _VERSION = 0x5053474E, 3
_HARMONICS = _FLAGS = _RESERVED = 0
_FRACTION_BITS = 16
_LARGEST = 2**23 - 1  # a coordinate is a signed integer of 24 bits
_QUARTER_TURN = np.sqrt(0.5)  # cosine and sine of its half


def write_spz(splat: Splat) -> bytes:
    """The file's bytes, Y-up. Far positions are kept at the cost of their precision."""
    position = y_up(splat.position).astype(np.float64)
    bits = min(_FRACTION_BITS, int(np.log2(_LARGEST / max(1, np.abs(position).max()))))
    fixed = np.rint(position * 2**bits).astype("<i4")
    content = (
        struct.pack("<IIIBBBB", _MAGIC, _VERSION, len(splat), _HARMONICS, bits, _FLAGS, _RESERVED),
        fixed.view(np.uint8).reshape(-1, 4)[:, :3].tobytes(),
        _byte(255 * splat.opacity),
        _byte(255 * (0.5 + 0.15 * splat.values[:, 3:6])),
        _byte(16 * (10 + splat.values[:, 7:10])),
        _smallest_three(_turned(splat.rotation)).tobytes(),
    )
    return gzip.compress(b"".join(content), compresslevel=6, mtime=0)


def _byte(values: Floats) -> bytes:
    return np.rint(values).clip(0, 255).astype(np.uint8).tobytes()


def _turned(rotation: Floats) -> Floats:
    """(n, 4) quaternions x, y, z, w in the Y-up frame: a quarter turn about x follows each w, x, y, z."""
    w, x, y, z = rotation.T * np.float32(_QUARTER_TURN)
    return np.stack([x - w, y + z, z - y, w + x], axis=1)


def _smallest_three(rotation: Floats) -> NDArray[np.uint32]:
    """(n,) two bits say which component is the largest, ten each hold the others' sign and magnitude.

    The largest is made positive, as a quaternion and its negative are the same rotation; it then follows from
    the others, none of which exceeds sqrt(1/2).
    """
    largest = np.abs(rotation).argmax(1)
    sign = np.take_along_axis(rotation, largest[:, None], axis=1) < 0
    magnitude = np.rint(np.abs(rotation) * (511 / np.sqrt(0.5))).clip(0, 511).astype(np.uint32)
    codes = ((rotation < 0) ^ sign).astype(np.uint32) << 9 | magnitude
    packed = largest.astype(np.uint32)
    for component in range(4):
        packed = np.where(largest == component, packed, packed << 10 | codes[:, component])
    coded: NDArray[np.uint32] = packed.astype("<u4")
    return coded
