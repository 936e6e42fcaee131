"""Write a USDZ package, for augmented reality on Apple's devices."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from pxr import Kind, Sdf, Usd, UsdGeom, UsdShade, Vt

from gen3d_meshing.formats.frames import y_up
from gen3d_meshing.formats.gltf import ROUGHNESS
from gen3d_meshing.model import Model, Texture
from gen3d_meshing.shape import Triangles
from gen3d_meshing.splat import Floats

_DATE = 315_619_200  # 1980, where zip's dates begin: the same model gives the same bytes
_ROOT = Sdf.Path("/object")
_MATERIAL = _ROOT.AppendChild("material")


def write_usdz(model: Model) -> bytes:
    """The package's bytes, Y-up, in metres. A texture is embedded as JPEG."""
    with TemporaryDirectory() as folder:
        scene, package = Path(folder, "mesh.usdc"), Path(folder, "mesh.usdz")
        files = [scene]
        stage = Usd.Stage.CreateNew(str(scene))
        UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
        UsdGeom.SetStageMetersPerUnit(stage, 1.0)
        root = UsdGeom.Xform.Define(stage, _ROOT)
        Usd.ModelAPI(root).SetKind(Kind.Tokens.component)
        stage.SetDefaultPrim(root.GetPrim())
        mesh = _define_mesh(stage, model)
        if model.texture:
            picture = Path(folder, "mesh.jpg")
            picture.write_bytes(model.texture.jpeg)
            files.append(picture)
            _define_uv(mesh, model.texture)
            colour = _define_texture(stage, picture.name)
        else:
            colour = _define_vertex_colours(stage, mesh, model.colours)
        material = _define_material(stage, colour)
        UsdShade.MaterialBindingAPI.Apply(mesh.GetPrim()).Bind(material)
        stage.Save()
        with Sdf.ZipFileWriter.CreateNew(str(package)) as archive:
            for file in files:  # the scene must be the first
                os.utime(file, (_DATE, _DATE))
                archive.AddFile(str(file), file.name)
        return package.read_bytes()


def _define_mesh(stage: Usd.Stage, model: Model) -> UsdGeom.Mesh:
    positions = y_up(model.mesh.vertices)
    normals = y_up(model.mesh.normals)[model.mesh.shading].reshape(-1, 3)
    mesh = UsdGeom.Mesh.Define(stage, _ROOT.AppendChild("mesh"))
    mesh.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(positions))
    mesh.CreateExtentAttr(Vt.Vec3fArray.FromNumpy(np.stack([positions.min(0), positions.max(0)])))
    mesh.CreateFaceVertexCountsAttr(Vt.IntArray(len(model.mesh.triangles), 3))
    mesh.CreateFaceVertexIndicesAttr(_indices(model.mesh.triangles))
    mesh.CreateNormalsAttr(Vt.Vec3fArray.FromNumpy(normals))
    mesh.SetNormalsInterpolation(UsdGeom.Tokens.faceVarying)
    mesh.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
    return mesh


def _define_uv(mesh: UsdGeom.Mesh, texture: Texture) -> None:
    """The surface stays whole: only the places in the picture differ from corner to corner."""
    uv = UsdGeom.PrimvarsAPI(mesh).CreatePrimvar(
        "st", Sdf.ValueTypeNames.TexCoord2fArray, UsdGeom.Tokens.faceVarying
    )
    uv.Set(Vt.Vec2fArray.FromNumpy(texture.uv))
    uv.SetIndices(_indices(texture.triangles))


def _define_texture(stage: Usd.Stage, file: str) -> UsdShade.Output:
    names = Sdf.ValueTypeNames
    place = UsdShade.Shader.Define(stage, _MATERIAL.AppendChild("place"))
    place.CreateIdAttr("UsdPrimvarReader_float2")
    place.CreateInput("varname", names.String).Set("st")
    picture = UsdShade.Shader.Define(stage, _MATERIAL.AppendChild("picture"))
    picture.CreateIdAttr("UsdUVTexture")
    picture.CreateInput("file", names.Asset).Set(file)
    picture.CreateInput("sourceColorSpace", names.Token).Set("sRGB")
    for axis in ("wrapS", "wrapT"):
        picture.CreateInput(axis, names.Token).Set("clamp")
    picture.CreateInput("st", names.Float2).ConnectToSource(place.CreateOutput("result", names.Float2))
    return picture.CreateOutput("rgb", names.Float3)


def _define_vertex_colours(stage: Usd.Stage, mesh: UsdGeom.Mesh, colours: Floats) -> UsdShade.Output:
    """As displayColor, for programs that draw without materials, and read by the material."""
    shown = mesh.CreateDisplayColorPrimvar(UsdGeom.Tokens.vertex)
    shown.Set(Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(np.clip(colours, 0, 1), np.float32)))
    reader = UsdShade.Shader.Define(stage, _MATERIAL.AppendChild("colours"))
    reader.CreateIdAttr("UsdPrimvarReader_float3")
    reader.CreateInput("varname", Sdf.ValueTypeNames.String).Set("displayColor")
    return reader.CreateOutput("result", Sdf.ValueTypeNames.Float3)


def _define_material(stage: Usd.Stage, colour: UsdShade.Output) -> UsdShade.Material:
    names = Sdf.ValueTypeNames
    material = UsdShade.Material.Define(stage, _MATERIAL)
    surface = UsdShade.Shader.Define(stage, _MATERIAL.AppendChild("surface"))
    surface.CreateIdAttr("UsdPreviewSurface")
    surface.CreateInput("diffuseColor", names.Color3f).ConnectToSource(colour)
    surface.CreateInput("roughness", names.Float).Set(ROUGHNESS)
    surface.CreateInput("metallic", names.Float).Set(0.0)
    material.CreateSurfaceOutput().ConnectToSource(surface.CreateOutput("surface", names.Token))
    return material


def _indices(triangles: Triangles) -> Vt.IntArray:
    return Vt.IntArray.FromNumpy(triangles.reshape(-1).astype(np.int32))
