"""The mesh unwraps without overlaps into the picture, and the picture shows the Gaussians' colours."""

from __future__ import annotations

import os
import tracemalloc
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from gen3d_meshing.clean import Cloud, clean
from gen3d_meshing.model import Texture
from gen3d_meshing.normals import outward_normals
from gen3d_meshing.shading import shading_normals
from gen3d_meshing.shape import Mesh
from gen3d_meshing.splat import Floats, read_splat
from gen3d_meshing.texture import bake
from gen3d_meshing.unwrap import GUTTER, Atlas, unwrap
from manifold3d import CrossSection, Manifold
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from tests.unit.meshing.conftest import GAUSSIANS, meshed
from tests.unit.meshing.solids import SOLIDS, Array, paint, ply, splat_rows

FINE = 0.02
SIZES = (512, 1024, 2048) if "GEN3D_SOAK" in os.environ else (512, 1024)


def as_mesh(solid: Manifold) -> Mesh:
    content = solid.to_mesh()
    vertices, triangles = content.vert_properties[:, :3], content.tri_verts.astype(np.uint32)
    return Mesh(vertices, triangles, *shading_normals(vertices, triangles), len(solid.decompose()))


def lantern() -> Manifold:
    """Genus 5, in a pose that no axis favours."""
    window = Manifold.cube((0.5, 0.5, 2), True)
    solid = (
        Manifold.cube((0.7, 0.7, 0.7), True) - window - window.rotate((90, 0, 0)) - window.rotate((0, 90, 0))
    )
    return solid.rotate((20, 35, 50)).refine_to_length(4 * FINE)


def ramp() -> Manifold:
    """Three turns of a winding ramp: seen from above, it covers itself."""
    tread = CrossSection.square((0.3, 0.04)).translate((0.1, 0))
    return tread.extrude(1.2, 300, 1080).refine_to_length(4 * FINE)


def crumpled() -> Manifold:
    rough = np.random.default_rng(3)
    return Manifold.sphere(0.4, 48).warp_batch(lambda p: p * rough.uniform(0.85, 1.15, (len(p), 1)))


def sliver() -> Manifold:
    """A needle thinner than a texel, beside a ball."""
    return Manifold.sphere(0.4, 48) + Manifold.cube((2, 1e-4, 1e-4), True)


SHAPES = {"lantern": lantern, "ramp": ramp, "crumpled": crumpled, "sliver": sliver}


@cache
def unwrapped(name: str) -> tuple[Mesh, Atlas]:
    mesh = as_mesh(SHAPES[name]())
    return mesh, unwrap(mesh, 512)


@pytest.fixture(params=SHAPES)
def example(request: pytest.FixtureRequest) -> tuple[Mesh, Atlas]:
    return unwrapped(request.param)


@cache
def cloud_of(name: str) -> tuple[Cloud, Floats]:
    """Gaussians on the solid's surface in its true colours, and their normals."""
    rng = np.random.default_rng(0)
    places, normals = SOLIDS[name].sample(rng, GAUSSIANS)
    cloud = clean(read_splat(ply(splat_rows(places, normals, paint(places), rng)))[0], GAUSSIANS)
    return cloud, outward_normals(cloud)


@cache
def textured(size: int = 512) -> tuple[Mesh, Texture]:
    mesh = meshed("torus").mesh
    return mesh, bake(mesh, *cloud_of("torus"), size)


def signed_areas(texture: Texture | Atlas) -> Array:
    """(t,) as shares of the picture."""
    corners = texture.uv[texture.triangles].astype(float)
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    return np.asarray(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]) / 2


def bilinear(texture: Texture, uv: Array) -> Array:
    size = len(texture.image)
    x, y = uv[:, 0] * size - 0.5, (1 - uv[:, 1]) * size - 0.5
    column, row = np.floor(x).astype(int), np.floor(y).astype(int)
    right, down = (x - column)[:, None], (y - row)[:, None]
    image = texture.image / 255
    above = (1 - right) * image[row, column] + right * image[row, column + 1]
    below = (1 - right) * image[row + 1, column] + right * image[row + 1, column + 1]
    return np.asarray((1 - down) * above + down * below)


def test_painting_needs_little_memory() -> None:
    mesh, (cloud, normals) = meshed("torus").mesh, cloud_of("torus")
    tracemalloc.start()
    bake(mesh, cloud, normals, 1024)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 42 * 1024**2  # bytes a texel


def test_every_triangle_lies_in_the_picture_and_faces_the_onlooker(example: tuple[Mesh, Atlas]) -> None:
    mesh, atlas = example
    assert atlas.uv.min() >= 0
    assert atlas.uv.max() <= 1
    assert (atlas.vertex[atlas.triangles] == mesh.triangles).all()
    assert set(atlas.triangles.reshape(-1)) == set(range(len(atlas.uv)))
    areas = signed_areas(atlas)
    assert (areas < 0).mean() < 0.01
    assert areas[areas < 0].sum() > -0.001


