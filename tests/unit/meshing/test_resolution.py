"""The grid that a mesh is made on, and what is tried when it fails."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from gen3d_events.models import JobOptions, Quality
from gen3d_meshing.pipeline import PRESETS, mesh_splat, supported
from gen3d_meshing.problems import MeshUnsound, NoMesh, SurfaceMissing
from gen3d_meshing.shape import Mesh
from gen3d_meshing.splat import Floats
from gen3d_meshing.surface import reconstruct, resolutions
from manifold3d import Manifold

from benchmarks.splat_shapes import Kind, Shape, shape
from benchmarks.splat_shapes import ply as shape_ply
from benchmarks.splat_shapes import splat_rows as shape_rows
from tests.unit.meshing.solids import SOLIDS, noisy_splat

pytestmark = pytest.mark.usefixtures("small_pictures")


def test_resolution_follows_the_spacing_of_the_points_and_falls_on_failure() -> None:
    points = np.array([[0, 0, 0], [1, 1, 1]], np.float32)
    assert resolutions(points, 0.001, 0, 96) == [96, 200, 48]
    assert resolutions(points, 0.001, 0, 200) == [200, 100, 50]
    assert resolutions(points, 0.02, 0, 200) == [83, 41]
    assert resolutions(points, 0.001, 0.001, 200) == [111, 55]
    assert resolutions(points, 0.02, 0, 58) == [58, 83, 29]
    assert resolutions(points, 0.5, 0, 200) == [29]


def test_high_is_finer_than_balanced_only_for_more_gaussians_than_balanced_takes() -> None:
    fast, balanced, high = (PRESETS[quality] for quality in (Quality.FAST, Quality.BALANCED, Quality.HIGH))
    some = supported(high, 80_000)
    assert some == replace(balanced, gaussians=high.gaussians)
    more = supported(high, 150_000)
    assert balanced.cells < more.cells < high.cells
    assert balanced.painted < more.painted < high.painted
    for preset in (fast, balanced, high):
        assert supported(preset, preset.gaussians) == preset


def test_of_few_gaussians_high_takes_balanceds_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    splat = shape_ply(shape_rows(shape("lantern", 5), Kind.FLAT, 60_000, 5))
    tried: list[int] = []

    def fails(*_: object, cells: int, **__: object) -> Mesh:
        tried.append(cells)
        raise SurfaceMissing("none was looked for")

    monkeypatch.setattr("gen3d_meshing.pipeline.reconstruct", fails)
    with pytest.raises(SurfaceMissing):
        mesh_splat(splat, JobOptions(quality=Quality.HIGH, texture=None))
    assert tried[0] == PRESETS[Quality.BALANCED].cells


@pytest.mark.parametrize("problem", [MeshUnsound, SurfaceMissing])
def test_a_mesh_that_fails_is_tried_again_at_other_resolutions(
    monkeypatch: pytest.MonkeyPatch, problem: type[NoMesh]
) -> None:
    tried: list[int] = []

    def fails_when_fine(
        points: Floats, normals: Floats, *, spacing: float, cells: int, budget: int
    ) -> tuple[Mesh, dict[str, int]]:
        tried.append(cells)
        if cells > 60:
            raise problem("torn")
        return reconstruct(points, normals, spacing=spacing, cells=cells, budget=budget)

    monkeypatch.setattr("gen3d_meshing.pipeline.reconstruct", fails_when_fine)
    result = mesh_splat(noisy_splat(SOLIDS["capsule"], 20_000), JobOptions(texture=None))
    assert tried[0] > 60 >= tried[-1]
    assert json.loads(result.files["stats.json"])["poisson_cells"] == tried[-1]


def _solid_splat(solid: Manifold, count: int) -> bytes:
    content = solid.rotate((33, 14, 0)).to_mesh()
    truth = Shape(content.vert_properties.astype(float), content.tri_verts.astype(np.int64), solid.genus())
    return shape_ply(shape_rows(truth, Kind.FLAT, count, 4))


def _lattice() -> Manifold:
    """A plate with 6 times 5 windows."""
    window = Manifold.cube((0.1, 0.1, 1))
    windows = [window.translate((0.05 + 0.15 * x, 0.05 + 0.15 * y, -0.5)) for x in range(6) for y in range(5)]
    return Manifold.cube((0.95, 0.8, 0.05)) - Manifold.compose(windows)


@pytest.mark.parametrize(
    "solid", [Manifold.cube((0.96, 0.6, 0.016)), _lattice()], ids=["a thin plate", "a lattice"]
)
def test_thin_walls_are_whole_and_lattices_are_open(solid: Manifold) -> None:
    mesh = mesh_splat(_solid_splat(solid, 30_000), JobOptions(quality=Quality.FAST, texture=None)).mesh
    assert (mesh.genus, mesh.parts) == (solid.genus(), 1)


def test_a_lattice_for_which_finer_cells_fail_keeps_its_mesh(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    def fails_when_fine(
        points: Floats, normals: Floats, *, spacing: float, cells: int, budget: int
    ) -> tuple[Mesh, dict[str, int]]:
        tried.append(cells)
        if cells > tried[0]:
            raise MeshUnsound("torn")
        return reconstruct(points, normals, spacing=spacing, cells=cells, budget=budget)

    monkeypatch.setattr("gen3d_meshing.pipeline.reconstruct", fails_when_fine)
    result = mesh_splat(_solid_splat(_lattice(), 20_000), JobOptions(quality=Quality.FAST, texture=None))
    assert result.mesh.genus == 30
    assert len(tried) == 2
    assert json.loads(result.files["stats.json"])["poisson_cells"] == tried[0]


def test_walls_too_thin_for_the_gaussians_are_refused() -> None:
    cup = Manifold.cylinder(0.7, 0.3, circular_segments=128)
    cup -= Manifold.cylinder(0.7, 0.292, circular_segments=128).translate((0, 0, 0.008))
    with pytest.raises(MeshUnsound, match="face against the mesh"):
        mesh_splat(_solid_splat(cup, 60_000), JobOptions(quality=Quality.FAST))


@pytest.mark.parametrize(
    ("problem", "code"), [(MeshUnsound, "meshing_failed"), (SurfaceMissing, "surface_missing")]
)
def test_when_all_resolutions_fail_the_first_one_says_why(
    monkeypatch: pytest.MonkeyPatch, problem: type[NoMesh], code: str
) -> None:
    other = MeshUnsound if problem is SurfaceMissing else SurfaceMissing
    failures = [problem("first"), other("second"), other("third")]
    tried: list[int] = []

    def fails(*_: object, cells: int, **__: object) -> Mesh:
        tried.append(cells)
        raise failures.pop(0)

    monkeypatch.setattr("gen3d_meshing.pipeline.reconstruct", fails)
    with pytest.raises(NoMesh, match="first") as refusal:
        mesh_splat(noisy_splat(SOLIDS["sphere"], 20_000), JobOptions(quality=Quality.FAST))
    assert refusal.value.code == code
    finer = [cells for cells in tried if cells > tried[0]]
    assert bool(finer) == (problem is MeshUnsound)  # for thin walls; no grid finds a surface that is missing
