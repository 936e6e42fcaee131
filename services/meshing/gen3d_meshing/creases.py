"""Give edges back to a surface that Poisson reconstruction has rounded.

Poisson's surface is smooth by nature: within about a cell of an edge it cuts the corner. There the Gaussians
know better. Each triangle near a crease takes the plane that the Gaussians around it lie in; planes of
neighbours are sharpened against each other by bilateral filtering of normals (Zheng et al. 2011, Bilateral
Normal Filtering for Mesh Denoising); then each vertex moves to where the planes of its triangles meet, the
minimum of a quadratic error function (Ju et al. 2002, Dual Contouring of Hermite Data). Connections stay as
they are, so a closed mesh stays closed. Where nothing bends, nothing moves.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gen3d_meshing.clean import Search, nearest
from gen3d_meshing.shape import Triangles
from gen3d_meshing.splat import Floats

_BENT = 0.97  # length of the mean of the unit normals around a vertex, below which it may be near a crease
_CREASED = 0.9  # the same, once normals are sharpened: it is on one
_REACH, _RINGS = 2, 2  # rings of vertices around those two that take part, and that move
_PASSES = 2
_GAUSSIANS, _FACES = 24, 24  # neighbours that are heard
_NEAR = 1.5  # spacings: reach of a Gaussian's say
_AGREEING = 8  # power of the cosine by which Gaussians must agree with a triangle to be heard
_AROUND = 2.0  # cells: reach of a triangle's say to others
_ALIKE = 0.4  # rad: triangles that differ by more do not hear each other
_ROUNDS = 10
_ON_PLANE = 0.8  # spacings: Gaussians farther from a plane do not shift it
_STAY = 0.05  # pull of the old place, where the planes leave a direction open
_STEP = 0.7  # cells: the farthest that a vertex moves in one pass


def sharpen(
    vertices: Floats,
    triangles: Triangles,
    points: Floats,
    normals: Floats,
    around: Search,
    *,
    spacing: float,
    cell: float,
) -> Floats:
    """The mesh's vertices (v, 3), those near creases moved to where the surfaces on both sides meet.

    points, normals: (n, 3) the Gaussians' places and outward normals, about `spacing` apart. around: searches
    these points. cell: width of Poisson's cells. All in the splat's frame and units.
    """
    at = vertices.astype(np.float64)
    for _ in range(_PASSES):
        near = _grown(_bend(at, triangles, *_planes(at, triangles)) < _BENT, triangles, _REACH)
        faces = triangles[near[triangles].any(1)]
        if not len(faces):
            break
        centre = at[faces].mean(1)
        facing, area = _planes(at, faces)
        index, distance = around(centre.astype(np.float32), _GAUSSIANS)
        nearness = np.exp(-((distance / (_NEAR * spacing)) ** 2))
        facing = _as_gaussians(facing, normals[index], nearness)
        facing = _bilateral(facing, area, centre, _AROUND * cell)
        height = _heights(
            facing, points[index] - centre[:, None], normals[index], nearness, _ON_PLANE * spacing
        )

        moving = _grown(_bend(at, faces, facing, area) < _CREASED, faces, _RINGS)
        onto = centre + height[:, None] * facing
        step = _to_planes(at, faces, onto, np.sqrt(area / area.mean())[:, None] * facing)[moving]
        length = np.linalg.norm(step, axis=1, keepdims=True)
        at[moving] += step * np.minimum(1, _STEP * cell / np.maximum(length, 1e-12))
    return at.astype(np.float32)


def _planes(vertices: NDArray[np.float64], faces: Triangles) -> tuple[Floats, Floats]:
    """Unit normals (f, 3) and areas (f,) of triangles."""
    a, b, c = vertices[faces.T]
    cross = np.cross(b - a, c - a)
    double = np.linalg.norm(cross, axis=1)
    return (cross / np.maximum(double, 1e-30)[:, None]).astype(np.float32), (double / 2).astype(np.float32)


def _bend(
    vertices: NDArray[np.float64], faces: Triangles, facing: Floats, area: Floats
) -> NDArray[np.float64]:
    """(v,) length of the area-weighted mean of normals around each vertex: 1 where flat or without faces."""
    weight = _gathered(faces, area, len(vertices))
    total = np.stack([_gathered(faces, area * facing[:, axis], len(vertices)) for axis in range(3)], axis=1)
    length = np.linalg.norm(total, axis=1)
    return np.asarray(np.divide(length, weight, out=np.ones_like(length), where=weight > 0))


def _gathered(faces: Triangles, values: Floats, count: int) -> NDArray[np.float64]:
    """(count,) sums of the faces' values (f,) at their corners."""
    return np.asarray(np.bincount(faces.reshape(-1), np.repeat(values, 3), count), np.float64)


