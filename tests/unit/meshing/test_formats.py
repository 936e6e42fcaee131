"""Every format as another program reads it: the same object, the same way up, in the same colours."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import DracoPy
import numpy as np
import pytest
import trimesh
from gen3d_events.models import MeshFormat
from gen3d_meshing.colour import linear_to_srgb
from gen3d_meshing.formats import WRITERS
from gen3d_meshing.formats.frames import FRAMES, Y_UP
from gen3d_meshing.formats.stl import write_stl
from gen3d_meshing.lean_open3d import o3d
from gen3d_meshing.model import Model
from gen3d_meshing.shape import Mesh
from gen3d_meshing.splat import Splat, read_splat
from PIL import Image
from pxr import Usd, UsdGeom, UsdShade, UsdValidation
from scipy.spatial import cKDTree

from tests.unit.meshing.gltf import buffer_view, document
from tests.unit.meshing.painted import pebble
from tests.unit.meshing.solids import SOLIDS, Array, noisy_splat, paint

FORMATS: tuple[MeshFormat, ...] = ("glb", "obj", "ply", "stl", "usdz")
NAMES = ("mesh.glb", "mesh.draco.glb", "mesh-obj.zip", "mesh.ply", "mesh.stl", "mesh.usdz")
COLOURED = [name for name in NAMES if name != "mesh.stl"]
PICTURED = [name for name in COLOURED if name != "mesh.ply"]
DOCUMENT = Path(__file__).parents[3] / "docs" / "formats.md"
STEP = 2.0**-16
"""Of Draco's grid, of the longest side."""


@dataclass(frozen=True)
class Loaded:
    """A file's content. normals, colours (sRGB in 0..1): (t, 3, 3), at the triangles' corners. uv: (t, 3, 2)
    there, v running up the image."""

    vertices: Array
    triangles: Array
    normals: Array | None = None
    colours: Array | None = None
    uv: Array | None = None
    image: Array | None = None

    @property
    def corners(self) -> Array:
        return np.asarray(self.vertices[self.triangles], np.float64)

    def texels(self) -> Array:
        """(t, 3) sRGB: the picture in the middle of each triangle."""
        assert self.uv is not None
        assert self.image is not None
        across, up = self.uv.mean(1).T
        height, width = self.image.shape[:2]
        return np.asarray(self.image[((1 - up) * height).astype(int), (across * width).astype(int), :3] / 255)


@cache
def model(*, textured: bool) -> Model:
    return pebble(textured=textured)


@cache
def splat() -> Splat:
    return read_splat(noisy_splat(SOLIDS["sphere"], 100))[0]


@cache
def files(*, textured: bool) -> dict[str, bytes]:
    made: dict[str, bytes] = {}
    for form in FORMATS:
        made |= WRITERS[form](model(textured=textured), splat())
    return made


def load(name: str, content: bytes, folder: Path) -> Loaded:
    """In the splats' frame."""
    path = folder / name
    path.write_bytes(content)
    found = READERS[name](path)
    if FRAMES[name] != Y_UP:
        return found
    normals = None if found.normals is None else z_up(found.normals)
    return Loaded(z_up(found.vertices), found.triangles, normals, found.colours, found.uv, found.image)


def encoded(light: Array) -> Array:
    """Linear light as sRGB."""
    return linear_to_srgb(light.astype(np.float32)).astype(np.float64)


def z_up(vectors: Array) -> Array:
    x, y, z = np.moveaxis(vectors, -1, 0)
    return np.stack([x, -z, y], axis=-1)


def read_glb(path: Path) -> Loaded:
    mesh: Any
    (mesh,) = trimesh.load_scene(path, process=False).geometry.values()
    normals = mesh.vertex_normals[mesh.faces]
    if mesh.visual.uv is not None:
        image = np.asarray(mesh.visual.material.baseColorTexture)
        return Loaded(mesh.vertices, mesh.faces, normals, None, mesh.visual.uv[mesh.faces], image)
    light = mesh.visual.vertex_attributes["color"][:, :3] / 65535
    return Loaded(mesh.vertices, mesh.faces, normals, encoded(light)[mesh.faces])


