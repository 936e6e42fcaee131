"""Regions held against the things that stand alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gen3d_inference.engines.regions.graph import Floats, Graph, Members

_MOST_MISSING = 0.15
"""The share of a region's area from which on it does not matter how much of a thing is missing."""


def missing_share(graph: Graph, members: Members) -> Floats:
    """[t]: how much is missing of the things that stand alone and that a region holds, in shares of it."""
    objects = graph.objects
    missing = objects @ graph.area - (members * graph.area) @ objects.T
    held = holding(graph, members, objects)
    share = (held * missing).sum(axis=1) / (members @ graph.area)
    return np.asarray(np.minimum(share, _MOST_MISSING))


def elsewhere(graph: Graph, members: Members) -> Floats:
    """[t, 3], as `Graph.common`: what lies in or around other things that stand alone, for a region that
    holds some of one."""
    objects = graph.objects
    if len(objects) < 2:
        return np.zeros((len(members), 3))
    of_object = (objects[:, graph.pairs[:, 0]] | objects[:, graph.pairs[:, 1]]) @ graph.common
    held = holding(graph, members, objects)
    return np.asarray((~held & held.any(axis=1, keepdims=True)) @ of_object)


def holding(graph: Graph, members: Members, objects: Members) -> NDArray[np.bool_]:
    """[t, o]: whether a region holds half of an object, or lies in it by half."""
    shared = (members * graph.area) @ objects.T
    smaller = np.minimum((members @ graph.area)[:, None], objects @ graph.area)
    return np.asarray(shared >= 0.5 * smaller)
