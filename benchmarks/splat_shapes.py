"""Splats of known shapes, as a reconstruction might give them: what the meshing benchmark is judged on.

A shape is built by constructive solid geometry, turned to a pose, and covered with Gaussians that carry the
noise seen in reconstructions: places and axes are off, colours too, some Gaussians are faint and off the
surface, some lie anywhere, some in clumps beside the object. Everything follows from a seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from manifold3d import CrossSection, Manifold
from numpy.typing import NDArray

Array = NDArray[np.float64]

SH_C0 = 0.28209479177387814  # colour = 0.5 + SH_C0 * f_dc
_SEGMENTS = 256
_OUTLIERS, _FAINT, _CLUMPS, _CLUMP = 0.05, 0.15, 3, 0.002  # shares of all Gaussians
_TANGENT = 0.8  # standard deviation along the surface, in mean spacings
_AXES = 0.08  # rad, by which a Gaussian's axes are off
_COLOUR_NOISE = 0.03


class Kind(StrEnum):
    """FLAT: thin discs along the surface. ROUND: nearly isotropic, and twice as far off it."""

    FLAT = "flat"
    ROUND = "round"


_THICKNESS = {Kind.FLAT: 0.15, Kind.ROUND: 0.85}  # of the extent along the surface
_OFFSET = {Kind.FLAT: 0.0007, Kind.ROUND: 0.0014}  # across the surface, in cubes


@dataclass(frozen=True)
class Shape:
    """A closed surface in the unit cube around the origin. vertices: (v, 3). triangles: (t, 3)."""

    vertices: Array
    triangles: NDArray[np.int64]
    genus: int

    def sample(self, rng: np.random.Generator, n: int) -> tuple[Array, Array]:
        """n places (n, 3), evenly on the surface, and the outward unit normals there (n, 3)."""
        corners = self.vertices[self.triangles]
        cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        double_area = np.linalg.norm(cross, axis=1)
        face = rng.choice(len(corners), n, p=double_area / double_area.sum())
        a, b = np.sqrt(rng.random((n, 1))), rng.random((n, 1))
        first, second, third = corners[face].transpose(1, 0, 2)
        places = (1 - a) * first + a * (1 - b) * second + a * b * third
        return places, cross[face] / double_area[face, None]

    @property
    def area(self) -> float:
        a, b, c = self.vertices[self.triangles.T]
        return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)


def _ring(radius: float, thickness: float) -> Manifold:
    turn = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    circle = np.stack([radius + thickness * np.cos(turn), thickness * np.sin(turn)], axis=1)
    return CrossSection([circle]).revolve(_SEGMENTS)


def _box(low: tuple[float, float, float], high: tuple[float, float, float]) -> Manifold:
    return Manifold.cube(np.subtract(high, low)).translate(low)


def _sphere() -> Manifold:
    return Manifold.sphere(0.42, 2 * _SEGMENTS)


def _torus() -> Manifold:
    return _ring(0.32, 0.12)


def _mug() -> Manifold:
    outside = Manifold.cylinder(0.7, 0.26, circular_segments=_SEGMENTS)
    inside = Manifold.cylinder(0.7, 0.22, circular_segments=_SEGMENTS).translate((0, 0, 0.05))
    handle = _ring(0.15, 0.035).rotate((90, 0, 0)).translate((0.27, 0, 0.36))
    return (outside + handle) - inside


def _chair() -> Manifold:
    seat = _box((-0.25, -0.25, -0.03), (0.25, 0.25, 0.03))
    legs = [
        _box((x - 0.03, y - 0.03, -0.45), (x + 0.03, y + 0.03, 0))
        for x in (-0.21, 0.21)
        for y in (-0.21, 0.21)
    ]
    posts = [_box((x - 0.03, 0.18, 0), (x + 0.03, 0.24, 0.48)) for x in (-0.21, 0.21)]
    rails = [_box((-0.21, 0.19, z), (0.21, 0.23, z + 0.07)) for z in (0.2, 0.41)]
    return sum(legs + posts + rails, seat)


def _lantern() -> Manifold:
    window = _box((-0.26, -0.26, -1), (0.26, 0.26, 1))
    frame = _box((-0.35, -0.35, -0.35), (0.35, 0.35, 0.35))
    return frame - window - window.rotate((90, 0, 0)) - window.rotate((0, 90, 0))


_MAKERS = {"sphere": _sphere, "torus": _torus, "mug": _mug, "chair": _chair, "lantern": _lantern}
SHAPES = tuple(_MAKERS)


def shape(name: str, seed: int) -> Shape:
    """The named shape, in a pose that follows from the seed; the chair's too is any."""
    solid = _MAKERS[name]()
    content = solid.to_mesh()
    turned = np.asarray(content.vert_properties[:, :3], float) @ _pose(np.random.default_rng(seed)).T
    low, high = turned.min(0), turned.max(0)
    centred = turned - (low + high) / 2
    return Shape(
        centred * min(1, 0.96 / (high - low).max()), content.tri_verts.astype(np.int64), solid.genus()
    )


