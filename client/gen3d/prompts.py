"""Points and boxes: what a person says of the objects that are meant. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from gen3d.errors import WrongUsage

Point = tuple[float, float, int]
"""x, y in px of the upright photo, from its upper left corner; 1 on the object, 0 on what is none of it."""
Box = tuple[float, float, float, float]
"""x, y of one corner and of the opposite one."""


def check_prompts(points: Sequence[Point], boxes: Sequence[Box]) -> None:
    """Raises WrongUsage where points and boxes cannot be meant, whatever the photo."""
    if any(len(point) != 3 or point[2] not in (0, 1) for point in points):
        raise WrongUsage("A point is x, y and 1 on the object or 0 on what is none of it.")
    if any(len(box) != 4 for box in boxes):
        raise WrongUsage("A box is x, y of one corner and x, y of the opposite one.")
    if not len(boxes) and not any(label for *_, label in points):
        raise WrongUsage.because("no_positive_point")
    if any(x0 == x1 or y0 == y1 for x0, y0, x1, y1 in boxes):
        raise WrongUsage.because("box_empty")
    objects(points, boxes)


def check_within(points: Sequence[Point], boxes: Sequence[Box], width: int, height: int) -> None:
    """Raises WrongUsage where a point or a corner is outside a photo of width x height px."""
    corners = [corner for x0, y0, x1, y1 in boxes for corner in ((x0, y0), (x1, y1))]
    for x, y in [*((x, y) for x, y, _ in points), *corners]:
        if not (0 <= x <= width and 0 <= y <= height):  # NaN is neither
            raise WrongUsage.because(
                "point_outside_photo", f"({x:g}, {y:g}) is not within {width} x {height}."
            )


def objects(points: Sequence[Point], boxes: Sequence[Box]) -> list[tuple[Sequence[Point], Box | None]]:
    """The points and the box of each object: one for each box, or one of all points where there is none.

    With several boxes a point counts for those that it lies in. Raises WrongUsage if it lies in none;
    beside a single box there may be points that take away.
    """
    if not len(boxes):  # an array has no truth of its own
        return [(points, None)]
    about_one = [point for point in points if point[2] or len(boxes) > 1]
    if any(not any(_within(point, box) for box in boxes) for point in about_one):
        raise WrongUsage.because("point_outside_boxes")
    if len(boxes) == 1:
        return [(points, boxes[0])]
    return [([point for point in points if _within(point, box)], box) for box in boxes]


def corners(box: Box) -> tuple[tuple[float, float], tuple[float, float]]:
    """The upper left and the lower right one."""
    x0, y0, x1, y1 = box
    return (min(x0, x1), min(y0, y1)), (max(x0, x1), max(y0, y1))


def _within(point: Point, box: Box) -> bool:
    x, y, _ = point
    (left, top), (right, bottom) = corners(box)
    return left <= x <= right and top <= y <= bottom
