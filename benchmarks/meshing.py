"""How close, clean and quick meshing is on splats of known shapes, beside Open3D's usual recipe.

    python -m benchmarks.meshing            the whole table: every shape, both kinds, all qualities
    python -m benchmarks.meshing --one ...  one case, as JSON

Prints rows of Markdown as docs/meshing.md has them. Each case runs in a process of its own, so that CPU
seconds and peak memory are its own. Its CPU seconds are given in yardsticks, too: the mean of one taken right
before it and one right after it, as a machine's speed changes within minutes. The recipe that it is compared
with: opacity cut, statistical outliers, normals from neighbours, consistent tangent planes,
Poisson at depth 8, quadric decimation, the nearest points' colours.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import process_time

import numpy as np
from gen3d_events.models import JobOptions, Quality
from gen3d_meshing.colour import linear_to_srgb, srgb_to_linear
from gen3d_meshing.lean_open3d import o3d, tensor
from gen3d_meshing.model import Model
from gen3d_meshing.pipeline import mesh_splat
from gen3d_meshing.shape import Mesh
from gen3d_meshing.splat import read_splat
from numpy.typing import NDArray

from benchmarks.splat_shapes import SHAPES, Array, Kind, Shape, paint, ply, shape, splat_rows
from benchmarks.yardstick import yardstick

RECIPE = "recipe"
_SEED = 20_261_121
_GAUSSIANS = 250_000
_OTHERS = (
    ("chair", Kind.ROUND, 100_000, 777),
    ("chair", Kind.ROUND, 100_000, 4242),
    ("lantern", Kind.ROUND, 100_000, 86_420),
    ("mug", Kind.ROUND, 100_000, 97_531),
    ("lantern", Kind.FLAT, 100_000, 86_420),
    ("mug", Kind.FLAT, 500_000, 97_531),
    ("chair", Kind.ROUND, 500_000, 65_537),
)
"""Shape, kind, Gaussians, and the seed of pose and noise."""
_HEAD = (
    "| splat | | Chamfer, 10⁻³ | normals agree | colours, dB | closed, right genus "
    "| triangles | CPU s | yardsticks | peak MB |\n" + "|---" * 10 + "|\n"
)
_REPORT = Path("out/bench/meshing.json")
_SAMPLES = 200_000
_RECIPE_TRIANGLES = 50_000
_RECIPE_OPACITY = 0.1

Faces = NDArray[np.int64]


@dataclass(frozen=True)
class Case:
    """One splat and how it is meshed. quality: of ours, or `recipe`."""

    shape: str
    kind: Kind
    gaussians: int
    quality: str
    texture: int | None
    seed: int


@dataclass(frozen=True)
class Verdict:
    """chamfer: mean of both directions' mean distances to the other surface, in cubes. normals: mean cosine
    between our normal and the true one. psnr: of colours at places on our surface, dB."""

    chamfer: float
    normals: float
    psnr: float
    watertight: bool
    right_genus: bool
    triangles: int
    cpu_seconds: float
    peak_mb: float


def judge(case: Case) -> Verdict:
    """Mesh the case's splat in this process, whose peak memory is the verdict's."""
    truth = shape(case.shape, case.seed)
    data = ply(splat_rows(truth, case.kind, case.gaussians, case.seed))
    start = process_time()
    if case.quality == RECIPE:
        model = recipe(data)
    else:
        options = JobOptions(quality=Quality(case.quality), texture=case.texture)
        model = mesh_splat(data, options).model
    seconds = process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    chamfer, normals, psnr = compare(truth, model)
    mesh = model.mesh
    right_genus = mesh.watertight and mesh.parts == 1 and mesh.genus == truth.genus
    return Verdict(
        chamfer,
        normals,
        psnr,
        mesh.watertight,
        right_genus,
        len(mesh.triangles),
        round(seconds, 2),
        round(peak),
    )


def compare(truth: Shape, model: Model) -> tuple[float, float, float]:
    """(Chamfer distance, mean cosine of normals, PSNR of colours), from places sampled on both surfaces."""
    rng = np.random.default_rng(1)
    mesh = model.mesh
    face, weight, ours, our_normals = _places(mesh, rng)
    theirs, _ = truth.sample(rng, _SAMPLES)
    true_faces = truth.vertices[truth.triangles]
    true_normals = np.cross(true_faces[:, 1] - true_faces[:, 0], true_faces[:, 2] - true_faces[:, 0])
    true_normals /= np.linalg.norm(true_normals, axis=1, keepdims=True)
    there, at, nearest_face = _closest(truth.vertices, truth.triangles, ours)
    back, _, _ = _closest(mesh.vertices, mesh.triangles, theirs)
    cosine = (our_normals * true_normals[nearest_face]).sum(1).mean()
    error = np.mean((_colours(model, face, weight) - paint(at)) ** 2)
    return float((there.mean() + back.mean()) / 2), float(cosine), float(-10 * np.log10(error))


def _places(mesh: Mesh, rng: np.random.Generator) -> tuple[Faces, Array, Array, Array]:
    """Places sampled evenly on a mesh: triangle (n,), weights of its corners (n, 3), place, normal. Each
    has an equal share of the area, so that two meshes of one surface are judged alike."""
    along = (np.arange(_SAMPLES) + rng.random(_SAMPLES)) * (mesh.area / _SAMPLES)
    face = np.searchsorted(np.cumsum(mesh.face_areas)[:-1], along)
    a, b = np.sqrt(rng.random(_SAMPLES)), rng.random(_SAMPLES)
    weight = np.stack([1 - a, a * (1 - b), a * b], axis=1)
    corners = mesh.triangles[face]
    places = np.einsum("nk,nkc->nc", weight, mesh.vertices[corners].astype(float))
    normals = np.einsum("nk,nkc->nc", weight, mesh.normals[mesh.shading[face]].astype(float))
    return face, weight, places, normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def _closest(
    vertices: NDArray[np.floating], triangles: NDArray[np.integer], places: Array
) -> tuple[Array, Array, Faces]:
    """Distance to a mesh, the closest place on it and its triangle."""
    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(tensor(vertices.astype(np.float32)), tensor(triangles.astype(np.uint32)))
    answer = scene.compute_closest_points(tensor(places.astype(np.float32)))
    at = answer["points"].numpy().astype(float)
    return np.linalg.norm(at - places, axis=1), at, answer["primitive_ids"].numpy().astype(np.int64)


def _colours(model: Model, face: Faces, weight: Array) -> Array:
    """(n, 3) sRGB as a viewer shows it: bilinear in the texture, or between the vertices in linear light."""
    texture = model.texture
    if texture is None:
        between = np.einsum("nk,nkc->nc", weight, model.colours[model.mesh.triangles[face]].astype(float))
        return np.asarray(linear_to_srgb(between.clip(0, 1).astype(np.float32)), float)
    uv = np.einsum("nk,nkc->nc", weight, texture.uv[texture.triangles[face]].astype(float))
    side = len(texture.image)
    x, y = (uv * (1, -1) + (0, 1)).T * side - 0.5  # texel centres
    column, row = np.floor(x).astype(int), np.floor(y).astype(int)
    total = np.zeros((len(uv), 3))
    for down in (0, 1):
        for right in (0, 1):
            share = np.abs(1 - right - (x - column)) * np.abs(1 - down - (y - row))
            texel = texture.image[(row + down).clip(0, side - 1), (column + right).clip(0, side - 1)]
            total += share[:, None] * texel / 255
    return total


def recipe(data: bytes) -> Model:
    """Open3D's usual way from points to a mesh, with the opacity cut that everyone puts before it."""
    splat, _ = read_splat(data)
    splat = splat.take(splat.opacity > _RECIPE_OPACITY)
    points = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(splat.position.astype(float)))
    points.colors = o3d.utility.Vector3dVector(srgb_to_linear(splat.colour).astype(float))
    points, _ = points.remove_statistical_outlier(20, 2.0)
    points.estimate_normals(o3d.geometry.KDTreeSearchParamKNN(30))
    points.orient_normals_consistent_tangent_plane(15)
    surface, _ = o3d.geometry.TriangleMesh.create_from_point_cloud_poisson(points, depth=8)
    surface = surface.simplify_quadric_decimation(_RECIPE_TRIANGLES)
    surface.compute_vertex_normals()
    triangles = np.asarray(surface.triangles).astype(np.uint32)
    pieces = np.asarray(surface.cluster_connected_triangles()[1])
    mesh = Mesh(
        vertices=np.asarray(surface.vertices).astype(np.float32),
        triangles=triangles,
        normals=np.asarray(surface.vertex_normals).astype(np.float32),
        shading=triangles,
        parts=len(pieces),
    )
    return Model(mesh, np.asarray(surface.vertex_colors).astype(np.float32))


