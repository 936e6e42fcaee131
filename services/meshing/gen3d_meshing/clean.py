"""From a splat to the Gaussians that lie on the object: faint ones, strays and floating clusters go."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gen3d_meshing.lean_open3d import o3d, tensor
from gen3d_meshing.problems import SurfaceMissing
from gen3d_meshing.splat import Floats, Splat

Neighbours = NDArray[np.int32]
Search = Callable[[Floats, int], tuple[Neighbours, Floats]]
NEIGHBOURS = 20
_FAINT = 0.3  # of the median opacity: relative, because engines differ in how opaque their Gaussians are
_FAR = 4.0  # times the extent that holds nine tenths of the Gaussians
_STRAY = 4.0  # times the median distance to the nearest neighbours
_NEAR_DRAWN = 1.6  # of the drawn ones' spacings
_CLUSTER = 0.02  # of the largest cluster's Gaussians
_FEWEST = 200
_AT_ONCE = 65_536  # places whose neighbours are looked at together, so that what this needs stays small
_MIXED = np.array(
    [0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], np.uint64
)  # odd, of no pattern
_FLATTEST = 0.01  # thickness by length below which points are a sheet


@dataclass(frozen=True)
class Cloud:
    """The n cleaned Gaussians.

    neighbours: (n, NEIGHBOURS) indices of the nearest Gaussians; the own index stands where one was dropped.
    spacing: typical distance between neighbours, in the splat's units. spacings: (n,) that of each Gaussian's
    own. counts: of Gaussians after each step.
    """

    splat: Splat
    neighbours: Neighbours
    spacing: float
    spacings: Floats
    counts: dict[str, int]


def clean(splat: Splat, limit: int, seed: int = 42) -> Cloud:
    """At most `limit` Gaussians on the object's surface. Raises SurfaceMissing if there is none."""
    counts = {}
    splat = splat.take(splat.opacity >= _FAINT * np.median(splat.opacity))
    counts["opaque"] = len(splat)
    away = np.abs(splat.position - np.median(splat.position.astype(np.float64), axis=0)).max(1)
    splat = splat.take(away <= _FAR * np.quantile(away, 0.9))
    counts["near"] = len(splat)
    splat = _most_important(splat, limit, seed)
    counts["important"] = len(splat)
    splat = _once_each(splat)
    counts["distinct"] = len(splat)
    splat = splat.take(np.argsort(_morton(splat.position)))  # so that neighbours lie together in memory, too
    _require_solid(splat)

    neighbours, mean = _neighbourhoods(splat.position)
    spacing = max(float(np.median(mean)), float(np.ptp(splat.position, axis=0).max()) / 2000)
    near = mean <= _STRAY * spacing
    keep = np.flatnonzero(near)[_in_large_cluster(splat.position[near], spacing)]
    cleaned = splat.take(keep)
    counts |= {"no_strays": int(near.sum()), "connected": len(cleaned)}
    _require_solid(cleaned)

    renumbered = np.full(len(splat), -1, np.int32)
    own = np.arange(len(keep), dtype=np.int32)
    renumbered[keep] = own
    kept_neighbours = np.empty((len(keep), NEIGHBOURS), np.int32)
    for some in parts(len(keep)):
        around = renumbered[neighbours[keep[some]]]
        kept_neighbours[some] = np.where(around < 0, own[some, None], around)
    return Cloud(cleaned, kept_neighbours, spacing, mean[keep], counts)


def without_strays(splat: Splat, cloud: Cloud) -> Splat:
    """All Gaussians of `splat` among the cleaned ones, also faint ones and those that the limit left out."""
    _, distance = nearest(cloud.splat.position, splat.position, 1)
    # All of them lie closer together than those that were drawn, but must each be near one of these.
    spacings = max(_STRAY * np.sqrt(len(cloud.splat) / len(splat)), _NEAR_DRAWN)
    return splat.take(distance[:, 0] <= spacings * cloud.spacing)


def parts(count: int) -> Iterator[slice]:
    """Slices of `count` places, so many that the neighbours of each part's fit into little memory."""
    return (slice(first, first + _AT_ONCE) for first in range(0, count, _AT_ONCE))


