"""From a silhouette to a closed shape: solves for the squared height of a body over its mask.

The body is { (x, y, z) : y^2 <= u(x, z) }, where u is 0 on the outline and -laplace(u) = f inside. With the
squared height, not the height, the surface is round at its rim and smooth throughout, and a disc gives an
exact sphere for f = 4. A long strip needs f = 2 to become a round bar as deep as it is wide. An ellipse does
not say how deep it is: f = 4 gives a depth between its two widths, near the truth whether the short or the
long one was the axis. So f is 4 where a first solution with f = 4 bends both ways, and falls to 2 where it
bends one way only: a capsule is round all along, and so are limbs, handles and chair legs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.ndimage import gaussian_filter
from scipy.sparse.linalg import splu

Grid = NDArray[np.float64]

_OUTLINE = 0.5
_NEAREST_OUTLINE = 0.1
"""Lower limit of the distance to the outline, px: keeps the equations well-conditioned."""
_COMPACT, _STRIP = 0.8, 2.0
"""Half the difference of the first solution's two curvatures, whose sum is 4: up to the one value f stays 4;
the other is that of a long strip, which bends one way only."""


@dataclass(frozen=True)
class Inflated:
    """A body over a grid of h x w px. Lengths are in px; x runs right, z runs down the rows.

    inside [h, w]: px whose centre lies in the silhouette. squared_height, slope_x, slope_z [h, w]: u and its
    gradient, 0 outside. reach_x, reach_z [2, h, w]: distance from a px inside to the next px centre or, if
    nearer, to the outline, towards smaller [0] and larger [1] index.
    """

    inside: NDArray[np.bool_]
    squared_height: Grid
    slope_x: Grid
    slope_z: Grid
    reach_x: Grid
    reach_z: Grid


def inflate(cover: Grid) -> Inflated:
    """The body of a silhouette. cover [h, w]: how much of each px is covered, 0..1; the outline is where it
    passes 0.5, to a fraction of a px. The border px must not be inside; at least one px must be."""
    inside = cover > _OUTLINE
    reach_x = np.stack([_reach(cover, inside, 1, 1), _reach(cover, inside, -1, 1)])
    reach_z = np.stack([_reach(cover, inside, 1, 0), _reach(cover, inside, -1, 0)])
    solve = _factorised(inside, reach_x, reach_z)

    first = solve(np.full(inside.shape, 4.0))
    squared_height = np.maximum(solve(_load(first, inside, reach_x, reach_z)), 0.0)
    return Inflated(
        inside=inside,
        squared_height=squared_height,
        slope_x=_slope(squared_height, inside, reach_x, 1),
        slope_z=_slope(squared_height, inside, reach_z, 0),
        reach_x=reach_x,
        reach_z=reach_z,
    )


def _reach(cover: Grid, inside: NDArray[np.bool_], shift: int, axis: int) -> Grid:
    beside = np.roll(cover, shift, axis)
    crossing = inside & (beside <= _OUTLINE)
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = (cover - _OUTLINE) / (cover - beside)
    return np.where(crossing, np.clip(distance, _NEAREST_OUTLINE, 1.0), 1.0)


def _factorised(inside: NDArray[np.bool_], reach_x: Grid, reach_z: Grid) -> Callable[[Grid], Grid]:
    """Solver of -laplace(u) = load with u = 0 on the outline (the symmetric scheme of Gibou et al., 2002)."""
    number = np.full(inside.shape, -1)
    count = int(inside.sum())
    number[inside] = np.arange(count)
    diagonal = (1 / reach_x + 1 / reach_z).sum(axis=0)[inside]
    rows, columns = [], []
    for axis in (0, 1):
        beside = np.roll(number, -1, axis)
        both = inside & (beside >= 0)
        rows.append(number[both])
        columns.append(beside[both])
    row, column = np.concatenate(rows), np.concatenate(columns)
    upper = sparse.coo_array((np.full(len(row), -1.0), (row, column)), shape=(count, count))
    factors = splu(
        (upper + upper.T + sparse.diags_array(diagonal)).tocsc(),
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )

    def solve(load: Grid) -> Grid:
        solution = np.zeros(inside.shape)
        solution[inside] = factors.solve(load[inside])
        return solution

    return solve


def _slope(u: Grid, inside: NDArray[np.bool_], reach: Grid, axis: int) -> Grid:
    """Rise of u per px from one neighbour to the other: px centres or, with u = 0, the outline."""
    return np.where(inside, (np.roll(u, -1, axis) - np.roll(u, 1, axis)) / reach.sum(axis=0), 0.0)


def _load(first: Grid, inside: NDArray[np.bool_], reach_x: Grid, reach_z: Grid) -> Grid:
    """f: 4 where the first solution bends both ways, 2 where it bends one way only, smooth in between."""
    bend_x, bend_z = _bend(first, reach_x, 1), _bend(first, reach_z, 0)
    slope_x = _slope(first, inside, reach_x, 1)
    pair = inside[1:] & inside[:-1]
    step = np.where(pair, np.diff(slope_x, axis=0), 0.0)
    neighbours = np.pad(pair, ((1, 0), (0, 0))).astype(int) + np.pad(pair, ((0, 1), (0, 0)))
    twist = (np.pad(step, ((1, 0), (0, 0))) + np.pad(step, ((0, 1), (0, 0)))) / np.maximum(neighbours, 1)

    half_difference = np.where(inside, np.hypot((bend_x - bend_z) / 2, twist), 0.0)
    smooth = _smooth(half_difference) / np.maximum(_smooth(inside.astype(np.float64)), 1e-9)
    t = np.clip((smooth - _COMPACT) / (_STRIP - _COMPACT), 0.0, 1.0)
    load: Grid = 4.0 - 2.0 * t * t * (3 - 2 * t)
    return load


def _bend(u: Grid, reach: Grid, axis: int) -> Grid:
    """Second difference of u, as the equations have it."""
    before, after = reach
    bend: Grid = (np.roll(u, -1, axis) - u) / after - (u - np.roll(u, 1, axis)) / before
    return bend


def _smooth(values: Grid) -> Grid:
    smoothed: Grid = gaussian_filter(values, 1.5, mode="constant", truncate=3)
    return smoothed