def _grown(chosen: NDArray[np.bool_], faces: Triangles, rings: int) -> NDArray[np.bool_]:
    for _ in range(rings):
        chosen[faces[chosen[faces].any(1)]] = True
    return chosen


def _unit(vectors: Floats) -> Floats:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12), np.float32)


def _as_gaussians(facing: Floats, theirs: Floats, nearness: Floats) -> Floats:
    """The triangles' normals, twice replaced by the mean of those (f, k, 3) of Gaussians that agree."""
    for _ in range(2):
        agreement = np.einsum("fkc,fc->fk", theirs, facing).clip(0, 1) ** _AGREEING
        facing = _unit(np.einsum("fk,fkc->fc", nearness * agreement, theirs) + 1e-6 * facing)
    return facing


def _bilateral(facing: Floats, area: Floats, centre: NDArray[np.float64], reach: float) -> Floats:
    """The normals, each drawn to the mean of those that are near and alike."""
    places = centre.astype(np.float32)
    index, distance = nearest(places, places, min(_FACES, len(places)))
    nearness = np.exp(-((distance / reach) ** 2)) * area[index]
    axes = np.ascontiguousarray(facing.T)
    for _ in range(_ROUNDS):
        around = axes.take(index, axis=1)
        alike = np.exp((np.einsum("cfk,cf->fk", around, axes) - 1) * np.float32(2 / _ALIKE**2))
        axes = np.einsum("fk,cfk->cf", nearness * alike, around)
        axes /= np.maximum(np.sqrt((axes * axes).sum(0)), 1e-12)
    return np.ascontiguousarray(axes.T)


def _heights(facing: Floats, away: Floats, theirs: Floats, nearness: Floats, tolerance: float) -> Floats:
    """(f,) how far above its centre each triangle's plane lies, by the Gaussians that are on it."""
    above = np.einsum("fkc,fc->fk", away, facing)
    agreement = np.einsum("fkc,fc->fk", theirs, facing).clip(0, 1) ** 2
    height = np.zeros(len(facing), np.float32)
    for _ in range(2):
        weight = nearness * agreement * np.exp(-(((above - height[:, None]) / tolerance) ** 2)) + 1e-12
        height = (weight * above).sum(1) / weight.sum(1)
    return height


def _to_planes(
    vertices: NDArray[np.float64], faces: Triangles, onto: NDArray[np.float64], normals: Floats
) -> NDArray[np.float64]:
    """(v, 3) steps of the vertices to where they are nearest to the planes of all triangles around them.

    onto: (f, 3) a place on each triangle's plane. normals: (f, 3), their squared lengths being weights.
    """
    corners = faces.reshape(-1)
    normal = np.repeat(normals.astype(np.float64), 3, axis=0)
    gap = np.einsum("nc,nc->n", normal, np.repeat(onto, 3, axis=0) - vertices[corners])
    terms = np.column_stack([(normal[:, :, None] * normal[:, None]).reshape(-1, 9), normal * gap[:, None]])
    sums = np.stack([np.bincount(corners, column, len(vertices)) for column in terms.T], axis=1)
    outer, pull = sums[:, :9].reshape(-1, 3, 3), sums[:, 9:]
    weight = np.trace(outer, axis1=1, axis2=2) + 1e-12
    return np.asarray(
        np.linalg.solve(outer + weight[:, None, None] * _STAY * np.eye(3), pull[:, :, None])[:, :, 0]
    )
