"""Regions of a photo that could be objects, for the segmenter `classical`.

Px make superpixels (a watershed of the edges), neighbouring superpixels make larger regions step by step, and
every region on the way could be an object. Three hierarchies differ in what they merge first. Of each, the
complement counts as well: what the regions at the photo's border have not swallowed yet.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.ndimage import distance_transform_edt, find_objects, gaussian_filter, label, minimum_filter
from scipy.ndimage import watershed_ift as watershed
from scipy.sparse.csgraph import connected_components

Plane = NDArray[np.float32]
Floats = NDArray[np.float64]
Labels = NDArray[np.int32]
Members = NDArray[np.bool_]
"""[regions, superpixels]: which superpixels a region is made of."""

SUPERPIXELS = 384
"""At most so many, so that all regions fit into a small file."""
OUTLINE_POINTS = 16
"""Places on each superpixel's outline by which a click's depth in a region is measured."""

_SMALLEST, _LARGEST = 0.0004, 0.9
"""Shares of the photo between which a region may be an object."""
_MOST_REGIONS = 1900
_DARKEST_EDGE = 0.5
"""Added to edges before their logarithm, CIE Lab a px."""
_REVISED, _ALIKE = 48, 0.6
"""So many regions are revised; a superpixel changes sides if its colour is so many times nearer there."""
_NEAR = 30.0
"""The ground under a superpixel is told from what lies outside the region about so far away, px."""
_SHADE = 0.6
"""Being darker than the ground counts so much less than another difference: it may be a shadow."""
_GROUND = 6.0
"""What differs from the ground by less may be the ground, seen through a region, CIE Lab."""
_MOST_MISSING = 0.15
"""The share of a region's area from which on it does not matter how much of a thing is missing."""
_SETTLING, _INSIDE = 3, 3
"""Rounds in which boundaries move by up to a px, and how far inside a side's colour is looked up, px."""
_SURROUNDINGS = 3.0
"""Superpixels that differ by less belong together where the surroundings are followed inwards, CIE Lab."""
_OBJECT_SHARE = 0.2
"""What stands alone and is so large a part of the largest one is an object, not a detail of another."""
_TWO_OBJECTS = 20.0
"""What speaks against a region that holds two things which stand alone, where the border is even, in nats."""
_DEPTH_STEP = 4
"""The radius of regions is measured at one px in so many each way."""

_WEIGHTS = np.array(
    [  # where the photo's border is uneven, where it is even
        (0.15, -2.04),  # mean log strength of the edges outside
        (0.7, 4.94),  # ... of the edges on the outline, less those outside
        (-4.2, 11.3),  # share of all edges that lie inside or on the outline
        (1.25, -5.82),  # log of the share that lies outside
        (0.45, 2.02),  # mean log strength of the edges on the outline
        (0.9, 3.84),  # ... less those inside
        (0.3, 1),  # mean log difference of the colours on both sides
        (0.0, 0.043),  # log of the area's share of the photo
        (-0.027, 0.003),  # its square
        (-3.2, -10.6),  # share of the outline that lies on the photo's border
        (-0.35, -0.802),  # sides of the photo that it touches
        (1.9, 3.46),  # log of the compactness, 4 pi area / outline ** 2
        (1.0, -2.31),  # log of the share of its bounding box
        (0.55, -1.67),  # log of the spread of its colours
        (1.5, 1.11),  # 1 if it does not touch the photo's border
        (0.0, -60.0),  # share of its area in which the ground shows
        (0.0, -32.0),  # share of its area that is missing of what stands alone
    ]
)
"""How much each property speaks for a region's being an object, in nats."""


@dataclass(frozen=True)
class Regions:
    """labels [h, w]: each px's superpixel. members [t, s]. prior [t]: how much like an object, in nats.
    radius [t]: of the largest disc inside, px. log_area [t]: of its share of the photo. boxes [t, 4]: x0,
    y0, x1, y1 in px, the end exclusive. outlines [s, 16, 2]: x, y in px of places on the outlines."""

    labels: Labels
    members: Members
    prior: Floats
    radius: Floats
    log_area: Floats
    boxes: NDArray[np.int64]
    outlines: Floats


