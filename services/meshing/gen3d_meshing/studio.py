"""The mesh in a studio: a key light, the sky's soft light, a floor, and a camera. No GL needed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gen3d_meshing.clean import nearest
from gen3d_meshing.colour import srgb_to_linear
from gen3d_meshing.lean_open3d import tensor
from gen3d_meshing.model import Model
from gen3d_meshing.normals import directions
from gen3d_meshing.shape import Mesh, raycasting
from gen3d_meshing.splat import Floats

AZIMUTH = float(np.radians(32))  # right of the front, which is -y
_ELEVATION = float(np.radians(20))
_DISTANCE = 4.2  # in bounding-box diagonals: a long lens
_FRAME = 0.05  # margin on each side
_KEY = np.array([-0.45, -0.65, 0.62], np.float32) / np.float32(
    1.0071
)  # towards the key light, seen from AZIMUTH
_KEY_LIGHT, _SKY_LIGHT, _BOUNCE_LIGHT = 0.62, 0.58, 0.30
_SHEEN = 0.05
_SKY_SAMPLES = 48
_SKY_VERTICES = 6000  # the sky's light varies slowly: the others take it from their neighbours
_GROUND_CELLS = 64
_GROUND_SHADOW = 0.55
_SHADOW_FADE = 0.7  # of the way from where the object stands to the picture's edge
_AT_ONCE = 65_536  # rays, so that what they need stays small
_LIFT = 2e-3  # in diagonals: rays start this far off their surface


class Camera:
    """Looks from above, `azimuth` rad right of the front, at all of some points (n, 3). The key light stands
    to its left, above."""

    def __init__(self, azimuth: float, points: Floats) -> None:
        low, high = points.min(0), points.max(0)
        centre = (low + high) / 2
        sine, cosine = np.sin(azimuth), np.cos(azimuth)
        flat, rise = np.cos(_ELEVATION), np.sin(_ELEVATION)
        self._forward = np.array([-sine * flat, cosine * flat, -rise], np.float32)
        self._right = np.array([cosine, sine, 0], np.float32)
        self._up = np.cross(self._right, self._forward)
        self.eye = centre - np.float32(_DISTANCE * np.linalg.norm(high - low)) * self._forward
        plane = self._project(points)
        self._side = np.float32(np.ptp(plane, axis=0).max() / (1 - 2 * _FRAME))
        self._corner = (plane.min(0) + plane.max(0) - self._side) / 2
        self.foot = self.place(np.append(centre[:2], low[2])[None])[0].clip(_FRAME, 1 - _FRAME)
        sine, cosine = np.sin(azimuth - AZIMUTH), np.cos(azimuth - AZIMUTH)
        turn = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]], np.float32)
        self.key = turn @ _KEY

    def place(self, points: Floats) -> Floats:
        """(n, 2) image positions of points, in 0..1, x right and y down."""
        return np.asarray((self._project(points) - self._corner) / self._side)

    def rays(self, at: Floats) -> Floats:
        """(n, 3) unit vectors from the eye through image positions (n, 2)."""
        plane = self._corner + at * self._side
        rays = self._forward + plane[:, :1] * self._right - plane[:, 1:] * self._up
        return np.asarray(rays / np.sqrt(np.einsum("nc,nc->n", rays, rays))[:, None])

    def _project(self, points: Floats) -> Floats:
        away = points - self.eye
        across = np.stack([away @ self._right, -(away @ self._up)], axis=1)
        return np.asarray(across / (away @ self._forward)[:, None])


class Studio:
    """A model in its light: what is costly and the same from all sides is computed once."""

    def __init__(self, model: Model) -> None:
        mesh = model.mesh
        self.mesh = mesh
        low, high = mesh.vertices.min(0), mesh.vertices.max(0)
        self.extent = float(np.linalg.norm(high - low))
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
        x, y = camera.place(self.mesh.vertices).T * size
        return (
            max(int(x.min()) - 1, 0),
            max(int(y.min()) - 1, 0),
            min(int(x.max()) + 2, size),
            min(int(y.max()) + 2, size),
        )

    def look(self, camera: Camera, at: Floats, *, floor: bool = True) -> tuple[Floats, Floats]:
        """What is seen at image positions (n, 2): premultiplied linear RGBA (n, 4) and the distance (n,) to
        the mesh, infinite beside it. floor: with the shadow on it."""
        if len(at) > _AT_ONCE:
            parts = [
                self.look(camera, at[start : start + _AT_ONCE], floor=floor)
                for start in range(0, len(at), _AT_ONCE)
            ]
            return np.concatenate([rgba for rgba, _ in parts]), np.concatenate([depth for _, depth in parts])
        rays = camera.rays(at)
        eye = np.broadcast_to(camera.eye, rays.shape)
        answer = self._rays.cast_rays(tensor(np.concatenate([eye, rays], axis=1)))
        depth = answer["t_hit"].numpy()
        hit = np.isfinite(depth)

        second, third = answer["primitive_uvs"].numpy()[hit].T
        corners = np.stack([1 - second - third, second, third], axis=1)
        triangles = answer["primitive_ids"].numpy()[hit].astype(np.int64)
        surface = np.einsum("nk,nkc->nc", corners, self._corners.take(triangles, axis=0))
        normal, sky = surface[:, :3], surface[:, 3:4]
        normal /= np.sqrt(np.einsum("nc,nc->n", normal, normal))[:, None]
        albedo = surface[:, 4:] if self._image is None else _texels(self._image, surface[:, 4:])

        rgba = np.zeros((len(at), 4), np.float32)
        place = camera.eye + rays[hit] * depth[hit, None]
        direct, sheen = self._key_light(place, normal, rays[hit], camera.key)
        above = 0.5 + 0.5 * normal[:, 2:]
        ambient = sky * (_SKY_LIGHT * above + _BOUNCE_LIGHT * (1 - above))
        rgba[hit, :3] = albedo * (_KEY_LIGHT * direct + ambient) + _SHEEN * sheen
        rgba[hit, 3] = 1
        if floor:
            rgba[~hit, 3] = self._ground(camera.eye, rays[~hit]) * _near(camera.foot, at[~hit])
        return rgba, depth

    def _key_light(self, place: Floats, normal: Floats, ray: Floats, key: Floats) -> tuple[Floats, Floats]:
        """(n, 1) matt and (n, 1) glossy reflection of the key light, each in 0..1; none in shadow."""
        cosine = normal @ key
        lit = np.flatnonzero(cosine > 0)
        start = place[lit] + _LIFT * self.extent * normal[lit]
        shadow_rays = np.concatenate([start, np.broadcast_to(key, start.shape)], axis=1)
        lit = lit[~self._rays.test_occlusions(tensor(shadow_rays)).numpy()]
        half = key - ray[lit]
        half /= np.sqrt(np.einsum("nc,nc->n", half, half))[:, None]
        direct, sheen = np.zeros((2, len(place), 1), np.float32)
        direct[lit, 0] = cosine[lit]
        sheen[lit, 0] = np.clip(np.einsum("nc,nc->n", normal[lit], half), 0, 1) ** 40
        return direct, sheen

    def _open_sky(self, mesh: Mesh) -> Floats:
        """(v, 1) in 0..1: how much of the sky over each vertex the mesh leaves open."""
        chosen = slice(None, None, len(mesh.vertices) // _SKY_VERTICES + 1)
        covered = self._covered(mesh.vertices[chosen], mesh.smooth_normals[chosen])
        alike = np.concatenate(
            [mesh.vertices, 0.2 * self.extent * mesh.smooth_normals], axis=1
        )  # not through a wall
        around, _ = nearest(alike[chosen], alike, 6)
        return np.asarray(1 - covered[around].mean(1))

    def _covered(self, places: Floats, normals: Floats) -> Floats:
        """(n, 1) in 0..1: how much of the cosine-weighted hemisphere over each place the mesh hides."""
        hidden = np.zeros(len(places), np.float32)
        total = np.full(len(places), 1e-6, np.float32)
        start = places + _LIFT * self.extent * normals
        for direction in directions(_SKY_SAMPLES):
            cosine = normals @ direction
            facing = np.flatnonzero(cosine > 0)
            rays = np.concatenate([start[facing], np.broadcast_to(direction, (len(facing), 3))], axis=1)
            blocked = self._rays.test_occlusions(tensor(rays), tnear=0, tfar=0.6 * self.extent)
            hidden[facing] += cosine[facing] * blocked.numpy()
            total[facing] += cosine[facing]
        return (hidden / total)[:, None]

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

    def _ground(self, eye: Floats, rays: Floats) -> Floats:
        """(n,) darkness of the shadow where these rays meet the floor; 0 beside it."""
        down = np.minimum(rays[:, 2], -1e-6)
        place = eye[:2] + rays[:, :2] * ((self._floor - eye[2]) / down)[:, None]
        cell = (place - self._ground_low) / self._ground_size * (_GROUND_CELLS - 1)
        inside = (rays[:, 2] < -1e-6) & (cell >= 0).all(1) & (cell < _GROUND_CELLS - 1).all(1)
        corner = cell[inside].astype(np.int64)
        (x, y), (i, j), grid = (cell[inside] - corner).T, corner.T, self._ground_shadow
        near = (1 - y) * grid[i, j] + y * grid[i, j + 1]
        far = (1 - y) * grid[i + 1, j] + y * grid[i + 1, j + 1]
        shadow = np.zeros(len(rays), np.float32)
        shadow[inside] = (1 - x) * near + x * far
        return shadow


def _texels(image: NDArray[np.uint8], uv: Floats) -> Floats:
    """(n, 3) linear RGB of the texels at uv (n, 2), v up."""
    last = len(image) - 1
    column, row = ((uv * (1, -1) + (0, 1)) * len(image)).astype(np.int64).clip(0, last).T
    linear = srgb_to_linear(np.linspace(0, 1, 256, dtype=np.float32))
    return np.asarray(linear[image[row, column]])


def _near(foot: Floats, at: Floats) -> Floats:
    """(n,) from 1 where the object stands to 0 on an ellipse inside the picture, so that the shadow ends
    before it is cut off."""
    away = at - foot
    reach = np.where(away > 0, 1 - foot, foot)
    return _smooth((1 - np.linalg.norm(away / reach, axis=1)) / _SHADOW_FADE)


def _smooth(value: Floats) -> Floats:
    """0 up to 0 and 1 from 1 on, with no kink at either."""
    inside = np.clip(value, 0, 1)
    return np.asarray(inside * inside * (3 - 2 * inside))
