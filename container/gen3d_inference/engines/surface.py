"""Samples the surface of an inflated body where the lines of a cubic lattice of 1 px pierce it.

Each place is sampled along the axis that its normal follows most, so samples lie at most sqrt(3) px apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gen3d_inference.engines.inflation import Grid, Inflated

_OVERLAP = 0.97
"""A little under 1, so that no gap opens where the followed axis changes."""
_SLIVER = 0.75
"""Half depth, px, under which no lattice plane may cut the body: sampled from the front in any case."""


@dataclass(frozen=True)
class Samples:
    """`n` surface points. Lengths in px, columns x (right), y (away from the camera), z (down the rows).

    points, normals [n, 3]: normals are outward unit vectors. axis [n]: the lattice axis the point was sampled
    along. pixel_a, pixel_b, blend [n]: flat indices of the two px inside that the point lies between, and its
    place between them, 0 at a.
    """

    points: Grid
    normals: Grid
    axis: NDArray[np.int64]
    pixel_a: NDArray[np.int64]
    pixel_b: NDArray[np.int64]
    blend: Grid


def sample(body: Inflated) -> Samples:
    """Both sides of the surface, front (y < 0) first."""
    parts = [_along_y(body), _along(body, 1), _along(body, 0)]
    front = Samples(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    mirror = np.array([1.0, -1.0, 1.0])
    return Samples(
        points=np.concatenate([front.points, front.points * mirror]),
        normals=np.concatenate([front.normals, front.normals * mirror]),
        axis=np.tile(front.axis, 2),
        pixel_a=np.tile(front.pixel_a, 2),
        pixel_b=np.tile(front.pixel_b, 2),
        blend=np.tile(front.blend, 2),
    )


_Part = tuple[Grid, Grid, NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], Grid]


def _along_y(body: Inflated) -> _Part:
    """Where lines from the camera through the px centres pierce the front."""
    row, column = np.nonzero(body.inside)
    flat = np.flatnonzero(body.inside)
    height = np.sqrt(body.squared_height[row, column])
    normals = _normals(body.slope_x[row, column], height, body.slope_z[row, column])
    kept = _follows(normals, 1) | (height < _SLIVER)
    points = np.stack([column, -height, row], axis=1).astype(np.float64)
    return points[kept], normals[kept], np.full(kept.sum(), 1), flat[kept], flat[kept], np.zeros(kept.sum())


def _along(body: Inflated, image_axis: int) -> _Part:
    """Where horizontal (image axis 1) or vertical (0) lines at the depths 0.5, 1.5, ... px pierce the front.

    Between two px centres, or a centre and the outline, u is taken as linear, so that a line at depth y
    pierces the surface where u = y^2.
    """
    reach = body.reach_x if image_axis == 1 else body.reach_z
    beside_after = np.roll(body.inside, -1, image_axis)
    beside_before = np.roll(body.inside, 1, image_axis)
    step = 1 if image_axis == 1 else body.inside.shape[1]
    inner = np.flatnonzero(body.inside & beside_after)
    ends_after = np.flatnonzero(body.inside & ~beside_after)
    ends_before = np.flatnonzero(body.inside & ~beside_before)

    a = np.concatenate([inner, ends_after, ends_before])
    b = np.concatenate([inner + step, ends_after, ends_before])
    length = np.concatenate(
        [np.ones(len(inner)), reach[1].ravel()[ends_after], -reach[0].ravel()[ends_before]]
    )
    u_a = body.squared_height.ravel()[a]
    u_b = np.where(a == b, 0.0, body.squared_height.ravel()[b])

    first = np.floor(np.sqrt(np.minimum(u_a, u_b)) + 0.5).astype(np.int64)
    count = np.floor(np.sqrt(np.maximum(u_a, u_b)) + 0.5).astype(np.int64) - first
    edge = np.repeat(np.arange(len(a)), count)
    within = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count)
    depth = first[edge] + within + 0.5
    along = (u_a[edge] - depth**2) / (u_a[edge] - u_b[edge])

    pixel_a, pixel_b = a[edge], b[edge]
    blend = np.where(pixel_a == pixel_b, 0.0, along)
    slope_x, slope_z = (
        slope.ravel()[pixel_a] * (1 - blend) + slope.ravel()[pixel_b] * blend
        for slope in (body.slope_x, body.slope_z)
    )
    normals = _normals(slope_x, depth, slope_z)
    row, column = np.divmod(pixel_a, body.inside.shape[1])
    points = np.stack([column, -depth, row], axis=1).astype(np.float64)
    lattice_axis = 0 if image_axis == 1 else 2
    points[:, lattice_axis] += along * length[edge]
    kept = _follows(normals, lattice_axis)
    axis = np.full(kept.sum(), lattice_axis)
    return points[kept], normals[kept], axis, pixel_a[kept], pixel_b[kept], blend[kept]


def _normals(slope_x: Grid, depth: Grid, slope_z: Grid) -> Grid:
    """Outward unit normals on the front, from the gradient of y^2 - u."""
    gradient = np.stack([-slope_x, -2 * depth, -slope_z], axis=1)
    return np.asarray(gradient / np.maximum(np.linalg.norm(gradient, axis=1, keepdims=True), 1e-12))


def _follows(normals: Grid, axis: int) -> NDArray[np.bool_]:
    size = np.abs(normals)
    return np.asarray(size[:, axis] >= _OVERLAP * size.max(axis=1))
