"""The demo's photo belongs to its mask and to the true shape; distances are measured rightly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh
from gen3d_local.demo_scene import render
from gen3d_local.demo_scene.distance import TRUTH, chamfer
from numpy.typing import NDArray
from PIL import Image

SCENE = TRUTH.parent


@pytest.fixture
def truth() -> trimesh.Trimesh:
    return trimesh.load_mesh(TRUTH, process=False)


def bundled(name: str) -> NDArray[np.uint8]:
    with Image.open(SCENE / name) as image:
        return np.asarray(image)


def as_glb(mesh: trimesh.Trimesh, folder: Path) -> Path:
    """The mesh in a file as the pipeline writes it: Y-up."""
    turned = mesh.copy()
    turned.vertices = turned.vertices[:, [0, 2, 1]] * (1, 1, -1)
    path = folder / "mesh.glb"
    turned.export(path)
    return path


def test_the_bundled_files_are_small_and_fit_together() -> None:
    with Image.open(SCENE / "photo.jpg") as photo, Image.open(SCENE / "mask.png") as mask:
        assert (photo.format, photo.mode, photo.size) == ("JPEG", "RGB", (768, 1024))
        assert (mask.format, mask.mode, mask.size) == ("PNG", "L", photo.size)
        inside = np.asarray(mask)
    assert (SCENE / "photo.jpg").stat().st_size < 300_000
    assert TRUTH.stat().st_size < 200_000
    assert set(np.unique(inside)) == {0, 255}
    assert 0.2 < (inside == 255).mean() < 0.4


def test_the_mask_and_the_truth_are_what_the_script_makes() -> None:
    np.testing.assert_array_equal(bundled("mask.png"), render.mask(1024))
    assert TRUTH.read_bytes() == render.truth()


def test_the_photo_is_rendered_alike_each_time_and_resembles_the_bundled_one() -> None:
    first, second = (render.photo(64, 3) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    small = Image.fromarray(bundled("photo.jpg")).resize((48, 64), Image.Resampling.BOX)
    assert np.abs(first.astype(float) - np.asarray(small)).mean() < 6


def test_the_truth_is_a_closed_solid_in_the_frame_of_splats(truth: trimesh.Trimesh) -> None:
    assert truth.is_watertight
    assert truth.volume > 0
    assert truth.euler_number == 2
    np.testing.assert_allclose(truth.bounds[:, 2], [-0.5, 0.5], atol=1e-6)
    assert np.abs(truth.bounds[:, :2]).max() < 0.5


def test_the_truth_has_the_masks_outline(truth: trimesh.Trimesh) -> None:
    inside = bundled("mask.png") == 255
    rows, columns = np.nonzero(inside)
    wide, high = np.ptp(columns) + 1, np.ptp(rows) + 1
    assert wide / high == pytest.approx(truth.extents[0] / truth.extents[2], rel=0.02)


def test_a_perfect_mesh_is_at_no_distance_wherever_and_however_large(
    truth: trimesh.Trimesh, tmp_path: Path
) -> None:
    truth.vertices = truth.vertices * 7.5 + (1, -2, 3)
    assert chamfer(as_glb(truth, tmp_path)) < 1e-6


def test_a_shape_that_is_off_everywhere_is_at_that_distance(tmp_path: Path) -> None:
    ball, dented = trimesh.creation.icosphere(5, 0.5), trimesh.creation.icosphere(5, 0.5)
    inner = np.abs(dented.vertices).max(axis=1) < 0.49
    dented.vertices[inner] *= 0.98
    true = tmp_path / "truth.ply"
    ball.export(true)
    assert chamfer(as_glb(dented, tmp_path), true) == pytest.approx(0.01 / np.sqrt(3), rel=0.1)


def test_a_mesh_that_lies_down_is_far(truth: trimesh.Trimesh, tmp_path: Path) -> None:
    truth.vertices = truth.vertices[:, [2, 1, 0]] * (-1, 1, 1)
    assert chamfer(as_glb(truth, tmp_path)) > 0.02