def read_draco_glb(path: Path) -> Loaded:
    """By glTF's rules: attributes by their ids, types by the accessors."""
    content = path.read_bytes()
    gltf = document(content)
    (primitive,) = gltf["meshes"][0]["primitives"]
    extension = primitive["extensions"]["KHR_draco_mesh_compression"]
    mesh = DracoPy.decode(buffer_view(content, extension["bufferView"]))
    found: dict[str, Array] = {}
    for name, identity in extension["attributes"].items():
        accessor = gltf["accessors"][primitive["attributes"][name]]
        data = mesh.get_attribute_by_unique_id(identity)["data"]
        assert data.shape == (accessor["count"], int(accessor["type"][-1]))
        found[name] = data / 65535 if accessor.get("normalized") else data
    assert gltf["accessors"][primitive["indices"]]["count"] == mesh.faces.size
    bounds = gltf["accessors"][primitive["attributes"]["POSITION"]]
    np.testing.assert_array_equal(found["POSITION"].min(0), np.float32(bounds["min"]))
    np.testing.assert_array_equal(found["POSITION"].max(0), np.float32(bounds["max"]))
    shared = found["POSITION"], mesh.faces, found["NORMAL"][mesh.faces]
    if "COLOR_0" in found:
        return Loaded(*shared, encoded(found["COLOR_0"])[mesh.faces])
    image = Image.open(io.BytesIO(buffer_view(content, gltf["images"][0]["bufferView"])))
    uv = found["TEXCOORD_0"] * (1, -1) + (0, 1)
    return Loaded(*shared, None, uv[mesh.faces], np.asarray(image))


def read_obj(path: Path) -> Loaded:
    with zipfile.ZipFile(path) as archive:
        archive.extractall(path.parent)
    mesh = o3d.io.read_triangle_mesh(path.parent / "mesh.obj")  # trimesh passes over the normals
    triangles = np.asarray(mesh.triangles)
    shared = np.asarray(mesh.vertices), triangles, np.asarray(mesh.vertex_normals)[triangles]
    if mesh.has_vertex_colors():
        return Loaded(*shared, np.asarray(mesh.vertex_colors)[triangles])
    image = Image.open(path.parent / "mesh.png")
    return Loaded(*shared, None, np.asarray(mesh.triangle_uvs).reshape(-1, 3, 2), np.asarray(image))


def read_ply(path: Path) -> Loaded:
    mesh: Any = trimesh.load_mesh(path, process=False)
    raw = mesh.metadata["_ply_raw"]["vertex"]["data"]
    normals = np.stack([raw[name] for name in ("nx", "ny", "nz")], axis=-1)
    colours = mesh.visual.vertex_colors[:, :3] / 255
    return Loaded(mesh.vertices, mesh.faces, normals[mesh.faces], colours[mesh.faces])


def read_stl(path: Path) -> Loaded:
    mesh = trimesh.load_mesh(path, process=False)
    return Loaded(mesh.vertices, mesh.faces, mesh.face_normals[:, None].repeat(3, axis=1))


def read_usdz(path: Path) -> Loaded:
    stage = Usd.Stage.Open(str(path))
    assert UsdGeom.GetStageUpAxis(stage) == UsdGeom.Tokens.y
    (prim,) = (prim for prim in stage.Traverse() if prim.IsA(UsdGeom.Mesh))
    mesh = UsdGeom.Mesh(prim)
    assert set(mesh.GetFaceVertexCountsAttr().Get()) == {3}
    triangles = np.array(mesh.GetFaceVertexIndicesAttr().Get()).reshape(-1, 3)
    assert mesh.GetNormalsInterpolation() == UsdGeom.Tokens.faceVarying
    normals = np.array(mesh.GetNormalsAttr().Get()).reshape(-1, 3, 3)
    shared = np.array(mesh.GetPointsAttr().Get()), triangles, normals
    surface, *_ = UsdShade.MaterialBindingAPI(prim).ComputeBoundMaterial()[0].ComputeSurfaceSource()
    source = surface.GetInput("diffuseColor").GetConnectedSources()[0][0].source
    shader = UsdShade.Shader(source.GetPrim())
    primvars = UsdGeom.PrimvarsAPI(prim)
    if shader.GetIdAttr().Get() == "UsdPrimvarReader_float3":
        light = np.array(primvars.GetPrimvar(shader.GetInput("varname").Get()).Get())
        return Loaded(*shared, encoded(light)[triangles])
    assert shader.GetInput("sourceColorSpace").Get() == "sRGB"
    with zipfile.ZipFile(path) as archive:
        image = Image.open(io.BytesIO(archive.read(shader.GetInput("file").Get().path)))
        uv = np.array(primvars.GetPrimvar("st").ComputeFlattened()).reshape(-1, 3, 2)
        return Loaded(*shared, None, uv, np.asarray(image))