def regions(lab: Plane, edges: Plane, calm: float) -> Regions:
    """lab: CIE Lab [h, w, 3]. edges [h, w]: gradient of Lab. calm: 0..1, how even the photo's border is."""
    labels = _settled(_superpixels(lab, edges), lab)
    graph = _Graph(labels, lab, edges)
    found = []
    for weight in (_by_edge, _by_colour, _by_enclosure):
        members = _on_the_way(_merged(graph, weight), graph.count)
        found += [members, _not_swallowed(graph, members)]
    members = _plausible(graph, np.unique(np.concatenate(found), axis=0))
    prior = _prior(graph, members, calm)
    revised = _plausible(graph, _revised(graph, members[np.argsort(-prior, kind="stable")[:_REVISED]]))
    members, first = np.unique(np.concatenate([members, revised]), axis=0, return_index=True)
    prior = np.concatenate([prior, _prior(graph, revised, calm)])[first]
    if len(members) > _MOST_REGIONS:
        area = members @ graph.area + labels.size * (members.sum(axis=1) == 1)
        largest = np.sort(np.argsort(-area, kind="stable")[:_MOST_REGIONS])
        members, prior = members[largest], prior[largest]
    boxes = _boxes(graph, members)
    return Regions(
        labels=labels,
        members=members,
        prior=prior,
        radius=_radii(labels, members, boxes),
        log_area=np.log(members @ graph.area / labels.size),
        boxes=boxes,
        outlines=_outlines(labels),
    )


def _plausible(graph: _Graph, members: Members) -> Members:
    """Those that are neither too small nor too large, and each superpixel by itself."""
    share = members @ graph.area / graph.area.sum()
    single = members.sum(axis=1) == 1
    return np.asarray(members[single | ((share >= _SMALLEST) & (share <= _LARGEST))])


class _Graph:
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
    def touching(self) -> Floats:
        """[n, n]: length of each common boundary, px."""
        lengths = np.zeros((self.count, self.count))
        lengths[tuple(self.pairs.T)] = self.common[:, 0]
        return lengths + lengths.T

    @cached_property
    def objects(self) -> Members:
        """[o, n]: what stands alone: the large connected parts of what the surroundings do not reach."""
        near = np.linalg.norm(self.colour[self.pairs[:, 0]] - self.colour[self.pairs[:, 1]], axis=1)
        a, b = self.pairs[near < _SURROUNDINGS].T
        alike = sparse.coo_array((np.ones(len(a)), (a, b)), shape=(self.count, self.count))
        _, part = connected_components(alike, directed=False)
        surroundings = np.isin(part, part[self.sides.sum(axis=0) > 0])
        parts = np.array(list(_parts(self, ~surroundings)), dtype=bool).reshape(-1, self.count)
        area = parts @ self.area
        return np.asarray(parts[area >= _OBJECT_SHARE * area.max(initial=0)], dtype=bool)


def _superpixels(lab: Plane, edges: Plane) -> Labels:
    """[h, w] numbers from 0: the basins of the edges, of which the weakest divided are put together."""
    smooth = gaussian_filter(edges, 0.7)
    steps = np.round(smooth * 8)
    lowest, _ = label(steps <= minimum_filter(steps, 5), np.ones((3, 3)))
    relief = np.minimum(smooth * (65535 / max(float(smooth.max()), 1.0)), 65535).astype(np.uint16)
    _, basins = np.unique(watershed(relief, lowest.astype(np.int32)), return_inverse=True)
    labels = basins.reshape(edges.shape).astype(np.int32)
    graph = _Graph(labels, lab, edges)
    parent = np.arange(2 * graph.count)
    for number, pair in enumerate(_merged(graph, _by_edge_and_size, SUPERPIXELS), graph.count):
        parent[list(pair)] = number
    while not np.array_equal(parent, parent[parent]):
        parent = parent[parent]
    _, dense = np.unique(parent[labels], return_inverse=True)
    return np.asarray(dense.reshape(edges.shape), dtype=np.int32)