def _pose(rng: np.random.Generator) -> Array:
    matrix, upper = np.linalg.qr(rng.normal(size=(3, 3)))
    matrix = matrix * np.sign(np.diag(upper))
    return np.asarray(matrix * np.linalg.det(matrix))


def paint(places: Array) -> Array:
    """The true colour (n, 3), sRGB in 0..1, of each place (n, 3): a slow change with bands and soft dots."""
    x, y, z = places.T
    bands = 0.18 * np.sin(2 * np.pi * (x + 0.5 * y + 0.7 * z) / 0.16)
    dots = 0.22 / (1 + np.exp(-12 * (np.sin(40 * x) * np.sin(40 * y) * np.sin(40 * z) - 0.2)))
    return np.stack([0.5 + 0.5 * x + bands, 0.45 + 0.4 * y + dots, 0.5 + 0.5 * z - bands], axis=1).clip(0, 1)


def splat_rows(truth: Shape, kind: Kind, n: int, seed: int) -> NDArray[np.float32]:
    """(n, 17) rows of a splat file: x y z, normal (0), f_dc, logit opacity, ln scale, rotation w x y z."""
    rng = np.random.default_rng(seed)
    places, normals = truth.sample(rng, n)
    rows = np.zeros((n, 17))
    rows[:, 6:9] = (paint(places) + rng.normal(0, _COLOUR_NOISE, (n, 3)) - 0.5) / SH_C0
    rows[:, 9] = rng.normal(2, 1.2, n)
    tangent = _TANGENT * np.sqrt(truth.area / n)
    rows[:, 10:13] = np.log(tangent) + rng.normal(0, 0.25 if kind is Kind.FLAT else 0.08, (n, 3))
    rows[:, 12] += np.log(_THICKNESS[kind])
    rows[:, 13:17] = _turns(_unit(normals * rng.choice([-1, 1], (n, 1)) + rng.normal(0, _AXES, (n, 3))))
    rows[:, 0:3] = places + normals * rng.normal(0, _OFFSET[kind], (n, 1))

    lot = rng.random(n)
    faint = lot < _FAINT
    rows[faint, 9] = rng.normal(-3.5, 0.5, int(faint.sum()))
    rows[faint, 0:3] += rng.normal(0, 0.01, (int(faint.sum()), 3))
    outlier = lot > 1 - _OUTLIERS
    rows[outlier, 0:3] = rng.uniform(-0.6, 0.6, (int(outlier.sum()), 3))
    for start in 0.3 + 0.1 * np.arange(_CLUMPS):
        clump = (lot >= start) & (lot < start + _CLUMP)
        where = _unit(rng.normal(size=3)) * 0.75
        rows[clump, 0:3] = where + rng.normal(0, 0.015, (int(clump.sum()), 3))
    return rows.astype(np.float32)


def ply(rows: NDArray[np.float32]) -> bytes:
    """The rows as a splat file of Meta's layout."""
    names = "x y z nx ny nz f_dc_0 f_dc_1 f_dc_2 opacity scale_0 scale_1 scale_2 rot_0 rot_1 rot_2 rot_3"
    head = ["ply", "format binary_little_endian 1.0", f"element vertex {len(rows)}"]
    head += [f"property float {name}" for name in names.split()]
    return "\n".join([*head, "end_header\n"]).encode() + rows.astype("<f4").tobytes()


def _unit(vectors: Array) -> Array:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


def _turns(normals: Array) -> Array:
    """(n, 4) quaternions w, x, y, z that turn the z axis to the normals."""
    x, y, z = normals.T
    turns = np.stack([1 + z, -y, x, 0 * z], axis=1)
    turns[np.linalg.norm(turns, axis=1) < 1e-6] = (0, 1, 0, 0)
    return _unit(turns)
