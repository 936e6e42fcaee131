"""Gaussian splats as SAM 3D Objects and others write them to PLY: the file's values and what they mean.

Opacity is stored as a logit, scale as a natural logarithm, rotation as a quaternion w, x, y, z that need not
be normalised, colour as the zeroth spherical harmonic (Kerbl et al., 3D Gaussian Splatting, 2023). Further
properties (normals, f_rest) are not used.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from gen3d_meshing.ply import Floats, read_vertices
from gen3d_meshing.problems import SplatInvalid

__all__ = ["SH_C0", "VALUES", "Floats", "Splat", "read_splat"]

SH_C0 = 0.28209479177387814
"""Value of the zeroth spherical harmonic: colour = 0.5 + SH_C0 * f_dc."""

VALUES = (
    *("x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", "opacity"),
    *("scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"),
)
"""What is kept of a Gaussian, by its names in a file."""

_SATURATED = 40.0  # the logit of an opacity that is 0 or 1 in float32
# Beyond, the squares of later steps lose their meaning. Scales are logarithms; the frame is a unit cube.
_LARGEST = np.array([1e6] * 6 + [_SATURATED] + [40] * 3 + [1e6] * 4, np.float32)
_USUAL = 40.0  # the least of them
# A product with it tells a rotation of zero; the odd numbers keep others from giving zero by chance.
_ACROSS = np.array([0] * 10 + [1, 2**0.5, 3**0.5, 5**0.5], np.float32)
_SHORTEST_ROTATION = 1e-12


@dataclass(frozen=True)
class Splat:
    """n Gaussians in the file's frame (Z-up, unit cube).

    values: (n, 14) the file's own, in the order of VALUES, all finite. The properties are in natural units;
    they are computed when first asked for, because only some of a large file's Gaussians are used.
    """

    values: Floats

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def position(self) -> Floats:
        """(n, 3)."""
        return self.values[:, 0:3].copy()

    @cached_property
    def colour(self) -> Floats:
        """(n, 3) sRGB in 0..1."""
        return (0.5 + SH_C0 * self.values[:, 3:6]).clip(0, 1)

    @cached_property
    def opacity(self) -> Floats:
        """(n,) in 0..1."""
        opacity: Floats = np.reciprocal(1 + np.exp(-self.values[:, 6]))
        return opacity

    @cached_property
    def scale(self) -> Floats:
        """(n, 3) standard deviations along the Gaussian's own axes, in units of position."""
        scale: Floats = np.exp(self.values[:, 7:10].copy())  # NumPy is slow on few columns of many
        return scale

    @cached_property
    def rotation(self) -> Floats:
        """(n, 4) unit quaternions w, x, y, z from own axes to the frame."""
        rotation = self.values[:, 10:14]
        unit: Floats = rotation / np.linalg.norm(rotation, axis=1, keepdims=True)
        return unit

    def take(self, index: NDArray[np.bool_] | NDArray[np.int64]) -> Self:
        """The Gaussians that a boolean or integer index selects."""
        return type(self)(self.values[index])


def read_splat(data: bytes) -> tuple[Splat, int]:
    """A PLY file's usable Gaussians, and how many were dropped because a value was not finite or absurd.

    An infinite opacity is a saturated logit, hence clamped and kept. Raises SplatInvalid.
    """
    count, blocks = read_vertices(data, VALUES)
    values = np.empty((count, len(VALUES)), np.float32)
    kept = 0
    with np.errstate(all="ignore"):  # what is not finite is dropped
        for block in blocks:
            usable = _usable(block)
            values[kept : kept + len(usable)] = usable
            kept += len(usable)
    if not kept:
        raise SplatInvalid("no Gaussian has finite values")
    return Splat(values[:kept]), count - kept


def _usable(block: Floats) -> Floats:
    # Nearly every block is sound throughout, which three passes over it tell; NaN fails each comparison.
    usual = block.max() <= _USUAL and block.min() >= -_USUAL
    if usual and (np.abs(block @ _ACROSS) > _SHORTEST_ROTATION).all():
        return block
    logit = block[:, 6]
    np.clip(logit, -_SATURATED, _SATURATED, out=logit)
    size = np.abs(block)
    outside, _ = np.nonzero(~(size <= _LARGEST))
    unturned = np.flatnonzero(~(size[:, 10:14].sum(1) > _SHORTEST_ROTATION))
    return np.delete(block, np.concatenate([outside, unturned]), axis=0)
