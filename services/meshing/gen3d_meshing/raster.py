"""Which texels a triangle covers, decided in whole numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]
Texels = NDArray[np.int32]

STEPS = 256
"""Corners lie on a grid of 1/256 texel."""


def scan(corners: Indices) -> tuple[Texels, Texels, Texels]:
    """Scan conversion: (triangle, x, y) of each texel (n,) whose centre a triangle covers.

    corners: (t, 3, 2) x and y in 1/256 texel; the centre of texel (x, y) is at 256 * (x, y) + 128. What is on
    an edge belongs to the triangle right of it or above it, so triangles that tile a piece of the plane cover
    each texel centre there once. Triangles come in order.
    """
    low, high = corners[..., 1].min(1), corners[..., 1].max(1)
    first, rows = _texel(low), _texel(high) - _texel(low)
    face = np.repeat(np.arange(len(corners)), rows)
    row = np.repeat(first, rows) + _ramp(rows)
    centre = STEPS * row + STEPS // 2
    left = np.full(len(face), np.iinfo(np.int64).max)
    right = np.full(len(face), np.iinfo(np.int64).min)
    for ends in (corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]):
        upward = (ends[:, 0, 1] <= ends[:, 1, 1])[:, None]
        x, y = np.where(upward, ends[:, 0], ends[:, 1]).T
        run, rise = np.where(upward, ends[:, 1] - ends[:, 0], ends[:, 0] - ends[:, 1]).T
        along = centre - y[face]
        met = np.flatnonzero((along >= 0) & (along < rise[face]))
        which = face[met]
        # The first texel whose centre is not left of where the edge crosses this row.
        scaled = (x[which] - STEPS // 2) * rise[which] + run[which] * along[met]
        at = -(-scaled // (STEPS * rise[which]))
        left[met] = np.minimum(left[met], at)
        right[met] = np.maximum(right[met], at)
    width = np.maximum(right - left, 0)
    x = np.repeat(left.astype(np.int32), width)
    x += _ramp(width)
    return np.repeat(face.astype(np.int32), width), x, np.repeat(row.astype(np.int32), width)


def barycentric(corners: Indices, x: Texels, y: Texels) -> NDArray[np.float32]:
    """(n, 3) weights of each texel's triangle's corners (n, 3, 2) at the texel's centre, or at a place nearby
    on the triangle where the centre is beside it."""
    origin = corners[:, 0]
    second, third = (corners[:, 1:] - origin[:, None]).transpose(1, 0, 2)
    inverse = 1 / np.maximum(second[:, 0] * third[:, 1] - second[:, 1] * third[:, 0], 1)
    at_x, at_y = STEPS * x + STEPS // 2 - origin[:, 0], STEPS * y + STEPS // 2 - origin[:, 1]
    b = (at_x * third[:, 1] - at_y * third[:, 0]) * inverse
    c = (at_y * second[:, 0] - at_x * second[:, 1]) * inverse
    weights = np.clip(np.stack([1 - b - c, b, c], axis=1), 0, 1)
    return np.asarray((weights / weights.sum(1, keepdims=True)).astype(np.float32))


def _texel(place: Indices) -> Indices:
    """The first texel whose centre is not before a place."""
    return -(-(place - STEPS // 2) // STEPS)


def _ramp(counts: Indices) -> Texels:
    """0, 1, ... within each run of the given lengths."""
    ends = np.cumsum(counts)
    ramp = np.arange(ends[-1] if len(ends) else 0, dtype=np.int32)
    ramp -= np.repeat((ends - counts).astype(np.int32), counts)
    return ramp
