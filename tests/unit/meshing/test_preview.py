"""preview.png shows the lit object, whole, on a transparent ground."""

from __future__ import annotations

import io
import tracemalloc
from functools import cache

import numpy as np
import pytest
from gen3d_meshing.camera import AZIMUTH
from gen3d_meshing.colour import srgb_to_linear
from gen3d_meshing.model import Model, Texture
from gen3d_meshing.pipeline import Result
from gen3d_meshing.preview import FRAMES, SIZE, TURNTABLE_SIZE, still, turntable
from gen3d_meshing.studio import Studio
from PIL import Image, ImageSequence

from tests.unit.meshing.conftest import meshed
from tests.unit.meshing.solids import SOLIDS, Array


@cache
def drawn(name: str) -> bytes:
    return still(Studio(meshed(name).model))


def pixels(png: bytes) -> Array:
    image = Image.open(io.BytesIO(png))
    assert (image.format, image.mode) == ("PNG", "RGBA")
    return np.asarray(image) / 255


@pytest.mark.parametrize("name", SOLIDS)
def test_the_object_fills_the_frame_and_nothing_is_cut_off(name: str) -> None:
    image = pixels(drawn(name))
    assert image.shape == (SIZE, SIZE, 4)
    alpha = image[..., 3]
    assert alpha[[0, -1]].max() == 0
    assert alpha[:, [0, -1]].max() == 0
    rows, columns = np.nonzero(alpha == 1)
    longest = max(np.ptp(rows), np.ptp(columns)) / SIZE
    assert 0.85 < longest < 0.95


def test_a_picture_needs_little_memory(capsule: Result) -> None:
    studio = Studio(capsule.model)
    tracemalloc.start()
    still(studio)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 90 * SIZE**2  # bytes a pixel


def test_edges_are_smooth_and_a_soft_shadow_lies_below() -> None:
    alpha = pixels(drawn("capsule"))[..., 3]
    partly = (alpha > 0.02) & (alpha < 0.98)
    assert 0.01 < partly.mean() < 0.5
    above, below = np.split(partly, 2)
    assert below.sum() > 2 * above.sum()


def test_light_falls_from_above(capsule: Result) -> None:
    grey = np.full(capsule.mesh.vertices.shape, 0.4, np.float32)
    image = pixels(still(Studio(Model(capsule.mesh, grey)), 128))
    solid = image[..., 3] == 1
    rows = np.flatnonzero(solid.any(axis=1))
    brightness = [image[row, solid[row], :3].mean() for row in rows]
    assert np.mean(brightness[: len(rows) // 3]) > np.mean(brightness[-len(rows) // 3 :]) + 0.05


def test_colours_are_the_meshs(capsule: Result) -> None:
    red = np.tile(srgb_to_linear(np.array([[0.8, 0.1, 0.1]], np.float32)), (len(capsule.mesh.vertices), 1))
    image = pixels(still(Studio(Model(capsule.mesh, red)), 96))
    red_part, green_part, blue_part = image[image[..., 3] == 1][:, :3].mean(axis=0)
    assert red_part > 0.5
    assert max(green_part, blue_part) < 0.3


@pytest.mark.parametrize("name", SOLIDS)
def test_the_shadow_ends_in_a_curve_and_not_along_a_line(name: str) -> None:
    """Cut off by the picture's edge or its own grid, most columns of it would end in one row."""
    seen = pixels(drawn(name))[..., 3] > 0.02
    below = seen[:, seen.any(axis=0)]
    ends = np.argmax(below[::-1], axis=0)
    assert np.bincount(ends).max() < 0.25 * len(ends)


def test_a_texture_is_shown_where_its_triangles_lie(capsule: Result) -> None:
    """Red on its left, blue on its right; what is left of the object's middle lies on the left."""
    mesh = capsule.mesh
    corners = np.zeros((len(mesh.triangles) * 3, 2), np.float32)
    to_the_right = np.array((np.cos(AZIMUTH), np.sin(AZIMUTH), 0), np.float32)
    on_left = mesh.vertices[mesh.triangles].mean(1) @ to_the_right < 0
    corners[:, 0] = np.repeat(np.where(on_left, 0.25, 0.75), 3)
    corners[:, 1] = 0.9
    image = np.zeros((512, 512, 3), np.uint8)
    image[:256, :256, 0] = 200
    image[:256, 256:, 2] = 200
    texture = Texture(
        image, corners, mesh.triangles.reshape(-1), np.arange(len(corners), dtype=np.uint32).reshape(-1, 3)
    )
    white = np.ones(mesh.vertices.shape, np.float32)
    seen = pixels(still(Studio(Model(mesh, white, texture)), 96))
    solid = seen[..., 3] == 1
    left, right = (
        half[..., :3][mask].mean(0)
        for half, mask in zip(np.split(seen, 2, 1), np.split(solid, 2, 1), strict=True)
    )
    assert left[0] > 3 * left[2]
    assert right[2] > 2 * right[0]


def frames(webp: bytes) -> Array:
    """(frames, rows, columns, 4) in 0..1."""
    image = Image.open(io.BytesIO(webp))
    assert image.format == "WEBP"
    assert image.info["loop"] == 0
    return np.stack([np.asarray(frame.convert("RGBA")) / 255 for frame in ImageSequence.Iterator(image)])


@pytest.mark.parametrize("name", SOLIDS)
def test_the_turntable_turns_once_on_a_transparent_ground(name: str) -> None:
    webp = turntable(Studio(meshed(name).model))
    assert len(webp) < 1_500_000
    seen = frames(webp)
    assert seen.shape == (FRAMES, TURNTABLE_SIZE, TURNTABLE_SIZE, 4)
    alpha = seen[..., 3]
    assert alpha[:, [0, -1]].max() == 0
    assert alpha[:, :, [0, -1]].max() == 0
    assert (alpha == 1).mean((1, 2)).min() > 0.1


def test_the_turntable_shows_all_sides_and_keeps_its_light(capsule: Result) -> None:
    """A capsule red in front and blue behind, under a light that stays at its left."""
    mesh = capsule.mesh
    front = mesh.vertices[:, 1:2] < 0
    colours = np.where(front, (0.6, 0.02, 0.02), (0.02, 0.02, 0.6)).astype(np.float32)
    seen = frames(turntable(Studio(Model(mesh, colours)), 64))
    mean = [frame[frame[..., 3] == 1][:, :3].mean(0) for frame in seen]
    redness = np.array([red - blue for red, _, blue in mean])
    assert redness[0] > 0.2
    assert redness[FRAMES // 2] < -0.2
    for frame in seen:
        left, right = (
            half[..., :3][half[..., 3] == 1].max(1).mean() for half in (frame[:, :32], frame[:, 32:])
        )
        assert left > right
