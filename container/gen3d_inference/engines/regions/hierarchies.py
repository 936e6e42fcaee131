"""Regions from small to large: what merges first, and every region on the way."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gen3d_inference.engines.regions.graph import Graph, Members, connected_parts


class _Pair(NamedTuple):
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


def by_edge_and_size(pair: _Pair) -> float:
    return float(pair.strength * min(pair.area, pair.other_area, 2000.0) ** 0.35)


def by_edge(pair: _Pair) -> float:
    return float(pair.strength * (1.2 - pair.enclosed) * min(pair.area, pair.other_area) ** 0.15)


def by_colour(pair: _Pair) -> float:
    """What merging costs in variance of colour, for each px of boundary that it saves."""
    both = pair.area * pair.other_area / (pair.area + pair.other_area)
    return float(both * pair.difference**2 / pair.length**0.7)


def by_enclosure(pair: _Pair) -> float:
    """What encloses something takes it in early, whatever its colour."""
    smaller = min(pair.area, pair.other_area)
    return float(pair.strength**0.5 * (1.05 - pair.enclosed) ** 1.5 * smaller**0.5)


def merge_order(graph: Graph, weight: _Weight, until: int = 1) -> list[tuple[int, int]]:
    """The pairs in the order in which they merge; the k-th makes the region `graph.count` + k."""
    area = graph.area.tolist()
    colour = graph.colour.tolist()
    outline = graph.sides.sum(axis=0).tolist()
    near: list[dict[int, tuple[float, float]]] = [{} for _ in area]
    for (a, b), (length, strength, _) in zip(graph.pairs.tolist(), graph.common.tolist(), strict=True):
        near[a][b] = near[b][a] = (length, strength)
        outline[a] += length
        outline[b] += length

    def entry(a: int, b: int, length: float, strength: float) -> tuple[float, int, int]:
        difference = math.dist(colour[a], colour[b])
        enclosed = min(length / min(outline[a], outline[b]), 1.0)
        return weight(_Pair(strength / length, length, enclosed, area[a], area[b], difference)), a, b

    heap = [entry(a, b, *near[a][b]) for a, b in graph.pairs.tolist()]
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
        outline.append(outline[a] + outline[b] - 2 * near[a].pop(b)[0])
        del near[b][a]
        around = near[a]
        for other, (length, strength) in near[b].items():
            before = around.get(other, (0.0, 0.0))
            around[other] = (before[0] + length, before[1] + strength)
        near.append(around)
        for other, common in around.items():
            near[other].pop(a, None)
            near[other].pop(b, None)
            near[other][new] = common
            heapq.heappush(heap, entry(other, new, *common))
        order.append((a, b))
    return order


def on_the_way(order: list[tuple[int, int]], count: int) -> Members:
    members = np.eye(count + len(order), count, dtype=bool)
    for number, (a, b) in enumerate(order, count):
        members[number] = members[a] | members[b]
    return members


def not_swallowed(graph: Graph, members: Members) -> Members:
    """The connected parts of what is left, each time that a region at the photo's border grows."""
    at_border = graph.sides.sum(axis=0) > 0
    outside = at_border.copy()
    found = list(connected_parts(graph, ~outside))
    for region in members[graph.count :]:
        if (region & at_border).any() and not outside[region].all():
            outside |= region
            found += connected_parts(graph, ~outside)
    return np.array(found, dtype=bool).reshape(-1, graph.count)
