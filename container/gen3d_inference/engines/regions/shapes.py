"""Boxes, discs and outlines, by which clicks and boxes are held against regions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from gen3d_inference.engines.regions.graph import Floats, Graph, Labels, Members

OUTLINE_POINTS = 16
"""Places on each superpixel's outline by which a click's depth in a region is measured."""
_DEPTH_STEP = 4
"""The radius of regions is measured at one px in so many each way."""


def bounding_boxes(graph: Graph, members: Members) -> NDArray[np.int64]:
    """[t, 4]: x0, y0, x1, y1, the end exclusive."""
    far = graph.boxes.max() + 1
    starts = [np.where(members, start, far).min(axis=1) for start in graph.boxes.T[:2]]
    ends = [np.where(members, end, 0).max(axis=1) for end in graph.boxes.T[2:]]
    return np.stack([*starts, *ends], axis=1).astype(np.int64)


def inner_radii(labels: Labels, members: Members, boxes: NDArray[np.int64]) -> Floats:
    """[t]: of the largest disc inside, px."""
    offset = min(_DEPTH_STEP, *labels.shape) // 2
    coarse = labels[offset::_DEPTH_STEP, offset::_DEPTH_STEP]
    radii = np.full(len(members), _DEPTH_STEP / 2)
    for number, (x0, y0, x1, y1) in enumerate(boxes // _DEPTH_STEP):
        part = coarse[max(y0 - 1, 0) : y1 + 2, max(x0 - 1, 0) : x1 + 2]
        inside = members[number][part]
        if inside.any():
            radii[number] = _DEPTH_STEP * min(distance_transform_edt(inside).max(), float(max(part.shape)))
    return radii


def outline_places(labels: Labels) -> Floats:
    """[s, 16, 2]: x, y."""
    count = int(labels.max()) + 1
    edge = np.zeros(labels.shape, dtype=bool)
    beside, below = labels[:, :-1] != labels[:, 1:], labels[:-1] != labels[1:]
    edge[:, :-1] |= beside
    edge[:, 1:] |= beside
    edge[:-1] |= below
    edge[1:] |= below
    if count == 1:
        edge[:] = True
    places = np.flatnonzero(edge)
    places = places[np.argsort(labels.ravel()[places], kind="stable")]
    numbers = labels.ravel()[places]
    starts = np.searchsorted(numbers, np.arange(count))
    ends = np.searchsorted(numbers, np.arange(count), side="right")
    share = np.linspace(0, 1, OUTLINE_POINTS)
    chosen = places[np.rint(starts[:, None] + (ends - 1 - starts)[:, None] * share).astype(int)]
    rows, columns = np.divmod(chosen, labels.shape[1])
    return np.stack([columns, rows], axis=-1).astype(np.float64) + 0.5