def _settled(labels: Labels, lab: Plane) -> Labels:
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


# --- hierarchies -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Pair:
    """Two regions that touch: strength of the edges between them, a px; length of the boundary, px; share of
    the outline of one that is the boundary, the larger share; areas, px; difference of their mean Lab."""

    strength: float
    length: float
    enclosed: float
    area: float
    other_area: float
    difference: float


_Weight = Callable[[_Pair], float]
"""Pairs of the least weight are merged first."""


def _by_edge_and_size(pair: _Pair) -> float:
    return float(pair.strength * min(pair.area, pair.other_area, 2000.0) ** 0.35)


def _by_edge(pair: _Pair) -> float:
    return float(pair.strength * (1.2 - pair.enclosed) * min(pair.area, pair.other_area) ** 0.15)


def _by_colour(pair: _Pair) -> float:
    """What merging costs in variance of colour, for each px of boundary that it saves."""
    both = pair.area * pair.other_area / (pair.area + pair.other_area)
    return float(both * pair.difference**2 / pair.length**0.7)


def _by_enclosure(pair: _Pair) -> float:
    """What encloses something takes it in early, whatever its colour."""
    smaller = min(pair.area, pair.other_area)
    return float(pair.strength**0.5 * (1.05 - pair.enclosed) ** 1.5 * smaller**0.5)


def _merged(graph: _Graph, weight: _Weight, until: int = 1) -> list[tuple[int, int]]:
    """The pairs in the order in which they merge; the k-th makes the region `graph.count` + k."""
    area = graph.area.tolist()
    colour = graph.colour.tolist()
    outline = graph.sides.sum(axis=0).tolist()
    near: list[dict[int, tuple[float, float]]] = [{} for _ in area]
    for (a, b), (length, strength, _) in zip(graph.pairs.tolist(), graph.common.tolist(), strict=True):
        near[a][b] = near[b][a] = (length, strength)
        outline[a] += length
        outline[b] += length

    def entry(a: int, b: int) -> tuple[float, int, int]:
        length, strength = near[a][b]
        difference = sum((x - y) ** 2 for x, y in zip(colour[a], colour[b], strict=True)) ** 0.5
        enclosed = min(length / min(outline[a], outline[b]), 1.0)
        return weight(_Pair(strength / length, length, enclosed, area[a], area[b], difference)), a, b

    heap = [entry(a, b) for a, b in graph.pairs.tolist()]
    heapq.heapify(heap)
    alive = [True] * len(area)
    order: list[tuple[int, int]] = []
    while heap and graph.count - len(order) > until:
        _, a, b = heapq.heappop(heap)
        if not (alive[a] and alive[b]):
            continue
        new = len(area)
        alive[a] = alive[b] = False
        alive.append(True)
        area.append(area[a] + area[b])
        colour.append(
            [(area[a] * x + area[b] * y) / area[new] for x, y in zip(colour[a], colour[b], strict=True)]
        )
        outline.append(outline[a] + outline[b] - 2 * near[a][b][0])
        near.append({})
        for old in (a, b):
            for other, (length, strength) in near[old].items():
                if other not in (a, b):
                    before = near[new].get(other, (0.0, 0.0))
                    near[new][other] = (before[0] + length, before[1] + strength)
                    near[other].pop(old, None)
        for other, common in near[new].items():
            near[other][new] = common
            heapq.heappush(heap, entry(other, new))
        order.append((a, b))
    return order


def _on_the_way(order: list[tuple[int, int]], count: int) -> Members:
    members = np.eye(count + len(order), count, dtype=bool)
    for number, (a, b) in enumerate(order, count):
        members[number] = members[a] | members[b]
    return members


def _not_swallowed(graph: _Graph, members: Members) -> Members:
    """The connected parts of what is left, each time that a region at the photo's border grows."""
    at_border = graph.sides.sum(axis=0) > 0
    outside = at_border.copy()
    found = list(_parts(graph, ~outside))
    for region in members[graph.count :]:
        if (region & at_border).any() and not outside[region].all():
            outside |= region
            found += _parts(graph, ~outside)
    return np.array(found, dtype=bool).reshape(-1, graph.count)


