"""Noisy splats of known solids become closed meshes close to the truth; what is no solid is refused."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from gen3d_events.models import JobOptions, Quality, TextureSize
from gen3d_meshing.clean import clean, without_strays
from gen3d_meshing.lean_open3d import tensor
from gen3d_meshing.normals import outward_normals
from gen3d_meshing.pipeline import PRESETS, Result, mesh_splat
from gen3d_meshing.problems import SurfaceMissing
from gen3d_meshing.shape import Mesh, raycasting
from gen3d_meshing.splat import read_splat

from benchmarks.splat_shapes import Shape, shape
from tests.unit.meshing.conftest import GAUSSIANS, meshed
from tests.unit.meshing.solids import SOLIDS, Array, Solid, noisy_splat, paint, ply, splat_rows

pytestmark = pytest.mark.usefixtures("small_pictures")


def test_the_mesh_is_closed_and_of_the_right_kind(example: tuple[Solid, Result]) -> None:
    solid, result = example
    mesh = result.mesh
    assert mesh.watertight
    assert mesh.parts == 1
    assert mesh.genus == solid.genus
    assert mesh.volume == pytest.approx(solid.volume, rel=0.03)
    assert len(mesh.triangles) <= PRESETS[Quality.FAST].painted * 1.05


def test_the_mesh_is_where_the_truth_is(example: tuple[Solid, Result]) -> None:
    solid, result = example
    diagonal = np.linalg.norm(np.ptp(result.mesh.vertices, axis=0))
    there = np.abs(solid.distance(result.mesh.vertices.astype(float))).mean()
    truth, _ = solid.sample(np.random.default_rng(1), 5000)
    back = raycasting(result.mesh).compute_distance(tensor(truth.astype(np.float32))).numpy().mean()
    assert (there + back) / 2 < 0.002 * diagonal


def test_normals_point_outward(example: tuple[Solid, Result]) -> None:
    solid, result = example
    places, normals = result.mesh.vertices.astype(float), result.mesh.smooth_normals.astype(float)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-3)
    outward = (solid.distance(places + 1e-3 * normals) - solid.distance(places)) / 1e-3
    assert np.quantile(outward, 0.01) > 0.8


def test_the_signs_of_normals_are_right_before_there_is_a_mesh() -> None:
    solid = SOLIDS["torus"]
    rng = np.random.default_rng(3)
    places, normals = solid.sample(rng, 20_000)
    cloud = clean(read_splat(ply(splat_rows(places, normals, paint(places), rng)))[0], 20_000)
    found, at = outward_normals(cloud).astype(float), cloud.splat.position.astype(float)
    right = solid.distance(at + 1e-3 * found) > solid.distance(at)
    assert right.mean() > 0.999


def test_the_signs_of_normals_are_right_where_gaussians_are_sparse() -> None:
    """One half has a fifth of the other's for the same area, and must not be looked through."""
    truth, rng = shape("mug", 60), np.random.default_rng(5)
    places, normals = truth.sample(rng, 60_000)
    kept = (places[:, 0] < 0) | (rng.random(len(places)) < 0.2)
    places, normals = places[kept], normals[kept]
    cloud = clean(read_splat(ply(splat_rows(places, normals, paint(places), rng)))[0], len(places))
    scene = raycasting(_outline(truth))
    found = outward_normals(cloud)
    out, back = (
        scene.compute_signed_distance(tensor(cloud.splat.position + step * found)).numpy()
        for step in (2e-3, -2e-3)
    )
    assert (out > back).mean() > 0.99


def test_strays_and_faint_gaussians_are_left_out() -> None:
    solid = SOLIDS["torus"]
    cloud = clean(read_splat(noisy_splat(solid, 20_000))[0], 20_000)
    far = np.abs(solid.distance(cloud.splat.position.astype(float))) > 0.02
    assert len(cloud.splat) > 16_500
    assert far.mean() < 0.004  # of the 4 % that were put there
    assert cloud.splat.opacity.min() > 0.1


def test_the_cleaned_splat_keeps_what_the_mesh_does_not_need() -> None:
    solid = SOLIDS["torus"]
    splat, _ = read_splat(noisy_splat(solid, 20_000))
    cloud = clean(splat, 5_000)
    kept = without_strays(splat, cloud)
    far = np.abs(solid.distance(kept.position.astype(float))) > 2.5 * cloud.spacing
    assert len(kept) > 0.94 * len(splat)  # 4 % are strays
    assert far.mean() < 0.002
    assert kept.opacity.min() < 0.1


