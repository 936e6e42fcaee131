"""preview.png shows the lit object, whole, on a transparent ground."""

from __future__ import annotations

import io

import numpy as np
from gen3d_meshing.colour import srgb_to_linear
from gen3d_meshing.model import Model
from gen3d_meshing.pipeline import Result
from gen3d_meshing.preview import SIZE, draw
from PIL import Image

from tests.unit.meshing.solids import Array, Solid


def pixels(png: bytes) -> Array:
    image = Image.open(io.BytesIO(png))
    assert (image.format, image.mode) == ("PNG", "RGBA")
    return np.asarray(image) / 255


def test_the_object_fills_the_frame_and_nothing_is_cut_off(example: tuple[Solid, Result]) -> None:
    _, result = example
    image = pixels(result.files["preview.png"])
    assert image.shape == (SIZE, SIZE, 4)
    alpha = image[..., 3]
    assert alpha[[0, -1]].max() == 0
    assert alpha[:, [0, -1]].max() == 0
    rows, columns = np.nonzero(alpha == 1)
    longest = max(np.ptp(rows), np.ptp(columns)) / SIZE
    assert 0.85 < longest < 0.95


def test_edges_are_smooth_and_a_soft_shadow_lies_below(capsule: Result) -> None:
    alpha = pixels(capsule.files["preview.png"])[..., 3]
    partly = (alpha > 0.02) & (alpha < 0.98)
    assert 0.01 < partly.mean() < 0.5
    above, below = np.split(partly, 2)
    assert below.sum() > 2 * above.sum()


def test_light_falls_from_above(capsule: Result) -> None:
    grey = np.full(capsule.mesh.vertices.shape, 0.4, np.float32)
    image = pixels(draw(Model(capsule.mesh, grey), 128))
    solid = image[..., 3] == 1
    rows = np.flatnonzero(solid.any(axis=1))
    brightness = [image[row, solid[row], :3].mean() for row in rows]
    assert np.mean(brightness[: len(rows) // 3]) > np.mean(brightness[-len(rows) // 3 :]) + 0.05


def test_colours_are_the_meshs(capsule: Result) -> None:
    red = np.tile(srgb_to_linear(np.array([[0.8, 0.1, 0.1]], np.float32)), (len(capsule.mesh.vertices), 1))
    image = pixels(draw(Model(capsule.mesh, red), 96))
    red_part, green_part, blue_part = image[image[..., 3] == 1][:, :3].mean(axis=0)
    assert red_part > 0.5
    assert max(green_part, blue_part) < 0.3


def test_the_shadow_ends_in_a_curve_and_not_along_a_line(example: tuple[Solid, Result]) -> None:
    """Cut off by the picture's edge or its own grid, most columns of it would end in one row."""
    _, result = example
    seen = pixels(result.files["preview.png"])[..., 3] > 0.02
    below = seen[:, seen.any(axis=0)]
    ends = np.argmax(below[::-1], axis=0)
    assert np.bincount(ends).max() < 0.25 * len(ends)
