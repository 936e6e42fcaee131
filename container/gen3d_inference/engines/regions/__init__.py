"""Regions of a photo that could be objects, for the segmenter `classical`.

Px make superpixels (a watershed of the edges), neighbouring superpixels make larger regions step by step, and
every region on the way could be an object. Three hierarchies differ in what they merge first. Of each, the
complement counts as well: what the regions at the photo's border have not swallowed yet.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gen3d_inference.engines.regions.graph import Floats, Graph, Labels, Members, Plane
from gen3d_inference.engines.regions.ground import REVISED, revisions
from gen3d_inference.engines.regions.hierarchies import (
    by_colour,
    by_edge,
    by_enclosure,
    merge_order,
    not_swallowed,
    on_the_way,
)
from gen3d_inference.engines.regions.prior import object_prior
from gen3d_inference.engines.regions.shapes import OUTLINE_POINTS, bounding_boxes, inner_radii, outline_places
from gen3d_inference.engines.regions.superpixels import SUPERPIXELS, make_superpixels, settled

__all__ = ["OUTLINE_POINTS", "SUPERPIXELS", "Regions", "regions"]

_SMALLEST, _LARGEST = 0.0004, 0.9
"""Shares of the photo between which a region may be an object."""
_MOST_REGIONS = 1900


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
    labels = settled(make_superpixels(lab, edges), lab)
    graph = Graph(labels, lab, edges)
    found = []
    for weight in (by_edge, by_colour, by_enclosure):
        members = on_the_way(merge_order(graph, weight), graph.count)
        found += [members, not_swallowed(graph, members)]
    every = np.concatenate(found)
    members = _plausible(graph, every[_distinct(every)])
    prior = object_prior(graph, members, calm)
    revised = _plausible(graph, revisions(graph, members[np.argsort(-prior, kind="stable")[:REVISED]]))
    every = np.concatenate([members, revised])
    first = _distinct(every)
    members, prior = every[first], np.concatenate([prior, object_prior(graph, revised, calm)])[first]
    if len(members) > _MOST_REGIONS:
        area = members @ graph.area + labels.size * (members.sum(axis=1) == 1)
        largest = np.sort(np.argsort(-area, kind="stable")[:_MOST_REGIONS])
        members, prior = members[largest], prior[largest]
    boxes = bounding_boxes(graph, members)
    return Regions(
        labels=labels,
        members=members,
        prior=prior,
        radius=inner_radii(labels, members, boxes),
        log_area=np.log(members @ graph.area / labels.size),
        boxes=boxes,
        outlines=outline_places(labels),
    )


def _distinct(members: Members) -> NDArray[np.intp]:
    """Where each different region is found first, in the order of their bits."""
    _, first = np.unique(np.packbits(members, axis=1), axis=0, return_index=True)
    return first


def _plausible(graph: Graph, members: Members) -> Members:
    """Those that are neither too small nor too large, and each superpixel by itself."""
    share = members @ graph.area / graph.area.sum()
    single = members.sum(axis=1) == 1
    return np.asarray(members[single | ((share >= _SMALLEST) & (share <= _LARGEST))])
