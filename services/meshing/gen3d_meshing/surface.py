"""From oriented points to a closed mesh: Poisson reconstruction, creases, simplification, and proof."""

from __future__ import annotations

import numpy as np
from manifold3d import Error, Manifold
from manifold3d import Mesh as ManifoldMesh

from gen3d_meshing.clean import Search, search
from gen3d_meshing.creases import sharpen
from gen3d_meshing.lean_open3d import o3d, tensor
from gen3d_meshing.problems import MeshUnsound, SurfaceMissing
from gen3d_meshing.shading import shading_normals
from gen3d_meshing.shape import Mesh, Triangles, directed_edges, raycasting
from gen3d_meshing.splat import Floats

_ROOMS = 1.2, 2.0  # longest sides that Poisson's cube spans at least; wide only for what else stays open
_FINEST_CELL, _NOISY_CELL = 0.6, 9.0  # of the points' spacing and noise: finer cells would follow the noise
_FINEST_GRID = 200  # cells across that memory and time allow
_WORTH_TRYING = 1.3  # times as many cells as before
_TURNED = 0.05  # share of Gaussians that face against the mesh: more, and a wall is too thin for the grid
_COARSEST = 29  # cells across: with fewer, Poisson's solver complains on stderr without end
_LOOSE = 1.5  # times the square root of a triangle's share of the area: longest edge, to begin with
_LOOSER = 1.02
_INSIDE = 0.85  # triangles for each pair of vertices that are put on a triangle's two shorter edges, roughly
_FLATTER = 0.02  # cells: how far the surface may move where triangles of one plane become one
_FEWEST = 500
_ASKED = 5000  # Gaussians and triangles whose fit is looked at
_PLAINER = 0.05  # cells: how far, roughly, where the quadric error chooses which triangles go
_PART = 0.05  # of the largest part's volume: a smaller part goes
_ON_SURFACE = 0.02  # of the longest side: how far a Gaussian may be from the mesh that it belongs to
_APART = 0.8  # spacings: how far the mesh may be from Gaussians where these are few
_SUPPORTED = 0.7  # share of Gaussians that must be on the mesh, and of the mesh that must be near Gaussians


def reconstruct(
    points: Floats, normals: Floats, *, spacing: float, cells: int, budget: int
) -> tuple[Mesh, dict[str, int]]:
    """The closed surface through oriented points, of about `budget` triangles, or as few as show its shape;
    and how many triangles there were after each step.

    spacing: typical distance between neighbouring points. cells: of Poisson's grid across the longest side.
    Raises SurfaceMissing if the points lie on no surface, MeshUnsound if the result is not closed.
    """
    side = _longest(points)
    cell = side / cells
    whole = _manifold(*_poisson(points, normals, cells))
    kept = _largest_parts(whole)
    vertices, triangles = _content(kept)
    around = search(points)
    vertices = sharpen(vertices, triangles, points, normals, around, spacing=spacing, cell=cell)
    flatter = _manifold(vertices, triangles).simplify(_FLATTER * cell)
    reach = _ON_SURFACE * side
    _require_fit(points, normals, around, flatter, reach=reach, gap_reach=max(reach, _APART * spacing))
    solid = _largest_parts(_manifold(*_decimate(flatter, budget, _PLAINER * cell, cell)))
    counts = {"poisson": whole.num_tri(), "parts": kept.num_tri(), "simplified": solid.num_tri()}
    vertices, triangles = _content(solid)
    mesh = Mesh(vertices, triangles, *shading_normals(vertices, triangles), len(solid.decompose()))
    if not (mesh.watertight and mesh.volume > 0):
        raise MeshUnsound("the mesh is not closed")
    return mesh, counts


def refine(mesh: Mesh, budget: int) -> Mesh:
    """The same surface with about as many triangles as the budget allows; never with fewer than before."""
    # Manifold takes a vertex with several normals as several, and the list of those that are one place.
    both = mesh.triangles.reshape(-1).astype(np.int64) << 32 | mesh.shading.reshape(-1)
    corners, triangles = np.unique(both, return_inverse=True)
    vertex, normal = corners >> 32, corners & 0xFFFFFFFF
    _, first, which = np.unique(vertex, return_index=True, return_inverse=True)
    doubled = np.flatnonzero(first[which] != np.arange(len(vertex)))
    coarse = Manifold(
        ManifoldMesh(
            np.hstack([mesh.vertices[vertex], mesh.normals[normal]]),
            triangles.reshape(-1, 3).astype(np.uint32),
            merge_from_vert=doubled.astype(np.uint32),
            merge_to_vert=first[which][doubled].astype(np.uint32),
        )
    )
    length = _longest_edge(mesh, budget)
    while (finer := coarse.refine_to_length(length)).num_tri() > max(budget, len(mesh.triangles)):
        length *= _LOOSER
    content = finer.to_mesh()
    properties = content.vert_properties.astype(np.float32)
    one = np.arange(len(properties))
    one[content.merge_from_vert] = content.merge_to_vert
    kept, place = np.unique(one, return_inverse=True)
    normals = properties[:, 3:]
    return Mesh(
        vertices=np.ascontiguousarray(properties[kept, :3]),
        triangles=place[content.tri_verts].astype(np.uint32),
        normals=normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9),
        shading=content.tri_verts.astype(np.uint32),
        parts=mesh.parts,
    )


