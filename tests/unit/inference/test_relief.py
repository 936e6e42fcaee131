"""The weight-free reconstructor: known solids come back, and no mask whatsoever breaks it."""

from __future__ import annotations

import os
from functools import cache

import numpy as np
import pytest
from gen3d_events.models import Quality
from gen3d_inference.engines import MaskArray, Photo
from gen3d_inference.engines.relief import ReliefReconstructor
from gen3d_inference.ply import Splats
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter, label
from scipy.spatial import KDTree

from tests.unit.inference.solids import Solid, chamfer, picture_plane

SIZE = 512
RED, GREEN, WHITE = (200, 40, 40), (40, 160, 60), (250, 250, 250)

SOLIDS = {
    "sphere": Solid(0, (1, 1)),
    "prolate 1.25": Solid(0, (1, 0.8)),
    "prolate 1.5": Solid(0, (1, 1 / 1.5)),
    "prolate 2": Solid(0, (1, 0.5)),
    "prolate 1.5, turned": Solid(0, (1, 1 / 1.5), angle=0.5),
    "oblate 1.25": Solid(0, (1, 0.8), oblate=True),
    "oblate 1.5": Solid(0, (1, 1 / 1.5), oblate=True),
    "capsule 1:1.5": Solid(1 / 3, (2 / 3, 2 / 3)),
    "capsule 1:2": Solid(0.5, (0.5, 0.5)),
    "capsule 1:2, upright": Solid(0.5, (0.5, 0.5), angle=np.pi / 2),
    "capsule 1:5": Solid(0.8, (0.2, 0.2)),
}


def reconstruct(
    mask: MaskArray, photo: Photo | None = None, quality: Quality = Quality.BALANCED, seed: int = 42
) -> Splats:
    if photo is None:
        photo = painted(mask, RED)
    return ReliefReconstructor().reconstruct(photo, mask, quality, seed).splats


@cache
def solid(name: str, quality: Quality = Quality.BALANCED) -> Splats:
    """One of SOLIDS, reconstructed once for all tests that look at it."""
    return reconstruct(SOLIDS[name].mask(SIZE), quality=quality)


def painted(mask: MaskArray, colours: ArrayLike) -> Photo:
    """A white photo with an object of one colour, or of an array of them."""
    return np.asarray(np.where(mask[..., None], colours, WHITE), dtype=np.uint8)


def shortest_axes(splats: Splats) -> NDArray[np.float64]:
    """The direction [n, 3] in which each Gaussian is thinnest."""
    w, x, y, z = splats.rotations.T.astype(np.float64)
    matrix = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    axes = matrix.transpose(2, 1, 0)
    return np.asarray(axes[np.arange(len(splats)), splats.scales.argmin(axis=1)])


@pytest.mark.parametrize("name", SOLIDS)
def test_known_solids_come_back_within_three_percent(name: str) -> None:
    assert chamfer(solid(name).centres.astype(np.float64), SOLIDS[name].surface()) < 0.03


def test_a_long_capsule_is_as_deep_as_wide() -> None:
    _, depth, width = np.ptp(solid("capsule 1:5").centres, axis=0)
    assert depth == pytest.approx(width, rel=0.12)


@pytest.mark.parametrize("quality", Quality)
def test_a_sphere_is_nearly_exact_in_every_quality(quality: Quality) -> None:
    splats = solid("sphere", quality)
    radii = np.linalg.norm(splats.centres, axis=1)
    assert chamfer(splats.centres.astype(np.float64), SOLIDS["sphere"].surface()) < 0.005
    assert abs(radii - 0.5).max() < 0.005


@pytest.mark.parametrize(
    ("quality", "count"), [(Quality.FAST, 30_000), (Quality.BALANCED, 100_000), (Quality.HIGH, 200_000)]
)
@pytest.mark.parametrize("name", ["sphere", "capsule 1:5"])
def test_quality_sets_the_number_of_gaussians(quality: Quality, count: int, name: str) -> None:
    assert len(solid(name, quality)) == pytest.approx(count, rel=0.1)


def test_a_jagged_low_resolution_mask_gives_a_smooth_sphere() -> None:
    splats = reconstruct(SOLIDS["sphere"].mask(64))
    radii = np.linalg.norm(splats.centres, axis=1)
    assert radii.std() < 0.003  # a px is 0.02 of the sphere's diameter
    aligned = np.abs((shortest_axes(splats) * splats.centres).sum(axis=1)) / radii
    assert np.quantile(aligned, 0.01) > 0.94


def test_gaussians_are_flat_lie_in_the_surface_and_leave_no_gap() -> None:
    splats = solid("sphere")
    outward = splats.centres / np.linalg.norm(splats.centres, axis=1, keepdims=True)
    aligned = np.abs((shortest_axes(splats) * outward).sum(axis=1))
    assert aligned.min() > 0.99

    scales = np.sort(splats.scales, axis=1)
    assert (scales[:, 0] < 0.5 * scales[:, 1]).all()
    gaps, nearest = KDTree(splats.centres).query(SOLIDS["sphere"].surface() * 0.5)
    assert (gaps < 2 * scales[nearest, 2]).all()


def test_the_photo_is_seen_from_minus_y_with_z_up_and_x_to_the_right() -> None:
    mask = SOLIDS["sphere"].mask(512)
    x, z = picture_plane(512)
    photo = painted(mask, GREEN)
    photo[mask & (x > 0) & (z > 0)] = RED
    splats = reconstruct(mask, photo)
    front = splats.centres[:, 1] < -0.1
    reddish = splats.colours[:, 0] > splats.colours[:, 1]
    right_and_up = (splats.centres[:, 0] > 0.02) & (splats.centres[:, 2] > 0.02)
    elsewhere = (splats.centres[:, 0] < -0.02) | (splats.centres[:, 2] < -0.02)
    assert reddish[front & right_and_up].all()
    assert not reddish[front & elsewhere].any()