def _revised(graph: _Graph, inside: Members) -> Members:
    """Regions once more: without the superpixels in them that look like the ground, as in the hole of a
    handle; with the neighbours that look like what is inside; and both."""
    around, to_ground, to_inside = _likeness(graph, inside)
    lost = inside & (to_ground < _ALIKE * to_inside)
    won = around & (to_inside < _ALIKE * to_ground)
    revised = np.concatenate([inside & ~lost, inside | won, (inside & ~lost) | won])
    return np.asarray(revised[revised.any(axis=1)])


def _likeness(graph: _Graph, inside: Members) -> tuple[Members, Floats, Floats]:
    """[t, s] each: whether a superpixel touches the region from outside; how far its colour is from the
    ground, as guessed from what lies outside the region near by; and from what it touches inside, Lab."""
    apart = graph.centre[:, None] - graph.centre
    nearness = ((apart**2).sum(axis=-1) + _NEAR**2) ** -2.0
    np.fill_diagonal(nearness, 0)
    beside = inside @ graph.touching
    ground = _blended(graph, ~inside * graph.area, nearness)
    company = _blended(graph, inside.astype(np.float64), graph.touching)
    from_ground = graph.colour - ground
    from_ground[..., 0] *= np.where(from_ground[..., 0] < 0, _SHADE, 1)
    to_inside = np.linalg.norm(graph.colour - company, axis=-1) * (beside > 0)
    return (beside > 0) & ~inside, np.linalg.norm(from_ground, axis=-1), to_inside


def _blended(graph: _Graph, share: Floats, kernel: NDArray[np.floating[Any]]) -> Floats:
    """[t, s, 3]: for each superpixel the mean colour of those with a share [t, s], weighed by the kernel."""
    total = np.maximum(share @ kernel, 1e-30)
    return np.stack([(share * colour) @ kernel / total for colour in graph.colour.T], axis=-1)


def _ground(graph: _Graph, members: Members) -> tuple[Floats, Floats]:
    """[t] each: length of the outline around holes in which the ground shows, px; and the share of the area
    inside that looks like the ground, and not like what is beside it."""
    _, to_ground, to_inside = _likeness(graph, members)
    beside = (graph.touching > 0).astype(np.float32)
    outside = ~members & (graph.sides.sum(axis=0) > 0)
    size = 0
    while size != (size := int(outside.sum())):
        outside |= ~members & (outside.astype(np.float32) @ beside > 0)
    holes = ~members & ~outside & (to_ground < to_inside)
    within = members & (to_ground < _ALIKE * to_inside) & (to_ground < _GROUND)
    outlines = (holes * (members @ graph.touching)).sum(axis=1)
    return outlines, within @ graph.area / (members @ graph.area)


def _missing(graph: _Graph, members: Members) -> Floats:
    """[t]: how much is missing of the things that stand alone and that a region holds, in shares of it."""
    objects = graph.objects
    missing = objects @ graph.area - (members * graph.area) @ objects.T
    held = _holding(graph, members, objects)
    share = (held * missing).sum(axis=1) / (members @ graph.area)
    return np.asarray(np.minimum(share, _MOST_MISSING))


def _parts(graph: _Graph, inside: NDArray[np.bool_]) -> Iterator[NDArray[np.bool_]]:
    a, b = graph.pairs[inside[graph.pairs].all(axis=1)].T
    touching = sparse.coo_array((np.ones(len(a)), (a, b)), shape=(graph.count, graph.count))
    _, part = connected_components(touching, directed=False)
    for number in np.unique(part[inside]):
        yield part == number


# --- what is known of regions ------------------------------------------------------------------------------


def _prior(graph: _Graph, members: Members, calm: float) -> Floats:
    """[t]: how much like an object, in nats."""
    several = _holding(graph, members, graph.objects).sum(axis=1) > 1
    looks = _properties(graph, members) @ (_WEIGHTS @ (1 - calm, calm))
    return np.asarray(looks - _TWO_OBJECTS * calm * several)


