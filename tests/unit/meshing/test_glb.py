"""mesh.glb as another program reads it."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import trimesh
from gen3d_events.models import JobOptions, Quality
from gen3d_meshing.colour import linear_to_srgb, srgb_to_linear
from gen3d_meshing.formats.glb import write_glb
from gen3d_meshing.model import Model
from gen3d_meshing.pipeline import Result, mesh_splat
from gen3d_meshing.shape import Mesh
from PIL import Image

from tests.unit.meshing.gltf import buffer_view, document
from tests.unit.meshing.painted import pebble
from tests.unit.meshing.solids import SOLIDS, Array, Solid, paint, ply, splat_rows


def loaded(glb: bytes) -> trimesh.Trimesh:
    (mesh,) = trimesh.load_scene(io.BytesIO(glb), file_type="glb", process=False).geometry.values()
    assert isinstance(mesh, trimesh.Trimesh)
    return mesh


def colours(mesh: trimesh.Trimesh) -> Array:
    """COLOR_0 as light, (v, 3) in 0..1."""
    assert isinstance(mesh.visual, trimesh.visual.TextureVisuals)
    return np.asarray(mesh.visual.vertex_attributes["color"][:, :3] / 65535)


def test_it_loads_closed_with_normals_outward(example: tuple[Solid, Result]) -> None:
    solid, result = example
    mesh = loaded(result.files["mesh.glb"])
    facing = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False).vertex_normals
    agreement = (mesh.vertex_normals * facing).sum(axis=1)
    mesh.merge_vertices(merge_norm=True)  # vertices on creases
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert mesh.volume == pytest.approx(solid.volume, rel=0.03)
    assert mesh.euler_number == 2 - 2 * solid.genus
    assert np.quantile(agreement, 0.01) > 0.9


def test_up_is_up_and_the_front_is_at_plus_z(capsule: Result) -> None:
    made, splat_frame = loaded(capsule.files["mesh.glb"]), capsule.mesh
    np.testing.assert_allclose(
        made.triangles, splat_frame.vertices[splat_frame.triangles][..., [0, 2, 1]] * (1, 1, -1), atol=1e-6
    )
    assert np.ptp(made.vertices, axis=0).argmax() == 1


def test_colours_are_the_splats(example: tuple[Solid, Result]) -> None:
    _, result = example
    mesh = loaded(result.files["mesh.glb"])
    seen = linear_to_srgb(colours(mesh).astype(np.float32))
    true = paint(mesh.vertices[:, [0, 2, 1]] * (1, -1, 1))
    error = np.abs(seen - true)
    assert np.median(error) < 0.01
    assert np.quantile(error, 0.95) < 0.06


@pytest.mark.usefixtures("small_pictures")
def test_a_grey_of_the_photo_is_stored_as_linear_light() -> None:
    rng = np.random.default_rng(0)
    places, normals = SOLIDS["sphere"].sample(rng, 3000)
    grey = np.full(places.shape, 188 / 255)
    mesh = loaded(
        mesh_splat(
            ply(splat_rows(places, normals, grey, rng)), JobOptions(quality=Quality.FAST, texture=None)
        ).files["mesh.glb"]
    )
    np.testing.assert_allclose(colours(mesh), 0.503, atol=0.002)


def test_coding_and_decoding_of_srgb_are_inverse() -> None:
    values = np.linspace(0, 1, 257, dtype=np.float32)
    np.testing.assert_allclose(linear_to_srgb(srgb_to_linear(values)), values, atol=1e-5)
    assert srgb_to_linear(np.array([0.5], np.float32))[0] == pytest.approx(0.21404, abs=1e-4)


def test_the_file_is_a_sound_gltf(capsule: Result) -> None:
    glb = capsule.files["mesh.glb"]
    magic, version, length = struct.unpack_from("<4sII", glb)
    assert (magic, version, length) == (b"glTF", 2, len(glb))
    gltf = document(glb)
    start = 20 + struct.unpack_from("<I", glb, 12)[0]
    chunk, kind = struct.unpack_from("<I4s", glb, start)
    assert kind == b"BIN\0"
    assert start + 8 + chunk == len(glb)
    assert gltf["buffers"] == [{"byteLength": chunk}]
    for view in gltf["bufferViews"]:
        assert view["byteOffset"] % 4 == 0
        assert view["byteOffset"] + view["byteLength"] <= chunk
    (primitive,) = gltf["meshes"][0]["primitives"]
    attributes = {name: gltf["accessors"][index] for name, index in primitive["attributes"].items()}
    assert {accessor["count"] for accessor in attributes.values()} == {len(capsule.mesh.normals)}
    assert attributes["COLOR_0"]["normalized"] is True
    np.testing.assert_allclose(attributes["POSITION"]["max"], loaded(glb).vertices.max(axis=0), atol=1e-6)
    material = gltf["materials"][primitive["material"]]["pbrMetallicRoughness"]
    assert material["metallicFactor"] == 0
    assert 0.5 < material["roughnessFactor"] <= 1


def test_a_texture_is_embedded_exact_and_nothing_tints_it() -> None:
    model = pebble(textured=True)
    assert model.texture is not None
    glb = write_glb(model)
    gltf = document(glb)
    (primitive,) = gltf["meshes"][0]["primitives"]
    assert set(primitive["attributes"]) == {"POSITION", "NORMAL", "TEXCOORD_0"}
    assert {gltf["accessors"][index]["count"] for index in primitive["attributes"].values()} == {
        len(model.texture.vertex)
    }
    material = gltf["materials"][primitive["material"]]["pbrMetallicRoughness"]
    assert set(material) == {"baseColorTexture", "metallicFactor", "roughnessFactor"}
    (texture,), (image,), (sampler,) = gltf["textures"], gltf["images"], gltf["samplers"]
    assert (texture, material["baseColorTexture"]) == ({"source": 0, "sampler": 0}, {"index": 0})
    assert (sampler["wrapS"], sampler["wrapT"], sampler["minFilter"]) == (33071, 33071, 9987)
    assert image["mimeType"] == "image/png"
    picture = Image.open(io.BytesIO(buffer_view(glb, image["bufferView"])))
    np.testing.assert_array_equal(np.asarray(picture), model.texture.image)


@pytest.mark.parametrize(("vertices", "component"), [(65_535, 5123), (65_536, 5125)])
def test_indices_are_as_wide_as_they_must_be(vertices: int, component: int) -> None:
    places = np.random.default_rng(0).random((vertices, 3), np.float32)
    triangles = (np.arange(vertices - 2)[:, None] + (0, 1, 2)).astype(np.uint32)
    glb = write_glb(Model(Mesh(places, triangles, places, triangles, 1), places))
    assert document(glb)["accessors"][-1]["componentType"] == component
    assert loaded(glb).faces.tolist() == triangles.tolist()