READERS = {
    "mesh.glb": read_glb,
    "mesh.draco.glb": read_draco_glb,
    "mesh-obj.zip": read_obj,
    "mesh.ply": read_ply,
    "mesh.stl": read_stl,
    "mesh.usdz": read_usdz,
}


@pytest.mark.parametrize("textured", [True, False])
def test_each_format_gives_its_files(*, textured: bool) -> None:
    assert set(files(textured=textured)) == set(NAMES)


def test_the_frame_of_every_file_is_told_in_the_documentation_too() -> None:
    clean = WRITERS["splat"](model(textured=False), splat())
    assert set(FRAMES) == {"splat.ply", *NAMES, *clean}
    table = [line.split("|") for line in DOCUMENT.read_text().splitlines() if line.startswith("| `")]
    told = {row[2].strip(" `"): row[-2].strip() for row in table}
    assert told == {
        name: "Y, +Z" if frame == Y_UP else "Z, -Y" for name, frame in FRAMES.items() if name != "splat.ply"
    }


@pytest.mark.parametrize("textured", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_every_file_shows_the_same_object(name: str, tmp_path: Path, *, textured: bool) -> None:
    true = model(textured=textured).mesh
    found = load(name, files(textured=textured)[name], tmp_path)
    size = np.ptp(true.vertices, axis=0).max()
    tolerance = size * (STEP if name == "mesh.draco.glb" else 1e-6)
    assert cKDTree(found.vertices).query(true.vertices)[0].max() < tolerance
    assert cKDTree(true.vertices).query(found.vertices)[0].max() < tolerance

    welded = trimesh.Trimesh(found.vertices, found.triangles, process=False)
    welded.merge_vertices(merge_tex=True, merge_norm=True)
    assert len(welded.vertices) == len(true.vertices)
    assert len(welded.faces) == len(true.triangles)
    assert welded.is_watertight
    assert welded.is_winding_consistent
    assert welded.volume == pytest.approx(true.volume, rel=1e-4)


@pytest.mark.parametrize("textured", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_normals_point_outward(name: str, tmp_path: Path, *, textured: bool) -> None:
    true = model(textured=textured).mesh
    found = load(name, files(textured=textured)[name], tmp_path)
    assert found.normals is not None
    nearest = cKDTree(true.vertices).query(found.corners)[1]
    agreement = (found.normals * true.smooth_normals[nearest]).sum(-1)
    assert agreement.min() > (0.95 if name == "mesh.stl" else 0.9999)


@pytest.mark.parametrize("name", COLOURED)
def test_vertices_have_their_colours(name: str, tmp_path: Path) -> None:
    found = load(name, files(textured=False)[name], tmp_path)
    assert found.uv is None
    assert found.colours is not None
    np.testing.assert_allclose(found.colours.reshape(-1, 3), paint(found.corners.reshape(-1, 3)), atol=0.004)


@pytest.mark.parametrize("name", PICTURED)
def test_the_texture_lies_where_it_belongs(name: str, tmp_path: Path) -> None:
    found = load(name, files(textured=True)[name], tmp_path)
    assert found.colours is None
    np.testing.assert_allclose(found.texels(), paint(found.corners.mean(1)), atol=0.03)


def test_a_ply_has_its_colours_beside_a_texture(tmp_path: Path) -> None:
    found = load("mesh.ply", files(textured=True)["mesh.ply"], tmp_path)
    assert found.colours is not None
    np.testing.assert_allclose(found.colours.reshape(-1, 3), paint(found.corners.reshape(-1, 3)), atol=0.004)


@pytest.mark.parametrize("textured", [True, False])
def test_the_same_model_gives_the_same_bytes(*, textured: bool) -> None:
    again = files.__wrapped__(textured=textured)
    assert again == files(textured=textured)


def geometry(glb: bytes) -> int:
    """Bytes that are no picture."""
    gltf = document(glb)
    pictures = {image["bufferView"] for image in gltf.get("images", [])}
    return sum(view["byteLength"] for index, view in enumerate(gltf["bufferViews"]) if index not in pictures)


@pytest.mark.parametrize("textured", [True, False])
def test_the_compressed_file_has_a_quarter_of_the_geometry(*, textured: bool) -> None:
    finer = pebble(textured=textured, subdivisions=5)
    made = WRITERS["glb"](finer, splat())
    assert geometry(made["mesh.draco.glb"]) < geometry(made["mesh.glb"]) / 4


def test_obj_names_its_parts_and_keeps_the_texture_exact(tmp_path: Path) -> None:
    texture = model(textured=True).texture
    assert texture is not None
    with zipfile.ZipFile(io.BytesIO(files(textured=True)["mesh-obj.zip"])) as archive:
        assert archive.namelist() == ["mesh.obj", "mesh.mtl", "mesh.png"]
        assert b"mtllib mesh.mtl\n" in archive.read("mesh.obj")
        assert b"map_Kd mesh.png\n" in archive.read("mesh.mtl")
        picture = Image.open(io.BytesIO(archive.read("mesh.png")))
    np.testing.assert_array_equal(np.asarray(picture), texture.image)
    with zipfile.ZipFile(io.BytesIO(files(textured=False)["mesh-obj.zip"])) as archive:
        assert archive.namelist() == ["mesh.obj"]


@pytest.mark.parametrize("textured", [True, False])
def test_usdz_passes_every_check_of_usd(tmp_path: Path, *, textured: bool) -> None:
    path = tmp_path / "mesh.usdz"
    path.write_bytes(files(textured=textured)["mesh.usdz"])
    stage = Usd.Stage.Open(str(path))
    checks = UsdValidation.ValidationRegistry().GetOrLoadAllValidators()
    names = {check.GetMetadata().name for check in checks}
    assert {"usdUtilsValidators:UsdzPackageValidator", "usdShadeValidators:ShaderSdrCompliance"} <= names
    problems = UsdValidation.ValidationContext(checks).Validate(stage)
    assert [problem.GetMessage() for problem in problems] == []
    assert UsdGeom.GetStageMetersPerUnit(stage) == 1


def test_usdz_is_packed_for_quick_look() -> None:
    content = files(textured=True)["mesh.usdz"]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = archive.infolist()
    assert [entry.filename for entry in entries] == ["mesh.usdc", "mesh.jpg"]
    for entry in entries:
        name, extra = np.frombuffer(content, "<u2", 2, entry.header_offset + 26).tolist()
        assert entry.compress_type == zipfile.ZIP_STORED
        assert entry.date_time[0] == 1980
        assert (entry.header_offset + 30 + name + extra) % 64 == 0


def test_stl_is_binary_and_a_facet_without_area_has_no_normal() -> None:
    vertices = np.array([[0, 0, 0], [2, 0, 0], [0, 3, 0], [1, 0, 0]], np.float32)
    triangles = np.array([[0, 1, 2], [0, 1, 3]], np.uint32)
    content = write_stl(Mesh(vertices, triangles, vertices, triangles, 1))
    assert not content.startswith(b"solid")
    assert len(content) == 84 + 2 * 50
    normals = [np.frombuffer(content, "<f4", 3, 84 + 50 * facet).tolist() for facet in (0, 1)]
    assert normals == [[0, 0, 1], [0, 0, 0]]
