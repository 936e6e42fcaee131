"""The benchmark's shapes, in any pose, become closed meshes of the right kind, normals and colours true."""

from __future__ import annotations

import os
from itertools import cycle, product

import numpy as np
import pytest
from gen3d_events.models import JobOptions, Quality
from gen3d_meshing.colour import linear_to_srgb
from gen3d_meshing.lean_open3d import o3d, tensor
from gen3d_meshing.pipeline import mesh_splat

from benchmarks.splat_shapes import SHAPES, Array, Kind, Shape, paint, ply, shape, splat_rows

GAUSSIANS = 40_000
SEEDS = {Kind.FLAT: 31_415, Kind.ROUND: 92_653}
CASES = list(product(SHAPES, Kind) if "GEN3D_SOAK" in os.environ else zip(SHAPES, cycle(Kind), strict=False))
"""Each shape of one kind of Gaussians, and in the longer form of both."""


@pytest.mark.parametrize(("name", "kind"), CASES)
@pytest.mark.usefixtures("small_pictures")
def test_a_shape_in_any_pose(name: str, kind: Kind) -> None:
    truth = shape(name, SEEDS[kind])
    splat = ply(splat_rows(truth, kind, GAUSSIANS, SEEDS[kind]))
    model = mesh_splat(splat, JobOptions(quality=Quality.FAST, texture=None)).model
    mesh = model.mesh
    assert mesh.watertight
    assert (mesh.parts, mesh.genus) == (1, truth.genus)
    assert mesh.volume > 0

    middles = mesh.vertices[mesh.triangles].mean(1)
    facing = mesh.normals[mesh.shading].mean(1).astype(float)
    at, normals = closest(truth, middles)
    agreement = np.einsum("nc,nc->n", facing, normals) / np.linalg.norm(facing, axis=1)
    assert np.average(np.linalg.norm(at - middles, axis=1), weights=mesh.face_areas) < 0.0006
    assert np.average(agreement, weights=mesh.face_areas) > 0.98
    colours = linear_to_srgb(model.colours[mesh.triangles].mean(1))
    assert np.sqrt(np.average((colours - paint(at)) ** 2, axis=0, weights=mesh.face_areas)).max() < 0.025


def closest(truth: Shape, places: Array) -> tuple[Array, Array]:
    """The nearest places (n, 3) on the shape, and its unit normals there."""
    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(tensor(truth.vertices.astype(np.float32)), tensor(truth.triangles.astype(np.uint32)))
    answer = scene.compute_closest_points(tensor(places.astype(np.float32)))
    return answer["points"].numpy().astype(float), answer["primitive_normals"].numpy().astype(float)
