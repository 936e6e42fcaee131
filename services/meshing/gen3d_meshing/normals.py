"""Which way the surface faces at each Gaussian.

The line of the normal is the Gaussian's shortest axis, or the direction in which its neighbours spread least:
for round ones, and for all where the axes turn out to have nothing to do with the surface. Its sign comes
from sight: seen from many directions, a Gaussian that no other one hides faces the onlooker. Those that
nobody sees, deep in a hollow, agree with their neighbours. Unlike a flood from outside, this needs no closed
shell of voxels, so a hole in the splat does no harm.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gen3d_meshing.clean import Cloud, Neighbours, parts
from gen3d_meshing.splat import Floats, Splat

_FLAT = 0.5  # shortest by middle axis, below which the shortest axis is the normal
_ASKED = 2000  # Gaussians that are asked where all would say the same
_CHANCE = 0.6  # median |cosine| between the two: 0.5 where axes are random, else 0.69 or more
_VIEWS = 64
_SPARSE = 0.95  # of the Gaussians have no wider spacing than those that sight must not look through
_APART = 0.7  # in such spacings: of Gaussians closer together one is looked at; the others agree with it
_WITNESSES = 80_000  # at most so many are looked at
_PIXEL = 1.75  # in such spacings: nearly every pixel on the object then holds a Gaussian of its front
_DEPTH = (
    0.25  # in pixels: how far behind its pixel's front one, along that one's normal, a Gaussian is still seen
)
_STEEPEST = 0.25  # |cosine| of the steepest slope that a pixel is thought to span
_GRAZING = 0.2  # |cosine| below which a view says nothing
_HEARD = 16
_SAME_SIDE = 0.8  # cosine between normals
_SURE = 0.5  # |vote| above which a sign is settled
_ROUNDS, _MOST_ROUNDS = 2, 200
_SETTLED = 1e-3


def outward_normals(cloud: Cloud) -> Floats:
    """(n, 3) unit normals that point out of the object."""
    normals = _lines(cloud)
    sparse = max(cloud.spacing, float(np.quantile(cloud.spacings, _SPARSE)))
    some = _spread(cloud.splat.position, _APART * sparse)
    step = -(-len(some) // _WITNESSES)
    some = some[::step]
    votes: Floats = np.zeros(len(normals), np.float32)
    votes[some] = _sight(cloud.splat.position[some], normals[some], _PIXEL * sparse * np.sqrt(step))
    votes = _agree(votes, normals, cloud.neighbours[:, :_HEARD])
    return normals * np.where(votes < 0, -1, 1).astype(np.float32)[:, None]


def noise(cloud: Cloud, normals: Floats) -> float:
    """Standard deviation of the Gaussians' distances from the surface, by neighbours on its same side."""
    some = np.arange(0, len(normals), len(normals) // _ASKED + 1)
    around = cloud.neighbours[some, 1:_HEARD]
    points = cloud.splat.position
    apart = np.einsum("nkc,nc->nk", points[around] - points[some, None], normals[some])
    same_side = np.einsum("nkc,nc->nk", normals[around], normals[some]) > _SAME_SIDE
    if not same_side.any():
        return 0.0
    # The median of |x| is 0.6745 sigma for a normal distribution; two places differ by sqrt(2) sigma.
    return float(np.median(np.abs(apart[same_side])) / (0.6745 * np.sqrt(2)))


def _lines(cloud: Cloud) -> Floats:
    normals = shortest_axes(cloud.splat)
    axes = np.sort(cloud.splat.scale, axis=1)
    flat = axes[:, 0] <= _FLAT * axes[:, 1]
    some = np.flatnonzero(flat)
    some = some[:: len(some) // _ASKED + 1]
    agreement = np.abs(np.einsum("nc,nc->n", normals[some], _least_spread(cloud, some)))
    if len(some) and np.median(agreement) < _CHANCE:  # turned at random: they tell nothing
        flat[:] = False
    normals[~flat] = _least_spread(cloud, np.flatnonzero(~flat))
    return normals


def _least_spread(cloud: Cloud, which: NDArray[np.int64]) -> Floats:
    """(n, 3) unit vectors along which the neighbours of each of these Gaussians spread least."""
    least = np.empty((len(which), 3), np.float32)
    axes = np.ascontiguousarray(cloud.splat.position.T)
    for some in parts(len(which)):
        around = axes.take(cloud.neighbours.take(which[some], axis=0), axis=1)
        around -= around.mean(2, keepdims=True)
        spread = np.einsum("ink,jnk->nij", around, around)
        least[some] = np.linalg.eigh(spread)[1][:, :, 0]
    return least


def shortest_axes(splat: Splat) -> Floats:
    """(n, 3) unit vectors along each Gaussian's shortest axis, in the frame."""
    w, x, y, z = splat.rotation.T
    axes = (
        (1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)),
        (2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x)),
        (2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)),
    )
    which = splat.scale.argmin(1)
    stacked = np.array(axes)  # (axis, xyz, n)
    return np.ascontiguousarray(stacked[which, :, np.arange(len(which))])


