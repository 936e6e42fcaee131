"""Cut a closed mesh into charts: connected pieces of surface that each face one of a few main directions.

The main directions are the object's own, so a box gives its six sides in any pose. A triangle takes the
direction that it faces best, unless its neighbours agree on one nearly as good (iterated conditional modes;
Besag, 1986), so that noise in the relief does not fray the charts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gen3d_meshing.normals import directions
from gen3d_meshing.raster import Indices
from gen3d_meshing.shape import Mesh, Triangles
from gen3d_meshing.splat import Floats

_CANDIDATES = 128  # directions that a main one may start from
_CONE = 0.65  # cosine to a main direction from which on surface counts as facing it
_MOST = 14  # main directions
_STRAY = 0.005  # share of the surface that needs no main direction of its own
_REFINEMENTS = 4
_ROUNDS = 12
_AGREEMENT = 0.25  # what a neighbour's agreement is worth, in cosine to the direction
_STEEPEST = 0.25  # cosine below which projection would squeeze a triangle too much
_SPECK = 3e-4  # of the surface: a smaller chart joins its neighbours where it can


def cut(mesh: Mesh) -> tuple[Indices, Floats]:
    """(the chart of each triangle (t,), the unit vector (t, 3) along which that chart is best projected)."""
    a, b, c = mesh.vertices.astype(np.float64)[mesh.triangles.T]
    cross = np.cross(b - a, c - a)
    area = np.linalg.norm(cross, axis=1)
    normals = (cross / np.maximum(area, 1e-30)[:, None]).astype(np.float32)
    main = _main_directions(normals, area)
    neighbours = across_edges(mesh.triangles)
    choice = _choose(normals @ main.T, area, neighbours)
    return components(choice, neighbours), main[choice]


def _choose(facing: Floats, area: NDArray[np.float64], neighbours: Indices) -> Indices:
    """(t,) a direction for each triangle, from the cosines (t, d) to all."""
    count = facing.shape[1]
    choice: Indices = facing.argmax(1)
    allowed = np.where((facing > _STEEPEST) | (facing == facing.max(1, keepdims=True)), facing, -np.inf)
    for _ in range(_ROUNDS):
        choice = (allowed + _AGREEMENT * _votes(choice, neighbours, count)).argmax(1)
    for _ in range(_ROUNDS):
        chart = components(choice, neighbours)
        speck = (np.bincount(chart, area) < _SPECK * area.sum())[chart]
        heard = _votes(choice, neighbours, count, ~speck)
        wish = np.where(heard > 0, allowed + heard, -np.inf)
        moves = speck & np.isfinite(wish).any(1)
        if not moves.any():
            break
        choice[moves] = wish[moves].argmax(1)
    return choice


def components(label: Indices, neighbours: Indices) -> Indices:
    """(t,) numbers from 0 on of the connected pieces of triangles with equal labels."""
    own = np.arange(len(label))
    joined = np.where(label[neighbours] == label[:, None], neighbours, own[:, None])
    root = own
    while True:
        lowest = root[joined].min(1)
        hooked = root.copy()
        np.minimum.at(hooked, root, lowest)
        while (hooked[hooked] != hooked).any():
            hooked = hooked[hooked]
        if (hooked == root).all():
            numbers: Indices = np.unique(root, return_inverse=True)[1]
            return numbers
        root = hooked


def across_edges(triangles: Triangles) -> Indices:
    """(t, 3) the triangle beyond each edge (first to second corner, second to third, third to first)."""
    start = triangles.astype(np.int64)
    end = np.roll(start, -1, axis=1)
    edge = (np.minimum(start, end) << 32 | np.maximum(start, end)).reshape(-1)
    pairs = np.argsort(edge, kind="stable").reshape(-1, 2)
    beyond = np.empty(len(edge), np.int64)
    beyond[pairs] = pairs[:, ::-1] // 3
    return beyond.reshape(-1, 3)


def _main_directions(normals: Floats, area: NDArray[np.float64]) -> Floats:
    """(d, 3): greedily those that most of the surface faces, each then the mean of what faces it best."""
    candidates = directions(_CANDIDATES)
    nearest = (normals @ candidates.T).argmax(1)
    facing = np.stack([np.bincount(nearest, area * axis, _CANDIDATES) for axis in normals.T], axis=1)
    left = np.bincount(nearest, area, _CANDIDATES)
    alike = candidates @ candidates.T
    chosen: list[int] = []
    enough = _STRAY * left.sum()
    while not chosen or (left.sum() > enough and len(chosen) < _MOST):
        chosen.append(int((np.maximum(alike - _CONE, 0) @ left).argmax()))
        left[alike[chosen[-1]] > _CONE] = 0
    main = candidates[chosen]
    for _ in range(_REFINEMENTS):
        best = (candidates @ main.T).argmax(1)
        total = np.stack([np.bincount(best, axis, len(main)) for axis in facing.T], axis=1)
        length = np.linalg.norm(total, axis=1, keepdims=True)
        main = np.where(length > 0, total / np.maximum(length, 1e-30), main).astype(np.float32)
    return main


def _votes(
    choice: Indices, neighbours: Indices, count: int, heard: NDArray[np.bool_] | None = None
) -> Floats:
    """(t, count) how many of a triangle's neighbours chose each direction; only those heard count."""
    votes = np.zeros((len(choice), count), np.float32)
    own = np.arange(len(choice))
    for neighbour in neighbours.T:
        votes[own, choice[neighbour]] += 1 if heard is None else heard[neighbour]
    return votes