def nearest(points: Floats, queries: Floats, k: int) -> tuple[Neighbours, Floats]:
    """Indices (q, k) of the k points nearest to each query, nearest first, and their distances (q, k)."""
    return search(points)(queries, k)


def search(points: Floats) -> Search:
    """Like nearest(), for several queries of the same points."""
    tree = o3d.core.nns.NearestNeighborSearch(tensor(points), o3d.core.int32)
    tree.knn_index()

    def ask(queries: Floats, k: int) -> tuple[Neighbours, Floats]:
        index, squared = tree.knn_search(tensor(queries), k)
        distance = squared.numpy()
        return index.numpy(), np.sqrt(distance, out=distance)

    return ask


def _neighbourhoods(points: Floats) -> tuple[Neighbours, Floats]:
    """(n, NEIGHBOURS) indices of the points nearest to each, itself first, and (n,) how far the nearer half
    of the others is on average."""
    neighbours = np.empty((len(points), NEIGHBOURS), np.int32)
    mean = np.empty(len(points), np.float32)
    around = search(points)
    for some in parts(len(points)):
        neighbours[some], distance = around(points[some], NEIGHBOURS)
        mean[some] = distance[:, 1 : NEIGHBOURS // 2].mean(1)
    return neighbours, mean


def _most_important(splat: Splat, limit: int, seed: int) -> Splat:
    """A seeded draw of `limit` Gaussians, opaque and large ones being likelier."""
    if len(splat) <= limit:
        return splat
    axes = np.sort(splat.scale.astype(np.float64), axis=1)
    weight = splat.opacity * axes[:, 1] * axes[:, 2]
    # The smallest of exponential numbers with these rates are such a draw (Efraimidis and Spirakis 2006).
    wait = np.random.default_rng(seed).exponential(size=len(splat)) / np.maximum(weight, 1e-30)
    return splat.take(np.sort(np.argpartition(wait, limit)[:limit]))


def _once_each(splat: Splat) -> Splat:
    """Of Gaussians at the very same place the first: others would pass for neighbours without a distance."""
    _, first = np.unique(splat.position.view(np.uint32) @ _MIXED, return_index=True)
    return splat if len(first) == len(splat) else splat.take(np.sort(first))


def _morton(points: Floats) -> NDArray[np.int64]:
    """(n,) places along a Z-order curve through a grid of 1024 cells a side (Morton 1966)."""
    side = max(float(np.ptp(points, axis=0).max()), 1e-30)
    cells = ((points - points.min(0)) * (1023 / side)).astype(np.int64)
    for shift, mask in ((16, 0x30000FF), (8, 0x300F00F), (4, 0x30C30C3), (2, 0x9249249)):
        cells = (cells | cells << shift) & mask
    return np.asarray(cells @ np.array([1, 2, 4]))


def _require_solid(splat: Splat) -> None:
    if len(splat) < _FEWEST:
        raise SurfaceMissing(f"{len(splat)} Gaussians are too few for a surface")
    variance = np.linalg.eigvalsh(np.cov(splat.position.T))
    if not variance[0] > _FLATTEST**2 * variance[2]:
        raise SurfaceMissing("the Gaussians lie in a plane or on a line")


def _in_large_cluster(points: Floats, spacing: float) -> NDArray[np.bool_]:
    """Which points belong to a connected group of coarse cells that holds a fair share of all points."""
    size = max(3 * spacing, float(np.ptp(points, axis=0).max()) / 48)
    place = np.floor((points - points.min(0)) / size).astype(np.int64)
    _, first, cell_of, population = np.unique(
        np.ravel_multi_index(tuple(place.T), tuple(place.max(0) + 1)),
        return_index=True,
        return_inverse=True,
        return_counts=True,
    )
    cells = place[first]
    centres = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(cells.astype(np.float64)))
    touching = 1.8  # cells that share a corner are sqrt(3) apart
    cluster = np.asarray(centres.cluster_dbscan(touching, min_points=1))
    share = np.bincount(cluster, weights=population)
    large: NDArray[np.bool_] = (share >= _CLUSTER * share.max())[cluster][cell_of]
    return large