def test_no_two_triangles_share_a_texels_centre(example: tuple[Mesh, Atlas]) -> None:
    _, atlas = example
    claims = np.zeros((512, 512), int)
    for corners in atlas.uv[atlas.triangles].astype(float) * 512:
        low, high = np.floor(corners.min(0)).astype(int), np.ceil(corners.max(0)).astype(int)
        x, y = np.meshgrid(np.arange(low[0], high[0]) + 0.5, np.arange(low[1], high[1]) + 0.5)
        left_of = [
            (b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])
            for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True)
        ]
        claims[low[1] : high[1], low[0] : high[0]] += np.min(left_of, axis=0) > 0
    assert claims.max() == 1
    shown = np.zeros((512, 512), bool)
    shown[511 - atlas.row, atlas.column] = True
    assert shown[claims == 1].all()
    assert len(atlas.row) == shown.sum()


def test_charts_keep_their_gutters(example: tuple[Mesh, Atlas]) -> None:
    _, atlas = example
    corners = atlas.triangles.astype(int)
    edges = corners[:, [0, 1]].T, corners[:, [1, 2]].T
    pairs = np.concatenate(edges, axis=1)
    joined = coo_array((np.ones(pairs.shape[1]), tuple(pairs)), shape=(len(atlas.uv), len(atlas.uv)))
    _, chart = connected_components(joined, directed=False)
    owner = np.full((512, 512), -1)
    owner[atlas.row, atlas.column] = chart[corners[atlas.face, 0]]
    assert (owner[:GUTTER] == -1).all()
    assert (owner[:, -GUTTER:] == -1).all()
    for down in range(2 * GUTTER + 1):
        for right in range(2 * GUTTER + 1):
            one, other = owner[down:, right:], owner[: 512 - down, : 512 - right]
            assert (one == other)[(one >= 0) & (other >= 0)].all()


@pytest.mark.parametrize("size", SIZES)
def test_the_size_is_honoured_and_most_texels_are_used(size: int) -> None:
    mesh, texture = textured(size)
    assert texture.image.shape == (size, size, 3)
    assert texture.used > 0.55
    assert texture.density(mesh) == pytest.approx(np.sqrt(texture.used * size**2 / mesh.area))


def test_density_is_even() -> None:
    mesh, texture = textured()
    density = np.sqrt(signed_areas(texture) / mesh.face_areas) * 512 / texture.density(mesh)
    assert np.quantile(density, 0.02) > 0.7
    assert np.quantile(density, 0.98) < 1.2


def test_colours_are_found_back_on_the_surface() -> None:
    mesh, texture = textured()
    rng = np.random.default_rng(0)
    face = rng.choice(len(mesh.triangles), 50_000, p=mesh.face_areas / mesh.area)
    weight = rng.dirichlet((1, 1, 1), 50_000)
    places = np.einsum("nk,nkc->nc", weight, mesh.vertices[mesh.triangles[face]])
    uv = np.einsum("nk,nkc->nc", weight, texture.uv[texture.triangles[face]])
    error = np.abs(bilinear(texture, uv) - paint(places)).max(1)
    assert np.sqrt((error**2).mean()) < 0.015
    assert error.max() < 0.04  # at seams too


def test_no_texel_is_left_unpainted() -> None:
    """What lies between the charts shows in mip-maps: all of it is coloured like the object."""
    data = ply(
        splat_rows(
            *SOLIDS["torus"].sample(np.random.default_rng(0), 5000),
            np.tile((0.8, 0.3, 0.1), (5000, 1)),
            np.random.default_rng(0),
        )
    )
    cloud = clean(read_splat(data)[0], 5000)
    texture = bake(meshed("torus").mesh, cloud, outward_normals(cloud), 512)
    assert np.abs(texture.image / 255 - (0.8, 0.3, 0.1)).max() < 0.01


def test_a_thin_walls_sides_keep_their_own_colours() -> None:
    """A slab thinner than the Gaussians are apart, blue above and yellow below."""
    rng = np.random.default_rng(0)
    n = 4000
    up = np.where(np.arange(n) % 2, 1.0, -1.0)
    places = np.stack([*rng.uniform(-0.4, 0.4, (2, n)), 0.005 * up], axis=1)
    colours = np.where(up[:, None] > 0, (0.1, 0.2, 0.9), (0.9, 0.8, 0.1))
    normals = up[:, None] * np.array((0, 0, 1.0))
    splat = read_splat(ply(splat_rows(places, normals, colours, rng)))[0]
    cloud = replace(cloud_of("torus")[0], splat=splat, spacing=0.018)
    mesh = as_mesh(Manifold.cube((0.7, 0.7, 0.01), True).refine_to_length(0.05))
    texture = bake(mesh, cloud, normals.astype(np.float32), 512)
    upward = mesh.vertices[mesh.triangles][..., 2].min(1) > 0.0049
    uv = texture.uv[texture.triangles[upward]].mean(1)
    assert np.abs(bilinear(texture, uv) - (0.1, 0.2, 0.9)).max() < 0.1


def test_the_same_mesh_gives_the_same_texture() -> None:
    _, texture = textured()
    again = bake(meshed("torus").mesh, *cloud_of("torus"), 512)
    assert (again.image == texture.image).all()
    assert (again.uv == texture.uv).all()


def test_triangles_without_area_do_no_harm() -> None:
    mesh = as_mesh(Manifold.sphere(0.4, 64))
    a, b = mesh.triangles[0, :2]
    flat = mesh.vertices.copy()
    flat[a] = flat[b]
    atlas = unwrap(Mesh(flat, mesh.triangles, mesh.normals, mesh.shading, 1), 512)
    assert np.isfinite(atlas.uv).all()
    assert np.isfinite(atlas.weights).all()
