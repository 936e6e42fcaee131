"""How close a mesh came to the true shape of the demo's object."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import open3d as o3d
import trimesh

TRUTH = Path(__file__).with_name("truth.ply")
SAMPLES = 20_000
_SEED = 42


def chamfer(mesh: Path, truth: Path = TRUTH) -> float:
    """Mean distance between two surfaces, there and back, as a fraction of the bounding boxes' diagonal.

    mesh: a GLB (Y-up). truth: a PLY (Z-up). Both are centred and scaled by their bounding boxes first, and
    nothing is turned. Measured from seeded places on one surface to the nearest place of the other, so that a
    perfect mesh is at 0, whatever the number of samples.
    """
    made, true = trimesh.load_mesh(mesh, process=False), trimesh.load_mesh(truth, process=False)
    made.vertices = made.vertices[:, [0, 2, 1]] * (1, -1, 1)  # the inverse of (x, y, z) -> (x, z, -y)
    for shape in (made, true):
        shape.vertices = (shape.vertices - shape.bounds.mean(axis=0)) / shape.scale
    return (_mean_distance(made, true) + _mean_distance(true, made)) / 2


def _mean_distance(start: trimesh.Trimesh, end: trimesh.Trimesh) -> float:
    places, _ = trimesh.sample.sample_surface(start, SAMPLES, seed=_SEED)
    surface = o3d.t.geometry.RaycastingScene()
    surface.add_triangles(
        o3d.core.Tensor.from_numpy(np.asarray(end.vertices, dtype=np.float32)),
        o3d.core.Tensor.from_numpy(np.asarray(end.faces, dtype=np.uint32)),
    )
    queries = o3d.core.Tensor.from_numpy(np.asarray(places, dtype=np.float32))
    return float(surface.compute_distance(queries).numpy().mean())
