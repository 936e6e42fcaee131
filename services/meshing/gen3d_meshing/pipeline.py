"""A splat file becomes a mesh, its picture and its statistics. No AWS here."""

from __future__ import annotations

import json
import platform
import resource
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from importlib.metadata import distribution
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from gen3d_events.models import Engine, JobOptions, MeshFormat, Quality

from gen3d_meshing.clean import Cloud, clean, without_strays
from gen3d_meshing.colour import vertex_colours
from gen3d_meshing.formats import WRITERS
from gen3d_meshing.formats.frames import FRAMES, Y_UP, y_up
from gen3d_meshing.lean_open3d import o3d
from gen3d_meshing.model import Model
from gen3d_meshing.normals import noise, outward_normals
from gen3d_meshing.preview import still, turntable
from gen3d_meshing.problems import MeshUnsound, NoMesh, SurfaceMissing
from gen3d_meshing.shape import Mesh
from gen3d_meshing.splat import Floats, read_splat
from gen3d_meshing.studio import Studio
from gen3d_meshing.surface import reconstruct, refine, resolutions
from gen3d_meshing.texture import bake

STATS_VERSION = "1.0"


@dataclass(frozen=True)
class Preset:
    """cells: of Poisson's grid across the longest side. gaussians, triangles: at most (about) so many.
    painted: triangles where vertices carry the colours."""

    cells: int
    gaussians: int
    triangles: int
    painted: int


PRESETS = {
    Quality.FAST: Preset(cells=48, gaussians=40_000, triangles=20_000, painted=40_000),
    Quality.BALANCED: Preset(cells=88, gaussians=120_000, triangles=50_000, painted=60_000),
    Quality.HIGH: Preset(cells=104, gaussians=500_000, triangles=150_000, painted=150_000),
}


_PAINTED = 0.75
"""Triangles a Gaussian: smaller ones would show its noise, which the triangles between vertices even out."""


def supported(preset: Preset, gaussians: int) -> Preset:
    """The preset without what so many Gaussians do not tell of: what is finer than balanced's has as many of
    them in a cell, and for a triangle, as balanced's may have. So of few, high makes what balanced makes, and
    not their noise."""
    usual = PRESETS[Quality.BALANCED]
    share = max(1.0, gaussians / usual.gaussians)
    return replace(
        preset,
        cells=min(preset.cells, int(usual.cells * np.sqrt(share))),
        triangles=min(preset.triangles, int(usual.triangles * share)),
        painted=min(preset.painted, gaussians, max(usual.painted, int(_PAINTED * gaussians))),
    )


@dataclass(frozen=True)
class Result:
    """files: content by name: preview.png, turntable.webp, stats.json, those of the formats. seconds: wall
    time of it all."""

    files: dict[str, bytes]
    model: Model
    seconds: float

    @property
    def mesh(self) -> Mesh:
        return self.model.mesh


def mesh_splat(
    data: bytes,
    options: JobOptions,
    *,
    engine: Engine | None = None,
    mask_coverage: float | None = None,
    target_triangles: int | None = None,
    on_step: Callable[[str], None] | None = None,
) -> Result:
    """Mesh the content of a splat PLY.

    engine: what made the splat. mask_coverage: share of the photo that the object covers. Both are only
    passed on to the statistics. target_triangles: about so many in every file, in place of the quality's
    numbers. on_step: hears the name of each step as it begins. Raises NoMesh: SplatInvalid, SurfaceMissing or
    MeshUnsound.
    """
    clock = _Clock(on_step)
    with clock.step("read"):
        splat, dropped = read_splat(data)
    with clock.step("clean"):
        cloud = clean(splat, PRESETS[options.quality].gaussians, options.seed)
    preset = supported(PRESETS[options.quality], len(cloud.splat))
    if target_triangles is not None:
        preset = replace(preset, triangles=target_triangles)
    with clock.step("normals"):
        normals = outward_normals(cloud)
    with clock.step("surface"):
        mesh, cells, triangles = _soundest(cloud, normals, preset)
        if target_triangles is not None:
            mesh = refine(mesh, target_triangles)
            triangles["refined"] = len(mesh.triangles)
    model = painted = bare = Model(mesh)
    if options.texture is None or "ply" in options.formats:
        with clock.step("colour"):
            finer = mesh
            if target_triangles is None:
                finer = refine(mesh, preset.painted)
                triangles["painted"] = len(finer.triangles)
            model = painted = Model(finer, vertex_colours(cloud, finer.vertices))
    if options.texture is not None:
        with clock.step("texture"):
            model = replace(bare, texture=bake(mesh, cloud, normals, options.texture))
    gaussians = {"read": len(splat) + dropped, "finite": len(splat), **cloud.counts}
    # PLY has colours at vertices only, STL none.
    particular: dict[MeshFormat, Model] = {"ply": painted, "stl": bare}
    files: dict[str, bytes] = {}
    for form in options.formats:
        with clock.step(form):
            kept = cloud.splat
            if form == "splat":
                kept = without_strays(splat, cloud)
                gaussians["without_strays"] = len(kept)
            files |= WRITERS[form](particular.get(form, model), kept)
    with clock.step("preview"):
        studio = Studio(model)
        files["preview.png"] = still(studio)
    with clock.step("turntable"):
        files["turntable.webp"] = turntable(studio)

    corners = y_up(np.stack([mesh.vertices.min(0), mesh.vertices.max(0)]))
    stats: dict[str, Any] = {
        "schema_version": STATS_VERSION,
        "engine": engine.model_dump() if engine else None,
        "quality": options.quality.value,
        "mask_coverage": mask_coverage,
        "poisson_cells": cells,
        "frame": {name: FRAMES[name] for name in ("splat.ply", *files) if name in FRAMES},
        "gaussians": gaussians,
        "vertices": len(model.mesh.vertices),
        "triangles": len(model.mesh.triangles),
        "triangles_after": triangles,
        "parts": mesh.parts,
        "genus": mesh.genus,
        "watertight": mesh.watertight,
        "bounds": {"min": corners.min(0).tolist(), "max": corners.max(0).tolist(), "frame": Y_UP},
        "area": mesh.area,
        "volume": mesh.volume,
        "colours": _colours(files, model),
        "texture": _texture(model),
        "bytes": {"splat.ply": len(data), **{name: len(content) for name, content in files.items()}},
        "seconds": {**clock.seconds, "total": clock.total},
        "peak_memory_mb": {**clock.peak_memory_mb, "total": _peak_memory_mb()},
        "versions": {
            "python": platform.python_version(),
            "open3d": o3d.__version__,
            **{
                package: _version(package)
                for package in ("manifold3d", "numpy", "Pillow", "DracoPy", "usd-core")
            },
        },
    }
    files["stats.json"] = json.dumps(stats, indent=2).encode()
    return Result(files, model, clock.total)