def directions(count: int) -> Floats:
    """(count, 3) unit vectors spread evenly over the sphere (Fibonacci lattice)."""
    k = np.arange(count) + 0.5
    polar, turn = np.arccos(1 - 2 * k / count), np.pi * (1 + 5**0.5) * k
    return np.stack(
        [np.cos(turn) * np.sin(polar), np.sin(turn) * np.sin(polar), np.cos(polar)], axis=1
    ).astype(np.float32)


def _spread(points: Floats, side: float) -> NDArray[np.int64]:
    """Which points to take so that each cell of this side that holds any has one: where they lie densely
    they then hide what is behind them no better than where they are sparse."""
    place = np.floor((points - points.min(0)) / side).astype(np.int64)
    _, some = np.unique(np.ravel_multi_index(tuple(place.T), tuple(place.max(0) + 1)), return_index=True)
    return np.sort(some)


def _sight(points: Floats, normals: Floats, pixel: float) -> Floats:
    """(n,) in -1..1: how clearly views say that a normal points outward (+) or inward (-); 0 if unseen."""
    votes = np.zeros(len(points), np.float32)
    heard = np.full(len(points), 1e-6, np.float32)
    offset = np.einsum("nc,nc->n", points, normals)
    views = directions(_VIEWS)
    rights = np.cross(views, np.eye(3, dtype=np.float32)[np.abs(views).argmin(1)])
    rights /= np.linalg.norm(rights, axis=1, keepdims=True)
    frames = np.stack([rights, np.cross(views, rights), views], axis=1) / np.float32(pixel)
    for view, frame in zip(views, frames, strict=True):
        column, row, height = frame @ points.T
        column, row = (column - column.min()).astype(np.int64), (row - row.min()).astype(np.int64)
        cell = column * (row.max() + 1) + row
        top = np.full(cell.max() + 1, -np.inf, np.float32)
        np.maximum.at(top, cell, height)
        depth = top[cell] - height
        owner = np.zeros(len(top), np.int64)
        owner[cell[depth == 0]] = np.flatnonzero(depth == 0)

        cosine = normals @ view
        steep = np.abs(cosine)
        candidates = np.flatnonzero((depth < 1 / _STEEPEST) & (steep > _GRAZING))
        front = owner[cell[candidates]]
        behind = offset[front] - np.einsum("nc,nc->n", points[candidates], normals[front])
        seen = candidates[
            (behind * np.sign(cosine[front]) < _DEPTH * pixel)
            & (depth[candidates] * np.maximum(steep[front], _STEEPEST) < 1)
        ]
        votes[seen] += cosine[seen]
        heard[seen] += steep[seen]
    return votes / heard


def _agree(votes: Floats, normals: Floats, neighbours: Neighbours) -> Floats:
    """The votes after neighbours were heard: each counts by how parallel its normal is. Those that stay
    unsure hear theirs again and again, so that signs spread into hollows that nobody sees into."""
    for _ in range(_ROUNDS):
        votes = _heard(votes, normals, neighbours, np.arange(len(votes)))
    for _ in range(_MOST_ROUNDS):
        unsure = np.flatnonzero(np.abs(votes) < _SURE)
        heard = _heard(votes, normals, neighbours, unsure)
        if not (np.abs(heard - votes[unsure]) > _SETTLED).any():
            break
        votes[unsure] = heard
    return votes


def _heard(votes: Floats, normals: Floats, neighbours: Neighbours, who: NDArray[np.int64]) -> Floats:
    heard = np.empty(len(who), np.float32)
    said = np.ascontiguousarray((normals * votes[:, None]).T)
    for some in parts(len(who)):
        around = neighbours.take(who[some], axis=0)
        mean = np.stack([axis.take(around).mean(1) for axis in said], axis=1)
        heard[some] = np.clip(3 * np.einsum("nc,nc->n", mean, normals[who[some]]), -1, 1)
    return heard
