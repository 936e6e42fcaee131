"""What lies under and around regions, and regions revised by what looks like it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gen3d_inference.engines.regions.graph import Floats, Graph, Members

REVISED, _ALIKE = 48, 0.6
"""So many regions are revised; a superpixel changes sides if its colour is so many times nearer there."""
_NEAR = 30.0
"""The ground under a superpixel is told from what lies outside the region about so far away, px."""
_SHADE = 0.6
"""Being darker than the ground counts so much less than another difference: it may be a shadow."""
_GROUND = 6.0
"""What differs from the ground by less may be the ground, seen through a region, CIE Lab."""


def revisions(graph: Graph, inside: Members) -> Members:
    """Regions once more: without the superpixels in them that look like the ground, as in the hole of a
    handle; with the neighbours that look like what is inside; and both."""
    around, to_ground, to_inside = _likeness(graph, inside)
    lost = inside & (to_ground < _ALIKE * to_inside)
    won = around & (to_inside < _ALIKE * to_ground)
    revised = np.concatenate([inside & ~lost, inside | won, (inside & ~lost) | won])
    return np.asarray(revised[revised.any(axis=1)])


def _likeness(graph: Graph, inside: Members) -> tuple[Members, Floats, Floats]:
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


def _blended(graph: Graph, share: Floats, kernel: NDArray[np.floating[Any]]) -> Floats:
    """[t, s, 3]: for each superpixel the mean colour of those with a share [t, s], weighed by the kernel."""
    total = np.maximum(share @ kernel, 1e-30)
    return np.stack([(share * colour) @ kernel / total for colour in graph.colour.T], axis=-1)


def ground_within(graph: Graph, members: Members) -> tuple[Floats, Floats]:
    """[t] each: length of the outline around holes in which the ground shows, px; and the share of the area
    inside that looks like the ground, and not like what is beside it."""
    _, to_ground, to_inside = _likeness(graph, members)
    outside = ~members & (graph.sides.sum(axis=0) > 0)
    size = 0
    while size != (size := int(outside.sum())):
        outside |= ~members & (outside @ graph.touching > 0)
    holes = ~members & ~outside & (to_ground < to_inside)
    within = members & (to_ground < _ALIKE * to_inside) & (to_ground < _GROUND)
    outlines = (holes * (members @ graph.touching)).sum(axis=1)
    return outlines, within @ graph.area / (members @ graph.area)