def test_a_floating_clump_is_left_out() -> None:
    rng = np.random.default_rng(7)
    places, normals = SOLIDS["sphere"].sample(rng, 10_000)
    places[:150] = (0, 0, 0.9) + 0.02 * places[:150]
    cloud = clean(read_splat(ply(splat_rows(places, normals, paint(places), rng)))[0], 10_000)
    assert len(cloud.splat) > 9_800
    assert cloud.splat.position[:, 2].max() < 0.41


def test_round_gaussians_take_their_normals_from_their_neighbours() -> None:
    solid = SOLIDS["torus"]
    rng = np.random.default_rng(8)
    places, normals = solid.sample(rng, 10_000)
    rows = splat_rows(places, normals, paint(places), rng)
    rows[:, 12] = rows[:, 10]
    cloud = clean(read_splat(ply(rows))[0], 10_000)
    found, at = outward_normals(cloud).astype(float), cloud.splat.position.astype(float)
    outward = (solid.distance(at + 1e-3 * found) - solid.distance(at)) / 1e-3
    assert np.quantile(outward, 0.02) > 0.9


def test_flat_gaussians_whose_axes_are_random_take_their_normals_from_their_neighbours() -> None:
    solid = SOLIDS["torus"]
    rng = np.random.default_rng(9)
    places, normals = solid.sample(rng, 10_000)
    rows = splat_rows(places, normals, paint(places), rng)
    rows[:, 13:17] = rng.normal(size=(len(rows), 4))
    cloud = clean(read_splat(ply(rows))[0], 10_000)
    found, at = outward_normals(cloud).astype(float), cloud.splat.position.astype(float)
    outward = (solid.distance(at + 1e-3 * found) - solid.distance(at)) / 1e-3
    assert np.quantile(outward, 0.02) > 0.9


def test_pieces_that_belong_to_the_object_stay_and_specks_go() -> None:
    rng = np.random.default_rng(4)
    places, normals = SOLIDS["sphere"].sample(rng, 24_000)
    size = np.repeat([0.5, 0.4, 0.02], [14_000, 9_500, 500])[:, None]
    where = np.repeat([[-0.25, 0, 0], [0.3, 0, 0], [0.3, 0.3, 0.4]], [14_000, 9_500, 500], axis=0)
    result = mesh_splat(
        ply(splat_rows(size * places + where, normals, paint(places), rng)),
        JobOptions(quality=Quality.FAST, texture=None),
    )
    assert result.mesh.parts == 2
    assert result.mesh.volume == pytest.approx((0.5**3 + 0.4**3) * SOLIDS["sphere"].volume, rel=0.05)


def test_gaussians_that_are_there_several_times_count_once() -> None:
    places, normals = SOLIDS["torus"].sample(np.random.default_rng(7), 12_000)
    rows = splat_rows(places, normals, paint(places), np.random.default_rng(7))
    options = JobOptions(quality=Quality.FAST, texture=None)
    once, often = (mesh_splat(ply(file), options).mesh for file in (rows, np.tile(rows, (3, 1))))
    assert (often.vertices == once.vertices).all()


def test_an_object_far_from_the_origin_is_no_sheet() -> None:
    places, normals = SOLIDS["torus"].sample(np.random.default_rng(7), 12_000)
    rows = splat_rows(places + 6e4, normals, paint(places), np.random.default_rng(7))
    mesh = mesh_splat(ply(rows), JobOptions(quality=Quality.FAST, texture=None)).mesh
    assert (mesh.genus, mesh.parts) == (1, 1)
    assert mesh.volume == pytest.approx(SOLIDS["torus"].volume, rel=0.05)


@pytest.mark.parametrize("lowest", [-0.3, -0.16])
def test_an_object_without_its_underside_is_closed(lowest: float) -> None:
    rng = np.random.default_rng(5)
    places, normals = SOLIDS["sphere"].sample(rng, 30_000)
    seen = places[:, 2] > lowest
    rows = splat_rows(places[seen], normals[seen], paint(places[seen]), rng)
    mesh = mesh_splat(ply(rows), JobOptions(quality=Quality.FAST, texture=None)).mesh
    assert mesh.watertight
    assert mesh.genus == 0
    assert mesh.volume == pytest.approx(SOLIDS["sphere"].volume, rel=0.1)