def test_the_back_mirrors_the_front_with_blurred_colours() -> None:
    mask = SOLIDS["sphere"].mask(512)
    x, _ = picture_plane(512)
    striped = np.where((np.abs(x) < 0.05)[..., None], RED, GREEN)
    splats = reconstruct(mask, painted(mask, striped))
    half = len(splats) // 2
    np.testing.assert_allclose(splats.centres[half:], splats.centres[:half] * (1, -1, 1), atol=1e-6)
    stripe = (np.abs(splats.centres[:half, 0]) < 0.01) & (splats.centres[:half, 1] < -0.3)
    front, back = splats.colours[:half][stripe], splats.colours[half:][stripe]
    assert (front[:, 0] > 0.7).all()  # sharp: red
    assert (back[:, 0] < 0.6).all()  # blurred with the green around the stripe


def test_no_background_bleeds_into_the_rim() -> None:
    mask = SOLIDS["capsule 1:2"].mask(SIZE)
    photo = painted(mask, RED)
    bleeding = gaussian_filter(photo.astype(float), (1.5, 1.5, 0)).round().astype(np.uint8)
    splats = reconstruct(mask, bleeding)
    assert np.abs(splats.colours * 255 - RED).max() < 12


def test_a_hole_stays_open_and_pieces_stay_apart() -> None:
    x, z = picture_plane(512)
    ring = (np.hypot(x + 0.3, z) < 0.8) & (np.hypot(x + 0.3, z) > 0.4)
    ball = np.hypot(x - 0.9, z) < 0.25
    splats = reconstruct(ring | ball)
    scale = 1 / 2.25  # from the ring's left edge at -1.1 to the ball's right edge at 1.15
    from_ring = np.hypot(splats.centres[:, 0] - (-0.3 - 0.025) * scale, splats.centres[:, 2])
    assert from_ring.min() == pytest.approx(0.4 * scale, abs=0.005)
    voxels = np.zeros((64, 64, 64), bool)
    voxels[tuple(((splats.centres + 0.5) * 63).astype(int).T)] = True
    assert label(voxels, np.ones((3, 3, 3)))[1] == 2


def test_thin_parts_survive_and_are_as_deep_as_wide() -> None:
    x, z = picture_plane(SIZE)
    body = np.hypot(x, z + 0.6) < 0.4
    stick = (np.abs(x) < 0.01) & (z > -0.6) & (z < 1)
    splats = reconstruct(body | stick)
    top = splats.centres[splats.centres[:, 2] > 0.2]
    width, depth, _ = np.ptp(top, axis=0)
    assert splats.centres[:, 2].max() == pytest.approx(0.5, abs=0.01)
    assert depth == pytest.approx(width, rel=0.25)


def test_a_line_of_single_pixels_is_still_a_body() -> None:
    mask = np.zeros((SIZE, SIZE), bool)
    mask[250, 5:500] = True
    splats = reconstruct(mask)
    assert np.ptp(splats.centres[:, 0]) == pytest.approx(1, abs=0.01)
    gaps = np.diff(np.sort(splats.centres[:, 0]))
    assert gaps.max() < 0.01


def test_the_seed_decides_everything() -> None:
    mask = SOLIDS["prolate 1.5"].mask(256)
    one, same, other = (reconstruct(mask, quality=Quality.FAST, seed=seed) for seed in (7, 7, 8))
    for field in ("centres", "scales", "rotations", "opacities", "colours"):
        assert np.array_equal(getattr(one, field), getattr(same, field))
    assert len(one) != len(other) or not np.array_equal(one.centres, other.centres)


def scribble(places: list[tuple[int, int]]) -> MaskArray:
    """Lines of single px from place to place, [48, 64]."""
    mask = np.zeros((48, 64), bool)
    for (x0, y0), (x1, y1) in zip(places, [*places[1:], places[0]], strict=True):
        t = np.linspace(0, 1, 200)
        mask[np.rint(y0 + (y1 - y0) * t).astype(int), np.rint(x0 + (x1 - x0) * t).astype(int)] = True
    return mask


blobs = st.builds(
    lambda cells, repeat: np.kron(cells, np.ones((repeat, repeat), bool)),
    arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))),
    st.integers(1, 9),
)
scribbles = st.lists(st.tuples(st.integers(0, 63), st.integers(0, 47)), min_size=1, max_size=12).map(scribble)


@settings(max_examples=300 if "GEN3D_SOAK" in os.environ else 15)
@given(mask=(blobs | scribbles).filter(lambda mask: bool(mask.any())), seed=st.integers(0, 2**31 - 1))
def test_any_mask_gives_finite_splats_in_the_unit_cube(mask: MaskArray, seed: int) -> None:
    splats = reconstruct(mask, quality=Quality.FAST, seed=seed)
    assert len(splats) > 0
    for values in (splats.centres, splats.scales, splats.rotations, splats.opacities, splats.colours):
        assert np.isfinite(values).all()
    assert np.abs(splats.centres).max() <= 0.5
    assert (splats.scales > 0).all()
    assert (splats.scales < 0.5).all()
    np.testing.assert_allclose(np.linalg.norm(splats.rotations, axis=1), 1, atol=1e-5)
    assert splats.colours.min() >= 0
    assert splats.colours.max() <= 1