def _longest_edge(mesh: Mesh, budget: int) -> float:
    """How long edges may be, so that the budget suffices for dividing longer ones: to within a few
    hundredths, in a hundredth of the time that Manifold takes to try."""
    corners = mesh.vertices[mesh.triangles]
    edges = np.sort(np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).T, axis=0)
    length = _LOOSE * float(np.sqrt(mesh.area / budget))
    while True:
        added = short, middle, long = np.floor(edges / np.float32(length))  # vertices on each edge
        count = len(mesh.triangles) + added.sum() + _INSIDE * (short * middle)[long > 1].sum()
        if count <= max(budget, len(mesh.triangles)):
            return length
        length *= _LOOSER


def resolutions(points: Floats, spacing: float, noise: float, wanted: int) -> list[int]:
    """The numbers of cells across the points' longest side to try, best first: `wanted`, or fewer if points
    so far apart or so noisy cannot fill them; then more, for thin walls; then a half and a quarter."""
    finest = int(_longest(points) / max(_FINEST_CELL * spacing, _NOISY_CELL * noise))
    best = min(wanted, max(_COARSEST, finest))
    finer = min(finest, _FINEST_GRID)
    return [
        best,
        *([finer] if finer > _WORTH_TRYING * best else []),
        *(best >> halvings for halvings in (1, 2) if best >> halvings >= _COARSEST),
    ]


def _longest(points: Floats) -> float:
    return float(np.ptp(points, axis=0).max())


def _poisson(points: Floats, normals: Floats, cells: int) -> tuple[Floats, Triangles]:
    cloud = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(points.astype(np.float64)))
    cloud.normals = o3d.utility.Vector3dVector(normals.astype(np.float64))
    for depth in sorted({int(np.ceil(np.log2(room * cells))) for room in _ROOMS}):
        # One thread: several are no faster on two cores, and give another mesh each time.
        mesh, _ = o3d.geometry.TriangleMesh.create_from_point_cloud_poisson(
            cloud, depth=depth, scale=2**depth / cells, n_threads=1
        )
        vertices, triangles = _arrays(mesh)
        there, back = directed_edges(triangles)
        if len(triangles) and (there == back).all():
            return vertices, triangles
    raise SurfaceMissing("the surface through the Gaussians has an open border")


def _decimate(solid: Manifold, budget: int, distance: float, cell: float) -> tuple[Floats, Triangles]:
    """Collapse edges by quadric error until about `budget` triangles are left, and on while that costs no
    more than `distance`: Open3D's errors are squared distances times the area of the triangles around."""
    vertices, triangles = _content(solid)
    mesh = o3d.geometry.TriangleMesh(
        o3d.utility.Vector3dVector(vertices.astype(np.float64)),
        o3d.utility.Vector3iVector(triangles.astype(np.int32)),
    )
    if len(triangles) > budget:
        mesh = mesh.simplify_quadric_decimation(budget)
    return _arrays(mesh.simplify_quadric_decimation(_FEWEST, maximum_error=(distance * cell) ** 2))


def _content(solid: Manifold) -> tuple[Floats, Triangles]:
    mesh = solid.to_mesh()
    return mesh.vert_properties.astype(np.float32)[:, :3], mesh.tri_verts.astype(np.uint32)


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


def _require_fit(
    points: Floats, normals: Floats, around: Search, solid: Manifold, *, reach: float, gap_reach: float
) -> None:
    """Refuse a surface that is mostly farther than `gap_reach` from the points, or they than `reach` from it:
    points that fill a volume, or lie on a sheet, give a closed mesh too, one that is mostly elsewhere. Refuse
    one that faces against its points: it has run the two sides of a thin wall together."""
    vertices, triangles = _content(solid)
    mesh = Mesh(vertices, triangles, vertices, triangles, parts=1)  # its shading does not matter here
    some = slice(None, None, len(points) // _ASKED + 1)
    closest = raycasting(mesh).compute_closest_points(tensor(points[some]))
    distance = np.linalg.norm(closest["points"].numpy() - points[some], axis=1)
    turned = (np.einsum("nc,nc->n", closest["primitive_normals"].numpy(), normals[some]) < 0).mean()
    faces = slice(None, None, len(triangles) // _ASKED + 1)
    _, gap = around(vertices[triangles[faces]].mean(1), 1)
    on_mesh = (distance <= reach).mean()
    near_points = np.average(gap[:, 0] <= gap_reach, weights=mesh.face_areas[faces])
    if min(on_mesh, near_points) < _SUPPORTED:
        raise SurfaceMissing(
            f"{on_mesh:.0%} of the Gaussians lie on the surface, {near_points:.0%} of it is near Gaussians"
        )
    if turned > _TURNED:
        raise MeshUnsound(f"{turned:.0%} of the Gaussians face against the mesh")