def _properties(graph: _Graph, members: Members) -> Floats:
    """[t, 17], in the order of `_WEIGHTS`."""
    of = members.astype(np.float64)
    first, second = members[:, graph.pairs[:, 0]], members[:, graph.pairs[:, 1]]
    on = (first != second) @ graph.common
    within = (first & second) @ graph.common
    total = graph.common.sum(axis=0)
    reach = total - _elsewhere(graph, members)
    beyond = np.maximum(reach - on - within, 0)
    everywhere = total[2] / max(total[0], 1)

    def mean_log(sums: Floats, otherwise: Floats) -> Floats:
        return np.where(sums[:, 0] > 0.5, sums[:, 2] / np.maximum(sums[:, 0], 1), otherwise)

    outline = on[:, 2] / np.maximum(on[:, 0], 1)
    outside = mean_log(beyond, outline)
    inside = mean_log(within, np.full(len(of), everywhere))
    held = np.minimum((on + within)[:, 1] / np.maximum(reach[:, 1], 1e-6), 1)
    apart = np.linalg.norm(graph.colour[graph.pairs[:, 0]] - graph.colour[graph.pairs[:, 1]], axis=1)
    contrast = (first != second) @ (graph.common[:, 0] * np.log(apart + 1)) / np.maximum(on[:, 0], 1)

    area = of @ graph.area
    log_area = np.log(area / graph.area.sum())
    at_sides = of @ graph.sides.T
    length = np.maximum(on[:, 0] + at_sides.sum(axis=1), 1)
    hole_outlines, ground = _ground(graph, members)
    outer_length = np.maximum(length - hole_outlines, 1)
    boxes = _boxes(graph, members)
    box_area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    mean = of @ (graph.colour * graph.area[:, None]) / area[:, None]
    square = of @ (((graph.colour**2).sum(axis=1) + graph.spread) * graph.area) / area
    spread = np.sqrt(np.maximum(square - (mean**2).sum(axis=1), 0))
    return np.stack(
        [
            outside,
            outline - outside,
            held,
            np.log(np.maximum(1.02 - held, 0.01)),
            outline,
            outline - inside,
            contrast,
            log_area,
            log_area**2,
            at_sides.sum(axis=1) / length,
            (at_sides > 0).sum(axis=1),
            np.log(4 * np.pi * area / outer_length**2),
            np.log(area / box_area),
            np.log(spread + 1),
            at_sides.sum(axis=1) == 0,
            ground,
            _missing(graph, members),
        ],
        axis=1,
    )


def _elsewhere(graph: _Graph, members: Members) -> Floats:
    """[t, 3], as `_Graph.common`: what lies in or around other things that stand alone, for a region that
    holds some of one."""
    objects = graph.objects
    if len(objects) < 2:
        return np.zeros((len(members), 3))
    of_object = (objects[:, graph.pairs[:, 0]] | objects[:, graph.pairs[:, 1]]) @ graph.common
    held = _holding(graph, members, objects)
    return np.asarray((~held & held.any(axis=1, keepdims=True)) @ of_object)


def _holding(graph: _Graph, members: Members, objects: Members) -> NDArray[np.bool_]:
    """[t, o]: whether a region holds half of an object, or lies in it by half."""
    shared = (members * graph.area) @ objects.T
    smaller = np.minimum((members @ graph.area)[:, None], objects @ graph.area)
    return np.asarray(shared >= 0.5 * smaller)


def _boxes(graph: _Graph, members: Members) -> NDArray[np.int64]:
    """[t, 4]: x0, y0, x1, y1, the end exclusive."""
    far = graph.boxes.max() + 1
    starts = [np.where(members, start, far).min(axis=1) for start in graph.boxes.T[:2]]
    ends = [np.where(members, end, 0).max(axis=1) for end in graph.boxes.T[2:]]
    return np.stack([*starts, *ends], axis=1).astype(np.int64)


def _radii(labels: Labels, members: Members, boxes: NDArray[np.int64]) -> Floats:
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


def _outlines(labels: Labels) -> Floats:
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
