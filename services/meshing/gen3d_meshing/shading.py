"""Normals for shading: smooth over what is curved, split where the surface has a crease."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gen3d_meshing.shape import Triangles
from gen3d_meshing.splat import Floats

_CREASE = np.radians(35)  # between triangles that face apart so much there is no smooth shading
_SAME = 1e-3  # normals of a vertex that differ by no more are one


def shading_normals(vertices: Floats, triangles: Triangles) -> tuple[Floats, Triangles]:
    """Unit normals (m, 3), and (t, 3) which of them each corner of each triangle has.

    A corner's normal is the mean, by area, of the triangles around its vertex that face about the same way.
    """
    a, b, c = vertices.astype(np.float64)[triangles.T]
    weighted = np.cross(b - a, c - a)
    face = _unit(weighted)
    corners = triangles.reshape(-1).astype(np.int64)
    smooth = _unit(_sums(corners, np.repeat(weighted, 3, axis=0), len(vertices)))

    leaning = np.einsum("nc,nc->n", np.repeat(face, 3, axis=0), smooth[corners])
    creased = np.zeros(len(vertices), bool)
    creased[corners[leaning < np.cos(_CREASE / 2)]] = True

    there = np.flatnonzero(creased[corners])
    there = there[np.argsort(corners[there])]
    one, other = _pairs(corners[there])
    mine, theirs = there[one] // 3, there[other] // 3  # a corner's triangle
    alike = np.einsum("nc,nc->n", face[mine], face[theirs]) > np.cos(_CREASE)
    split = _unit(_sums(one[alike], weighted[theirs[alike]], len(there)))

    key = np.column_stack([corners[there], np.rint(split / _SAME).astype(np.int64)])
    _, first, which = np.unique(key, axis=0, return_index=True, return_inverse=True)
    place = np.cumsum(~creased) - 1  # among the normals of vertices without a crease
    shading = place[corners]
    shading[there] = np.count_nonzero(~creased) + which.reshape(-1)
    normals = np.concatenate([smooth[~creased], split[first]]).astype(np.float32)
    return normals, shading.reshape(-1, 3).astype(np.uint32)


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-30))


def _sums(groups: NDArray[np.int64], values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """(count, 3) sums of the values (n, 3) of each group."""
    return np.stack([np.bincount(groups, column, count) for column in values.T], axis=1)


def _pairs(groups: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All ordered pairs of places in a sorted array that hold the same value, a place with itself too."""
    _, start, which, size = np.unique(groups, return_index=True, return_inverse=True, return_counts=True)
    partners = size[which]
    one = np.repeat(np.arange(len(groups)), partners)
    nth = np.arange(len(one)) - np.repeat(np.cumsum(partners) - partners, partners)
    return one, start[which[one]] + nth