def run(case: Case) -> Verdict:
    """The verdict from a process of its own."""
    answer = subprocess.run(
        [sys.executable, "-m", "benchmarks.meshing", "--one", json.dumps(asdict(case))],
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode:
        raise RuntimeError(f"{case}: {answer.stderr[-2000:]}")
    return Verdict(**json.loads(answer.stdout.splitlines()[-1]))


def cases(shapes: Sequence[str], qualities: Sequence[str]) -> Iterator[Case]:
    """Shapes of both kinds with 250,000 Gaussians, fast and balanced with and without a texture; then other
    numbers of Gaussians, poses and seeds."""
    for name in shapes:
        for kind in Kind:
            for quality in qualities:
                yield Case(name, kind, _GAUSSIANS, quality, None, _SEED)
                if quality in (Quality.FAST, Quality.BALANCED):
                    yield Case(name, kind, _GAUSSIANS, quality, 1024, _SEED)
    for name, kind, count, seed in _OTHERS:
        for quality in (Quality.BALANCED, Quality.HIGH):
            if name in shapes and quality in qualities:
                yield Case(name, kind, count, quality, None, seed)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--one", help="a case, as JSON; its verdict is printed as JSON")
    parser.add_argument("--shapes", default=",".join(SHAPES))
    parser.add_argument("--qualities", default=",".join([RECIPE, *Quality]))
    arguments = parser.parse_args()
    if arguments.one:
        sys.stdout.write(json.dumps(asdict(judge(Case(**json.loads(arguments.one))))) + "\n")
        return
    report(list(cases(arguments.shapes.split(","), arguments.qualities.split(","))))


def report(chosen: Sequence[Case]) -> None:
    """Run the cases, print a row for each as it ends, and keep all in out/bench/meshing.json."""
    verdicts = []
    _REPORT.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.write(_HEAD)
    before = yardstick()
    for case in chosen:
        verdict = run(case)
        after = yardstick()
        unit = (before + after) / 2
        before = after
        sys.stdout.write(row(case, verdict, unit))
        sys.stdout.flush()
        verdicts.append({**asdict(case), **asdict(verdict), "yardstick": unit})
        _REPORT.write_text(json.dumps(verdicts, indent=2))


def row(case: Case, verdict: Verdict, unit: float) -> str:
    """A row of the table in Markdown. unit: CPU seconds of a yardstick."""
    splat = [case.shape, case.kind.value]
    if case.gaussians != _GAUSSIANS or case.seed != _SEED:
        splat += [f"{case.gaussians // 1000}k", f"seed {case.seed}"]
    how = case.quality if case.quality == RECIPE else f"`{case.quality}`"
    if case.texture:
        how = f"{how}, texture {case.texture}"
    cells = (
        ", ".join(splat),
        how,
        f"{1e3 * verdict.chamfer:.2f}",
        f"{verdict.normals:.4f}",
        f"{verdict.psnr:.1f}",
        "no" if not verdict.watertight else "yes" if verdict.right_genus else "wrong genus",
        f"{verdict.triangles:,}",
        f"{verdict.cpu_seconds:.1f}",
        f"{verdict.cpu_seconds / unit:.1f}",
        f"{verdict.peak_mb:.0f}",
    )
    return f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    main()
