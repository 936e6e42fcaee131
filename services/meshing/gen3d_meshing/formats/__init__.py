"""The files of a model, by the formats that a job may ask for."""

from __future__ import annotations

from collections.abc import Callable

from gen3d_events.models import MeshFormat

from gen3d_meshing.formats.draco import write_draco_glb
from gen3d_meshing.formats.glb import write_glb
from gen3d_meshing.formats.obj import write_obj_zip
from gen3d_meshing.formats.ply import write_ply
from gen3d_meshing.formats.splat import write_splat
from gen3d_meshing.formats.spz import write_spz
from gen3d_meshing.formats.stl import write_stl
from gen3d_meshing.model import Model
from gen3d_meshing.splat import Splat

Writer = Callable[[Model, Splat], dict[str, bytes]]
"""From the model and the Gaussians without strays, both Z-up, to the content of files by name."""


def _usdz(model: Model, splat: Splat) -> dict[str, bytes]:
    from gen3d_meshing.formats.usdz import write_usdz  # noqa: PLC0415 - loading it takes 0.2 CPU-s

    return {"mesh.usdz": write_usdz(model)}


WRITERS: dict[MeshFormat, Writer] = {
    "glb": lambda model, splat: {
        "mesh.glb": write_glb(model),
        "mesh.draco.glb": write_draco_glb(model),
    },
    "obj": lambda model, splat: {"mesh-obj.zip": write_obj_zip(model)},
    "ply": lambda model, splat: {"mesh.ply": write_ply(model)},
    "stl": lambda model, splat: {"mesh.stl": write_stl(model.mesh)},
    "usdz": _usdz,
    "splat": lambda model, splat: {"splat-clean.ply": write_splat(splat), "splat.spz": write_spz(splat)},
}
