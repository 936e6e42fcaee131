"""The files of a model, by the formats that a job may ask for."""

from __future__ import annotations

from collections.abc import Callable

from gen3d_events.models import MeshFormat

from gen3d_meshing.formats.glb import write_glb
from gen3d_meshing.model import Model
from gen3d_meshing.splat import Splat

Writer = Callable[[Model, Splat], dict[str, bytes]]
"""From the model and the cleaned Gaussians, both Z-up, to the content of files by name."""

WRITERS: dict[MeshFormat, Writer] = {
    "glb": lambda model, splat: {"mesh.glb": write_glb(model)},
}
