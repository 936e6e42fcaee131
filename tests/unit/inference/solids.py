"""Solids of known geometry, seen orthographically along +Y: their silhouettes, photos and true surfaces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

Points = NDArray[np.float64]

TRUE_POINTS = 40_000
WINDOW = 1.25
"""The picture shows -WINDOW..WINDOW in x and z."""


@dataclass(frozen=True)
class Solid:
    """A solid of revolution about the X axis (turned by `angle` in the picture) or, `oblate`, about Z.

    half_length: of its straight part along the axis. radii: of its ends, along the axis and across it. All
    have their longest extent within -1..1.
    """

    half_length: float
    radii: tuple[float, float]
    angle: float = 0.0
    oblate: bool = False

    def mask(self, size: int) -> NDArray[np.bool_]:
        """The silhouette, size x size px, px by px at its centre."""
        x, z = picture_plane(size)
        along = x * np.cos(self.angle) + z * np.sin(self.angle)
        across = z * np.cos(self.angle) - x * np.sin(self.angle)
        beyond = np.maximum(np.abs(along) - self.half_length, 0.0)
        return np.asarray((beyond / self.radii[0]) ** 2 + (across / self.radii[1]) ** 2 < 1)

    def surface(self) -> Points:
        """Points spread evenly over the true surface, [TRUE_POINTS, 3]."""
        random = np.random.default_rng(0)
        a, b = self.radii
        depth = a if self.oblate else b
        around = random.normal(size=(8 * TRUE_POINTS, 3))
        around /= np.linalg.norm(around, axis=1, keepdims=True)
        scale = np.array([a, depth, b])
        # A sphere's points, stretched to an ellipsoid, crowd where it is stretched least: thin them out.
        stretched_area = np.linalg.norm(around / scale, axis=1)
        ends = (around * scale)[random.random(len(around)) < stretched_area / stretched_area.max()]
        ends = ends[:TRUE_POINTS]
        ends[:, 0] += np.where(ends[:, 0] > 0, self.half_length, -self.half_length)
        straight_share = self.half_length / (self.half_length + a)
        straight = round(straight_share * TRUE_POINTS)
        turn = random.uniform(0, 2 * np.pi, straight)
        bar = np.stack(
            [
                random.uniform(-self.half_length, self.half_length, straight),
                b * np.cos(turn),
                b * np.sin(turn),
            ],
            axis=1,
        )
        points = np.concatenate([ends[: TRUE_POINTS - straight], bar])
        c, s = np.cos(self.angle), np.sin(self.angle)
        return np.asarray(points @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]))


def picture_plane(size: int) -> tuple[Points, Points]:
    """x (right) and z (up) of the px centres of a size x size picture."""
    row, column = np.mgrid[0:size, 0:size]
    return (
        ((column + 0.5) / size * 2 - 1) * WINDOW,
        (1 - (row + 0.5) / size * 2) * WINDOW,
    )


def chamfer(points: Points, truth: Points) -> float:
    """Mean distance to the nearest point, averaged over both directions, as a part of the diagonal of the
    truth's bounding box. Both are first centred and scaled to a longest side of 1."""
    ours, theirs = _unit(points), _unit(truth)
    there = KDTree(theirs).query(ours)[0].mean()
    back = KDTree(ours).query(theirs)[0].mean()
    return float((there + back) / 2 / np.linalg.norm(np.ptp(theirs, axis=0)))


def _unit(points: Points) -> Points:
    low, high = points.min(axis=0), points.max(axis=0)
    return np.asarray((points - (low + high) / 2) / (high - low).max())
