"""Superpixels: the basins of the edges, with boundaries where the colours change."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, label, minimum_filter
from scipy.ndimage import watershed_ift as watershed

from gen3d_inference.engines.regions.graph import Graph, Labels, Plane
from gen3d_inference.engines.regions.hierarchies import by_edge_and_size, merge_order

SUPERPIXELS = 384
"""At most so many, so that all regions fit into a small file."""
_SETTLING, _INSIDE = 3, 3
"""Rounds in which boundaries move by up to a px, and how far inside a side's colour is looked up, px."""


def make_superpixels(lab: Plane, edges: Plane) -> Labels:
    """[h, w] numbers from 0: the basins of the edges, of which the weakest divided are put together."""
    smooth = gaussian_filter(edges, 0.7)
    steps = np.round(smooth * 8)
    lowest, _ = label(steps <= minimum_filter(steps, 5), np.ones((3, 3)))
    relief = np.minimum(smooth * (65535 / max(float(smooth.max()), 1.0)), 65535).astype(np.uint16)
    _, basins = np.unique(watershed(relief, lowest.astype(np.int32)), return_inverse=True)
    labels = basins.reshape(edges.shape).astype(np.int32)
    graph = Graph(labels, lab, edges)
    parent = np.arange(2 * graph.count)
    for number, pair in enumerate(merge_order(graph, by_edge_and_size, SUPERPIXELS), graph.count):
        parent[list(pair)] = number
    while not np.array_equal(parent, parent[parent]):
        parent = parent[parent]
    _, dense = np.unique(parent[labels], return_inverse=True)
    return np.asarray(dense.reshape(edges.shape), dtype=np.int32)


def settled(labels: Labels, lab: Plane) -> Labels:
    """The same superpixels, with the px along their boundaries given to the side whose colour they have; the
    watershed decides there by the order of px alone. Each side's colour is looked up a little inside it."""
    for _ in range(_SETTLING):
        for axis in (0, 1):
            for step in (1, -1):
                neighbour = _moved(labels, -step, axis)
                across = np.linalg.norm(lab - _moved(lab, -step * _INSIDE, axis), axis=-1)
                back = np.linalg.norm(lab - _moved(lab, step * _INSIDE, axis), axis=-1)
                sure = (_moved(labels, -step * _INSIDE, axis) == neighbour) & (neighbour != labels)
                labels = np.where(sure & (across < back), neighbour, labels)
    _, dense = np.unique(labels, return_inverse=True)
    return dense.reshape(labels.shape).astype(np.int32)


def _moved(plane: NDArray[Any], by: int, axis: int) -> NDArray[Any]:
    """The plane moved along an axis by so many px; what leaves at one side is repeated at the other."""
    places = np.clip(np.arange(plane.shape[axis]) - by, 0, plane.shape[axis] - 1)
    return np.take(plane, places, axis=axis)
