"""The graph of regions that touch, and which of them stand alone."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.ndimage import find_objects
from scipy.sparse.csgraph import connected_components

Plane = NDArray[np.float32]
Floats = NDArray[np.float64]
Labels = NDArray[np.int32]
Members = NDArray[np.bool_]
"""[regions, superpixels]: which superpixels a region is made of."""
_DARKEST_EDGE = 0.5
"""Added to edges before their logarithm, CIE Lab a px."""
_SURROUNDINGS = 3.0
"""Superpixels that differ by less belong together where the surroundings are followed inwards, CIE Lab."""
_OBJECT_SHARE = 0.2
"""What stands alone and is so large a part of the largest one is an object, not a detail of another."""


class Graph:
    """Regions that touch. area [n] px; centre [n, 2] x, y; boxes [n, 4] x0,
    y0, x1, y1, the end exclusive; colour [n, 3] mean Lab; spread [n] variance of Lab; sides [4, n] px on
    each side of the photo; pairs [p, 2] of neighbours, the smaller number first; common [p, 3]: length of
    their common boundary in px, sums along it of the edges' strength and of its logarithm."""

    def __init__(self, labels: Labels, lab: Plane, edges: Plane) -> None:
        flat = labels.ravel()
        self.count = count = int(flat.max()) + 1
        self.area = np.bincount(flat, minlength=count).astype(np.float64)
        slices = [found for found in find_objects(labels + 1) if found is not None]
        self.boxes = np.array([(x.start, y.start, x.stop, y.stop) for y, x in slices])
        rows, columns = np.indices(labels.shape)
        self.centre = self._means(flat, columns, rows)
        self.colour = self._means(flat, *np.moveaxis(lab, -1, 0))
        squares = np.bincount(flat, (lab**2).sum(axis=-1).ravel(), count)
        self.spread = np.maximum(squares / self.area - (self.colour**2).sum(axis=1), 0)
        border = (labels[0], labels[-1], labels[:, 0], labels[:, -1])
        self.sides = np.stack([np.bincount(side, minlength=count) for side in border]).astype(np.float64)
        here = np.concatenate([labels[:, :-1].ravel(), labels[:-1].ravel()]).astype(np.int64)
        there = np.concatenate([labels[:, 1:].ravel(), labels[1:].ravel()])
        strength = np.concatenate(
            [np.maximum(edges[:, :-1], edges[:, 1:]).ravel(), np.maximum(edges[:-1], edges[1:]).ravel()]
        )
        apart = here != there
        key = np.minimum(here, there)[apart] * count + np.maximum(here, there)[apart]
        strength = strength[apart].astype(np.float64)
        unique, pair = np.unique(key, return_inverse=True)
        self.pairs = np.stack(np.divmod(unique, count), axis=1)
        self.common = np.stack(
            [
                np.bincount(pair, minlength=len(unique)),
                np.bincount(pair, strength, len(unique)),
                np.bincount(pair, np.log(strength + _DARKEST_EDGE), len(unique)),
            ],
            axis=1,
        ).astype(np.float64)

    def _means(self, flat: NDArray[Any], *planes: NDArray[Any]) -> Floats:
        sums = [np.bincount(flat, plane.ravel(), self.count) for plane in planes]
        return np.stack(sums, axis=1) / self.area[:, None]

    @cached_property
    def touching(self) -> sparse.csr_array:
        """[n, n]: length of each common boundary, px."""
        shape = (self.count, self.count)
        lengths = sparse.coo_array((self.common[:, 0], tuple(self.pairs.T)), shape=shape)
        return (lengths + lengths.T).tocsr()

    @cached_property
    def objects(self) -> Members:
        """[o, n]: what stands alone: the large connected parts of what the surroundings do not reach."""
        near = np.linalg.norm(self.colour[self.pairs[:, 0]] - self.colour[self.pairs[:, 1]], axis=1)
        a, b = self.pairs[near < _SURROUNDINGS].T
        alike = sparse.coo_array((np.ones(len(a)), (a, b)), shape=(self.count, self.count))
        _, part = connected_components(alike, directed=False)
        surroundings = np.isin(part, part[self.sides.sum(axis=0) > 0])
        parts = np.array(list(connected_parts(self, ~surroundings)), dtype=bool).reshape(-1, self.count)
        area = parts @ self.area
        return np.asarray(parts[area >= _OBJECT_SHARE * area.max(initial=0)], dtype=bool)


def connected_parts(graph: Graph, inside: NDArray[np.bool_]) -> Iterator[NDArray[np.bool_]]:
    a, b = graph.pairs[inside[graph.pairs].all(axis=1)].T
    touching = sparse.coo_array((np.ones(len(a)), (a, b)), shape=(graph.count, graph.count))
    _, part = connected_components(touching, directed=False)
    for number in np.unique(part[inside]):
        yield part == number
