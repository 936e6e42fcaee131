"""How much like an object a region is, by its properties."""

from __future__ import annotations

import numpy as np

from gen3d_inference.engines.regions.alone import elsewhere, holding, missing_share
from gen3d_inference.engines.regions.graph import Floats, Graph, Members
from gen3d_inference.engines.regions.ground import ground_within
from gen3d_inference.engines.regions.shapes import bounding_boxes

_TWO_OBJECTS = 20.0
"""What speaks against a region that holds two things which stand alone, where the border is even, in nats."""
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


def object_prior(graph: Graph, members: Members, calm: float) -> Floats:
    """[t]: how much like an object, in nats."""
    several = holding(graph, members, graph.objects).sum(axis=1) > 1
    looks = _properties(graph, members) @ (_WEIGHTS @ (1 - calm, calm))
    return np.asarray(looks - _TWO_OBJECTS * calm * several)


def _properties(graph: Graph, members: Members) -> Floats:
    """[t, 17], in the order of `_WEIGHTS`."""
    of = members.astype(np.float64)
    first, second = members[:, graph.pairs[:, 0]], members[:, graph.pairs[:, 1]]
    on = (first != second) @ graph.common
    within = (first & second) @ graph.common
    total = graph.common.sum(axis=0)
    reach = total - elsewhere(graph, members)
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
    hole_outlines, ground = ground_within(graph, members)
    outer_length = np.maximum(length - hole_outlines, 1)
    boxes = bounding_boxes(graph, members)
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
            missing_share(graph, members),
        ],
        axis=1,
    )