def _colours(files: Iterable[str], model: Model) -> dict[str, str | None]:
    """Where each file of the mesh has its colours: a texture or its vertices; STL has none."""
    painted = "vertices" if model.texture is None else "texture"
    where: dict[str, str | None] = dict.fromkeys(
        ("mesh.glb", "mesh.draco.glb", "mesh-obj.zip", "mesh.usdz"), painted
    )
    where |= {"mesh.ply": "vertices", "mesh.stl": None}
    return {name: where[name] for name in files if name in where}


def _texture(model: Model) -> dict[str, float] | None:
    """Texels a side, texels per unit of length, share of the picture that shows the surface."""
    texture = model.texture
    if texture is None:
        return None
    return {
        "size": len(texture.image),
        "texel_density": round(texture.density(model.mesh), 1),
        "used": round(texture.used, 4),
    }


_MANY_HANDLES = 12
"""More than few objects have: a lattice's, or holes in walls that are about as thin as a cell."""


def _soundest(cloud: Cloud, normals: Floats, preset: Preset) -> tuple[Mesh, int, dict[str, int]]:
    """The mesh at the first of the resolutions that gives a sound one; that resolution; and the numbers of
    triangles after each step. If none does, the first one, which suits the Gaussians best, says why. One of
    many handles gives way to that of finer cells, if sound: there torn walls are whole, and lattices open."""
    points, spacing = cloud.splat.position, cloud.spacing
    problems: list[NoMesh] = []
    handled: tuple[Mesh, int, dict[str, int]] | None = None
    best, *others = resolutions(points, spacing, noise(cloud, normals), preset.cells)
    for cells in (best, *others):
        if cells > best and problems and isinstance(problems[0], SurfaceMissing):
            continue  # finer cells part the sides of thin walls, but find no surface where there is none
        if cells < best and handled:
            break  # coarser ones would close a lattice
        try:
            mesh, triangles = reconstruct(
                points, normals, spacing=spacing, cells=cells, budget=preset.triangles
            )
        except (MeshUnsound, SurfaceMissing) as problem:
            problems.append(problem)
            continue
        if cells != best or mesh.genus <= _MANY_HANDLES:
            return mesh, cells, triangles
        handled = mesh, cells, triangles
    if handled:
        return handled
    raise problems[0]


def _version(package: str) -> str:
    """As by importlib.metadata's version(), which parses the package's whole description for 5 ms."""
    described = distribution(package).read_text("METADATA") or ""
    return described.partition("\nVersion: ")[2].partition("\n")[0]


class _Clock:
    """Wall seconds of each step, and since the start; and the most memory by each step's end, so a step that
    needs more than those before it shows as a rise."""

    def __init__(self, on_step: Callable[[str], None] | None) -> None:
        _forget_peak_memory()
        self._on_step = on_step
        self._start = perf_counter()
        self.seconds: dict[str, float] = {}
        self.peak_memory_mb: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        if self._on_step:
            self._on_step(name)
        start = perf_counter()
        yield
        self.seconds[name] = round(perf_counter() - start, 3)
        self.peak_memory_mb[name] = _peak_memory_mb()

    @property
    def total(self) -> float:
        return round(perf_counter() - self._start, 3)


def _forget_peak_memory() -> None:
    """A warm function's process has jobs behind it that may have needed more."""
    with suppress(OSError):  # only Linux forgets, and not everywhere
        Path("/proc/self/clear_refs").write_text("5")


def _peak_memory_mb() -> float:
    """Of this process since its peak was forgotten."""
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit, 1)
