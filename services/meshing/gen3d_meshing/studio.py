"""The mesh in a studio: a key light, the sky's soft light, and a floor. No GL needed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gen3d_meshing.camera import Camera
from gen3d_meshing.clean import nearest
from gen3d_meshing.colour import srgb_to_linear
from gen3d_meshing.lean_open3d import o3d, tensor
from gen3d_meshing.model import Model
from gen3d_meshing.normals import directions
from gen3d_meshing.shape import Mesh, raycasting
from gen3d_meshing.splat import Floats

_KEY_LIGHT, _SKY_LIGHT, _BOUNCE_LIGHT = 0.62, 0.58, 0.30
_SHEEN = 0.05
_SKY_SAMPLES = 48
_SKY_VERTICES = 6000  # the sky's light varies slowly: the others take it from their neighbours
_GROUND_CELLS = 64
_GROUND_SHADOW = 0.55
_SHADOW_FADE = 0.7  # of the way from where the object stands to the picture's edge
_AT_ONCE = 16_384  # rays: few enough that what they need stays in the processor's cache
_LIFT = 2e-3  # in diagonals: rays start this far off their surface


class Studio:
    """A model in its light: what is costly and the same from all sides is computed once.

    Vectors and colours of many places are (3, n) here, not (n, 3), which NumPy is many times slower with.
    """

    def __init__(self, model: Model) -> None:
        mesh = model.mesh
        self.mesh = mesh
        low, high = mesh.vertices.min(0), mesh.vertices.max(0)
        self.extent = float(np.linalg.norm(high - low))
        self._lift = np.float32(_LIFT * self.extent)
        self._rays = raycasting(mesh)
        light = np.concatenate([mesh.normals[mesh.shading], self._open_sky(mesh)[mesh.triangles]], axis=2)
        texture = model.texture
        paint = model.colours[mesh.triangles] if texture is None else texture.uv[texture.triangles]
        self._corners = np.concatenate([light, paint], axis=2).astype(np.float32)
        self._image = None if texture is None else texture.image
        self._floor = low[2]
        self._shade_ground(low, high)

    def box(self, camera: Camera, size: int) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of the pixels that the mesh may touch, of size x size."""
        x, y = camera.place(self.mesh.vertices) * size
        return (
            max(int(x.min()) - 1, 0),
            max(int(y.min()) - 1, 0),
            min(int(x.max()) + 2, size),
            min(int(y.max()) + 2, size),
        )

    def look(self, camera: Camera, at: Floats) -> tuple[Floats, Floats]:
        """What is seen at image positions (2, n): premultiplied linear RGBA (4, n), and how far away (n,) the
        mesh is along the camera's axis, infinite beside it."""
        rgba, depth = np.zeros((4, at.shape[1]), np.float32), np.empty(at.shape[1], np.float32)
        for start in range(0, at.shape[1], _AT_ONCE):
            some = slice(start, start + _AT_ONCE)
            rays = camera.rays(at[:, some])
            answer = self._rays.cast_rays(_tensor(camera.eye[:, None], rays))
            depth[some] = answer["t_hit"].numpy()
            hit = np.flatnonzero(np.isfinite(depth[some]))
            second, third = answer["primitive_uvs"].numpy().take(hit, axis=0).T
            corners = np.stack([1 - second - third, second, third])
            triangles = answer["primitive_ids"].numpy()[hit]
            surface = np.einsum("kn,nkc->cn", corners, self._corners.take(triangles, axis=0))
            away = rays.take(hit, axis=1) * depth[some][hit]
            light = self._lit(camera, away, surface)
            for channel, value in zip(rgba, (*light, 1), strict=True):
                channel[start + hit] = value
        return rgba, depth

    def _lit(self, camera: Camera, away: Floats, surface: Floats) -> Floats:
        """(3, n) linear RGB of places so far from the eye (3, n), of what their corners have, (6 or 7, n)."""
        normal, sky, paint = _unit(surface[:3]), surface[3], surface[4:]
        albedo = paint if self._image is None else _texels(self._image, paint)
        direct, sheen = self._key_light(camera, away, normal)
        above = 0.5 + 0.5 * normal[2]
        ambient = sky * (_SKY_LIGHT * above + _BOUNCE_LIGHT * (1 - above))
        return np.asarray(albedo * (_KEY_LIGHT * direct + ambient) + _SHEEN * sheen)

    def _key_light(self, camera: Camera, away: Floats, normal: Floats) -> tuple[Floats, Floats]:
        """(n,) matt and (n,) glossy reflection of the key light, each in 0..1; none in shadow."""
        direct, sheen = np.zeros((2, away.shape[1]), np.float32)
        key = camera.key[:, None]
        cosine = camera.key @ normal
        lit = np.flatnonzero(cosine > 0)
        start = camera.eye[:, None] + away.take(lit, axis=1) + self._lift * normal.take(lit, axis=1)
        lit = lit[~self._rays.test_occlusions(_tensor(start, key)).numpy()]
        direct[lit] = cosine[lit]
        half = _unit(key - _unit(away.take(lit, axis=1)))
        facing = np.clip((normal.take(lit, axis=1) * half).sum(0), 0, 1)
        fifth = np.square(np.square(facing)) * facing
        sheen[lit] = np.square(np.square(np.square(fifth)))  # NumPy is slow at ** 40
        return direct, sheen

    def _open_sky(self, mesh: Mesh) -> Floats:
        """(v, 1) in 0..1: how much of the sky over each vertex the mesh leaves open."""
        chosen = slice(None, None, len(mesh.vertices) // _SKY_VERTICES + 1)
        covered = self._covered(mesh.vertices[chosen], mesh.smooth_normals[chosen])
        alike = np.concatenate(
            [mesh.vertices, 0.2 * self.extent * mesh.smooth_normals], axis=1
        )  # not through a wall
        around, _ = nearest(alike[chosen], alike, 6)
        return np.asarray(1 - covered[around].mean(1, keepdims=True))

    def _covered(self, places: Floats, normals: Floats) -> Floats:
        """(n,) in 0..1: how much of the cosine-weighted hemisphere over each place (n, 3) the mesh hides."""
        hidden = np.zeros(len(places), np.float32)
        total = np.full(len(places), 1e-6, np.float32)
        start = places + self._lift * normals
        for direction in directions(_SKY_SAMPLES):
            cosine = normals @ direction
            facing = np.flatnonzero(cosine > 0)
            rays = _tensor(start.take(facing, axis=0).T, direction[:, None])
            blocked = self._rays.test_occlusions(rays, tnear=0, tfar=0.6 * self.extent)
            hidden[facing] += cosine[facing] * blocked.numpy()
            total[facing] += cosine[facing]
        return hidden / total

    def _shade_ground(self, low: Floats, high: Floats) -> None:
        """Soft shadow on a grid of the floor around the object."""
        reach = 0.35 * self.extent
        self._ground_low, self._ground_size = low[:2] - reach, high[:2] - low[:2] + 2 * reach
        step = np.linspace(0, 1, _GROUND_CELLS, dtype=np.float32)
        grid = np.stack(np.meshgrid(step, step, indexing="ij"), axis=-1).reshape(-1, 2)
        ground = self._ground_low + grid * self._ground_size
        places = np.concatenate([ground, np.full((len(grid), 1), self._floor, np.float32)], axis=1)
        upward = np.broadcast_to(np.array([0, 0, 1], np.float32), places.shape)
        hidden: Floats = self._covered(places, upward).reshape(_GROUND_CELLS, _GROUND_CELLS)
        for axis in (0, 1, 0, 1):  # few sky samples leave streaks
            hidden = (np.roll(hidden, 1, axis) + hidden + np.roll(hidden, -1, axis)) / np.float32(3)
        fade = _smooth(4 * np.minimum(step, 1 - step))
        self._ground_shadow = _GROUND_SHADOW * hidden * np.outer(fade, fade)

    def shadow(self, camera: Camera, at: Floats) -> Floats:
        """(n,) how dark the object's soft shadow makes the floor at image positions (2, n), in 0..1."""
        x, y, z = camera.rays(at)
        reach = (self._floor - camera.eye[2]) / np.minimum(z, -1e-6)
        place = camera.eye[:2, None] + np.stack([x, y]) * reach
        cell = (place - self._ground_low[:, None]) / self._ground_size[:, None] * (_GROUND_CELLS - 1)
        inside = (z < -1e-6) & (cell >= 0).all(0) & (cell < _GROUND_CELLS - 1).all(0)
        corner = cell[:, inside].astype(np.int64)
        (x, y), (i, j), grid = cell[:, inside] - corner, corner, self._ground_shadow
        near = (1 - y) * grid[i, j] + y * grid[i, j + 1]
        far = (1 - y) * grid[i + 1, j] + y * grid[i + 1, j + 1]
        shadow = np.zeros(at.shape[1], np.float32)
        shadow[inside] = (1 - x) * near + x * far
        return shadow * _near(camera.foot[:, None], at)


def _tensor(start: Floats, direction: Floats) -> o3d.core.Tensor:
    """Rays from places (3, n) in directions (3, n), as Open3D takes them; either may be (3, 1), for all."""
    rays = np.empty((np.broadcast_shapes(start.shape, direction.shape)[1], 6), np.float32)
    for axis in range(3):  # NumPy is several times slower at all three at once
        rays[:, axis] = start[axis]
        rays[:, 3 + axis] = direction[axis]
    return tensor(rays)


def _unit(vectors: Floats) -> Floats:
    """(3, n) the vectors at length 1."""
    return np.asarray(vectors / np.sqrt((vectors * vectors).sum(0)))


def _texels(image: NDArray[np.uint8], uv: Floats) -> Floats:
    """(3, n) linear RGB of the texels at uv (2, n), v up."""
    last = len(image) - 1
    column, row = (np.stack([uv[0], 1 - uv[1]]) * len(image)).astype(np.int64).clip(0, last)
    linear = srgb_to_linear(np.linspace(0, 1, 256, dtype=np.float32))
    return np.asarray(linear[image[row, column].T])


def _near(foot: Floats, at: Floats) -> Floats:
    """(n,) from 1 where the object stands (2, 1) to 0 on an ellipse inside the picture (2, n), so that the
    shadow ends before it is cut off."""
    away = at - foot
    reach = np.where(away > 0, 1 - foot, foot)
    return _smooth((1 - np.hypot(*(away / reach))) / _SHADOW_FADE)


def _smooth(value: Floats) -> Floats:
    """0 up to 0 and 1 from 1 on, with no kink at either."""
    inside = np.clip(value, 0, 1)
    return np.asarray(inside * inside * (3 - 2 * inside))
