"""The bottle's shape: a double gourd with a stopper, turned about the z axis, 1 high, standing at z = 0."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

Floats = NDArray[np.float64]

_FOOT = ((0.0, 0.0), (0.132, 0.0), (0.141, 0.003), (0.145, 0.010), (0.145, 0.022))
_BODY = (
    (0.152, 0.032),
    (0.236, 0.100),
    (0.290, 0.196),
    (0.296, 0.290),
    (0.253, 0.398),
    (0.180, 0.482),
    (0.126, 0.548),
    (0.122, 0.600),
    (0.157, 0.664),
    (0.177, 0.730),
    (0.162, 0.800),
    (0.113, 0.862),
    (0.070, 0.893),
    (0.057, 0.914),
)
_LIP = ((0.064, 0.921), (0.070, 0.927), (0.068, 0.933), (0.052, 0.936))
_KNOB_MIDDLE, _KNOB_RADIUS = 0.958, 0.042
"""(radius, z) from the middle of the foot upward; the stopper is a ball."""


def profile(steps: int = 400) -> Floats:
    """(steps, 2): radius and z along the outline, evenly spaced, from the axis at the foot to its top."""
    start = np.arcsin(-0.52)
    turn = np.linspace(start, np.pi / 2, 40)
    knob = np.stack([_KNOB_RADIUS * np.cos(turn), _KNOB_MIDDLE + _KNOB_RADIUS * np.sin(turn)], axis=1)
    body = _smooth(np.array([_FOOT[-1], *_BODY]), 400)
    line = np.concatenate([np.array(_FOOT[:-1]), body, np.array(_LIP), knob])
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    at = np.linspace(0, length[-1], steps)
    outline = np.stack([np.interp(at, length, line[:, 0]), np.interp(at, length, line[:, 1])], axis=1)
    outline[[0, -1], 0] = 0
    return outline


def turned(outline: Floats, segments: int) -> tuple[Floats, NDArray[np.int64]]:
    """The closed mesh that the outline sweeps: vertices (v, 3) and outward triangles (t, 3)."""
    angle = np.arange(segments) * 2 * np.pi / segments
    radius, z = outline[1:-1].T
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    sides = np.concatenate(
        [
            (radius[:, None, None] * ring).reshape(-1, 2),
            np.repeat(z, segments)[:, None],
        ],
        axis=1,
    )
    bottom, top = len(sides), len(sides) + 1
    vertices = np.concatenate([sides, [[0, 0, outline[0, 1]], [0, 0, outline[-1, 1]]]])

    here = np.arange(segments)
    beside = (here + 1) % segments
    low = np.arange(len(z) - 1)[:, None] * segments
    a, b, c, d = low + here, low + beside, low + segments + beside, low + segments + here
    last = (len(z) - 1) * segments
    triangles = np.concatenate(
        [
            np.stack([a, b, c], axis=-1).reshape(-1, 3),
            np.stack([a, c, d], axis=-1).reshape(-1, 3),
            np.stack([np.full(segments, bottom), beside, here], axis=1),
            np.stack([np.full(segments, top), last + here, last + beside], axis=1),
        ]
    )
    return vertices, triangles


def _smooth(points: Floats, steps: int) -> Floats:
    chord = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1) ** 0.5)])
    curve = CubicSpline(chord, points, bc_type="natural")
    smooth: Floats = curve(np.linspace(0, chord[-1], steps))
    return smooth
