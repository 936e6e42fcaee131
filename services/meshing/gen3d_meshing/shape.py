"""A triangle mesh and what can be measured on it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gen3d_meshing.lean_open3d import o3d, tensor
from gen3d_meshing.splat import Floats

Triangles = NDArray[np.uint32]


@dataclass(frozen=True)
class Mesh:
    """A triangle mesh. vertices: (v, 3). triangles: (t, 3), counter-clockwise seen from outside.

    normals: (m, 3) for shading; a vertex on a crease has several. shading: (t, 3) which of them each corner
    of each triangle has. parts: number of connected pieces.
    """

    vertices: Floats
    triangles: Triangles
    normals: Floats
    shading: Triangles
    parts: int

    @cached_property
    def smooth_normals(self) -> Floats:
        """(v, 3) one normal a vertex, also on creases."""
        return vertex_normals(self.vertices, self.triangles)

    @cached_property
    def watertight(self) -> bool:
        """Every edge joins exactly two triangles, which run through it in opposite directions."""
        there, back = directed_edges(self.triangles)
        return bool((there == back).all() and (there[1:] != there[:-1]).all())

    @cached_property
    def genus(self) -> int:
        """Number of handles, over all parts."""
        euler = len(self.vertices) - len(self.triangles) // 2
        return self.parts - euler // 2

    @cached_property
    def _cross(self) -> NDArray[np.float64]:
        a, b, c = self.vertices.astype(np.float64)[self.triangles.T]
        return np.asarray(np.cross(b - a, c - a))

    @cached_property
    def face_areas(self) -> NDArray[np.float64]:
        return np.asarray(np.linalg.norm(self._cross, axis=1) / 2)

    @cached_property
    def area(self) -> float:
        return float(self.face_areas.sum())

    @cached_property
    def volume(self) -> float:
        first = self.vertices.astype(np.float64)[self.triangles[:, 0]]
        return float((first * self._cross).sum() / 6)


def directed_edges(triangles: Triangles) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sorted codes of the triangles' directed edges, and of these edges reversed; equal if all is closed."""
    start = triangles.astype(np.int64).reshape(-1)
    end = np.roll(triangles, -1, axis=1).astype(np.int64).reshape(-1)
    return np.sort(start << 32 | end), np.sort(end << 32 | start)


def vertex_normals(vertices: Floats, triangles: Triangles) -> Floats:
    """(v, 3) unit normals, each face counting by its area."""
    a, b, c = vertices.astype(np.float64)[triangles.T]
    faces = np.repeat(np.cross(b - a, c - a), 3, axis=0)
    corners = triangles.reshape(-1)
    total = np.stack([np.bincount(corners, faces[:, axis], len(vertices)) for axis in range(3)], axis=1)
    normals: Floats = (total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-30)).astype(
        np.float32
    )
    return normals


def raycasting(mesh: Mesh) -> o3d.t.geometry.RaycastingScene:
    """The mesh as Open3D casts rays at it."""
    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(tensor(mesh.vertices), tensor(mesh.triangles))
    return scene
