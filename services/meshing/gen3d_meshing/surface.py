"""From oriented points to a closed mesh: Poisson reconstruction, repair, simplification, and proof."""

from __future__ import annotations

import numpy as np
from manifold3d import Error, Manifold
from manifold3d import Mesh as ManifoldMesh

from gen3d_meshing.clean import nearest
from gen3d_meshing.lean_open3d import o3d, tensor
from gen3d_meshing.problems import MeshUnsound, SurfaceMissing
from gen3d_meshing.shape import Mesh, Triangles, directed_edges, raycasting, vertex_normals
from gen3d_meshing.splat import Floats

_MARGIN = 1.1  # bounding boxes that 2**depth cells span
_ROOM = 1  # levels by which Poisson's cube is wider: what is open below still closes before the cube's border
_FINEST_CELL = 0.6  # of the points' spacing: a finer cell would only follow their noise
_SHALLOWEST = 5  # below, Poisson's solver complains on stderr without end
_FINER = (1.3, 1.1, 0.9, 0.7, 0.5)  # cells: longest edges to try where there is room for more triangles
_TRIES = 3
_PART = 0.05  # of the largest part's volume: a smaller part goes
_ON_SURFACE = 0.02  # of the longest side: how far a Gaussian may be from the mesh that it belongs to
_SUPPORTED = 0.5  # share of Gaussians that must be on the mesh, and of the mesh that must be near Gaussians


def reconstruct(points: Floats, normals: Floats, *, depth: int, budget: int) -> Mesh:
    """The closed surface through oriented points, of about `budget` triangles or fewer.

    depth: of Poisson's octree over the object; a cell is 1.1 bounding boxes / 2**depth wide.
    Raises SurfaceMissing if the points lie on no surface, MeshUnsound if the result is not closed.
    """
    side = float(np.ptp(points, axis=0).max())
    cell = _MARGIN * side / 2**depth
    solid = _largest_parts(_manifold(*_poisson(points, normals, depth)))
    if solid.num_tri() > budget:
        solid = _largest_parts(_manifold(*_decimate(solid, budget)))
    mesh = _refine(solid, cell, budget)
    if not (mesh.watertight and mesh.volume > 0):
        raise MeshUnsound("the mesh is not closed")
    _require_support(points, mesh, _ON_SURFACE * side)
    return mesh


def depths(points: Floats, spacing: float, wanted: int) -> range:
    """The octree depths to try, best first: from `wanted`, or less if points so far apart cannot fill it."""
    size = _MARGIN * float(np.ptp(points, axis=0).max())
    deepest = min(wanted, max(_SHALLOWEST, int(np.log2(size / (_FINEST_CELL * spacing)))))
    return range(deepest, max(deepest - _TRIES, _SHALLOWEST - 1), -1)


def _poisson(points: Floats, normals: Floats, depth: int) -> tuple[Floats, Triangles]:
    cloud = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(points.astype(np.float64)))
    cloud.normals = o3d.utility.Vector3dVector(normals.astype(np.float64))
    # One thread: several are no faster on two cores, and give another mesh each time.
    mesh, _ = o3d.geometry.TriangleMesh.create_from_point_cloud_poisson(
        cloud, depth=depth + _ROOM, scale=_MARGIN * 2**_ROOM, n_threads=1
    )
    vertices, triangles = _arrays(mesh)
    there, back = directed_edges(triangles)
    if not len(triangles) or not (there == back).all():
        raise SurfaceMissing("the surface through the Gaussians has an open border")
    return vertices, triangles


def _decimate(solid: Manifold, budget: int) -> tuple[Floats, Triangles]:
    vertices, triangles = _content(solid)
    return _arrays(
        o3d.geometry.TriangleMesh(
            o3d.utility.Vector3dVector(vertices.astype(np.float64)),
            o3d.utility.Vector3iVector(triangles.astype(np.int32)),
        ).simplify_quadric_decimation(budget)
    )


def _refine(solid: Manifold, cell: float, budget: int) -> Mesh:
    """The same surface with as many vertices as the budget allows, because they carry the colours."""
    vertices, triangles = _content(solid)
    coarse = Manifold(ManifoldMesh(np.hstack([vertices, vertex_normals(vertices, triangles)]), triangles))
    finest = coarse
    for cells in _FINER:
        finer = coarse.refine_to_length(cells * cell)
        if finer.num_tri() > budget:
            break
        finest = finer
    properties, triangles = _content(finest)
    normals = properties[:, 3:]
    return Mesh(
        vertices=np.ascontiguousarray(properties[:, :3]),
        normals=normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9),
        triangles=triangles,
        parts=len(solid.decompose()),
    )


def _content(solid: Manifold) -> tuple[Floats, Triangles]:
    mesh = solid.to_mesh()
    return mesh.vert_properties.astype(np.float32), mesh.tri_verts.astype(np.uint32)


def _arrays(mesh: o3d.geometry.TriangleMesh) -> tuple[Floats, Triangles]:
    return np.asarray(mesh.vertices).astype(np.float32), np.asarray(mesh.triangles).astype(np.uint32)


def _manifold(vertices: Floats, triangles: Triangles) -> Manifold:
    solid = Manifold(ManifoldMesh(vertices, triangles))
    if solid.status() != Error.NoError:
        raise MeshUnsound(f"the mesh is not a manifold: {solid.status().name}")
    return solid


def _largest_parts(solid: Manifold) -> Manifold:
    """The parts of fair volume; specks and inner bubbles (of negative volume) go."""
    parts = solid.decompose()
    largest = max((part.volume() for part in parts), default=0)
    if largest <= 0:
        raise SurfaceMissing("the surface encloses nothing")
    return Manifold.compose([part for part in parts if part.volume() >= _PART * largest])


def _require_support(points: Floats, mesh: Mesh, reach: float) -> None:
    """Points that fill a volume, or lie on a sheet, give a closed mesh too: one that is mostly elsewhere."""
    distance = raycasting(mesh).compute_distance(tensor(points[:: len(points) // 5000 + 1])).numpy()
    faces = slice(None, None, len(mesh.triangles) // 5000 + 1)
    _, gap = nearest(points, mesh.vertices[mesh.triangles[faces]].mean(1), 1)
    on_mesh = (distance <= reach).mean()
    near_points = np.average(gap[:, 0] <= reach, weights=mesh.face_areas[faces])
    if min(on_mesh, near_points) < _SUPPORTED:
        raise SurfaceMissing(
            f"{on_mesh:.0%} of the Gaussians lie on the surface, {near_points:.0%} of it is near Gaussians"
        )