def test_the_same_splat_gives_the_same_bytes() -> None:
    splat = noisy_splat(SOLIDS["torus"], 5000)
    first, second = (mesh_splat(splat, JobOptions(texture=512)).files for _ in range(2))
    assert first["mesh.glb"] == second["mesh.glb"]
    assert first["preview.png"] == second["preview.png"]


def test_more_gaussians_than_the_preset_takes_are_thinned() -> None:
    cloud = clean(read_splat(noisy_splat(SOLIDS["sphere"], 20_000))[0], 5000)
    assert 4000 < len(cloud.splat) <= 5000


def test_very_few_triangles_may_be_asked_for() -> None:
    mesh = mesh_splat(
        noisy_splat(SOLIDS["torus"], 5000), JobOptions(quality=Quality.FAST, texture=512), target_triangles=40
    ).mesh
    assert len(mesh.triangles) <= 44
    assert mesh.watertight
    assert mesh.genus == 1


def test_colours_at_vertices_are_as_fine_with_a_texture_as_without() -> None:
    splat = noisy_splat(SOLIDS["torus"], GAUSSIANS)
    textured = mesh_splat(splat, JobOptions(quality=Quality.FAST, texture=512, formats=("ply", "stl")))
    assert textured.files["mesh.ply"] == meshed("torus").files["mesh.ply"]
    stats = json.loads(textured.files["stats.json"])
    assert stats["triangles_after"]["painted"] > 1.5 * stats["triangles_after"]["simplified"]
    assert stats["triangles"] == stats["triangles_after"]["simplified"]


def test_where_there_are_no_colours_no_triangles_are_spent_on_them() -> None:
    files = meshed("torus").files
    stats = json.loads(files["stats.json"])
    assert (len(files["mesh.stl"]) - 84) // 50 == stats["triangles_after"]["simplified"]
    assert stats["triangles"] == stats["triangles_after"]["painted"]


def test_colours_of_few_gaussians_take_few_triangles() -> None:
    result = mesh_splat(noisy_splat(SOLIDS["sphere"], 3000), JobOptions(texture=None))
    stats = json.loads(result.files["stats.json"])
    assert len(result.mesh.triangles) <= max(3000, stats["triangles_after"]["simplified"])


@pytest.mark.parametrize("texture", [512, None])
def test_the_triangles_that_were_asked_for_are_there_however_few_the_gaussians(
    texture: TextureSize | None,
) -> None:
    options = JobOptions(quality=Quality.FAST, texture=texture, formats=("glb", "ply", "stl"))
    result = mesh_splat(noisy_splat(SOLIDS["sphere"], 3000), options, target_triangles=12_000)
    triangles = len(result.mesh.triangles)
    assert 11_000 < triangles <= 12_000
    assert f"element face {triangles}\n".encode() in result.files["mesh.ply"]
    assert len(result.files["mesh.stl"]) == 84 + 50 * triangles


def _outline(truth: Shape) -> Mesh:
    vertices, triangles = truth.vertices.astype(np.float32), truth.triangles.astype(np.uint32)
    return Mesh(vertices, triangles, vertices, triangles, 1)


def _box(rng: np.random.Generator, *sides: float) -> Array:
    return rng.uniform(-0.5, 0.5, (4000, 3)) * sides


def _wave(rng: np.random.Generator) -> Array:
    places = _box(rng, 1, 1, 0)
    return places + np.sin(7 * places[:, :1]) * (0, 0, 0.1)


NO_SOLIDS: dict[str, Callable[[np.random.Generator], Array]] = {
    "a plane": lambda rng: _box(rng, 1, 1, 0),
    "a line": lambda rng: _box(rng, 1, 0, 0),
    "one place": lambda rng: _box(rng, 0, 0, 0),
    "a wavy sheet": _wave,
    "a cloud": lambda rng: _box(rng, 1, 1, 1),
    "few": lambda rng: _box(rng, 1, 1, 1)[:10],
    "two far places": lambda rng: np.sign(_box(rng, 1, 0, 0)) * 1e5,
}


@pytest.mark.parametrize("places", NO_SOLIDS.values(), ids=NO_SOLIDS.keys())
def test_what_is_no_solid_is_refused(places: Callable[[np.random.Generator], Array]) -> None:
    rng = np.random.default_rng(6)
    at = places(rng)
    normals = np.tile([0.0, 0.0, 1.0], (len(at), 1))
    with pytest.raises(SurfaceMissing) as refusal:
        mesh_splat(
            ply(splat_rows(at, normals, np.full(at.shape, 0.5), rng)), JobOptions(quality=Quality.FAST)
        )
    assert refusal.value.code == "surface_missing"
