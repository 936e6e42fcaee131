"""Draw the mesh as a PNG: three-quarter view, studio light, soft shadow, transparent ground. No GL needed."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gen3d_meshing.clean import nearest
from gen3d_meshing.colour import linear_to_srgb
from gen3d_meshing.lean_open3d import tensor
from gen3d_meshing.model import Model
from gen3d_meshing.normals import directions
from gen3d_meshing.shape import Mesh, raycasting
from gen3d_meshing.splat import Floats

SIZE = 768
_AZIMUTH, _ELEVATION = np.radians(32), np.radians(20)  # right of and above the front, which is -y
_DISTANCE = 4.2  # in bounding-box diagonals: a long lens
_FRAME = 0.05  # margin on each side
_KEY = np.array([-0.45, -0.65, 0.62], np.float32) / np.float32(1.0071)  # towards the key light
_KEY_LIGHT, _SKY_LIGHT, _BOUNCE_LIGHT = 0.62, 0.58, 0.30
_SHEEN = 0.05
_SKY_SAMPLES = 48
_SKY_VERTICES = 6000  # the sky's light varies slowly: the others take it from their neighbours
_STEP = 0.02  # in diagonals: a jump in depth that makes an edge
_EDGE_SAMPLES = 3  # a side, for pixels on an edge
_GROUND_CELLS = 64
_GROUND_SHADOW = 0.55
_SHADOW_FADE = 0.7  # of the way from where the object stands to the picture's edge
_LIFT = 2e-3  # in diagonals: rays start this far off their surface


def draw(model: Model, size: int = SIZE) -> bytes:
    """PNG bytes, size x size, RGBA."""
    scene = _Scene(model.mesh, model.colours)
    pixels = (
        np.indices((size, size), np.float32).reshape(2, -1).T[:, ::-1] + 0.5
    )  # x, y of each pixel's middle
    rgba, depth = scene.look(pixels / np.float32(size))

    edge = _edges(depth.reshape(size, size), _STEP * scene.extent)
    step = (np.arange(_EDGE_SAMPLES, dtype=np.float32) + 0.5) / _EDGE_SAMPLES - 0.5
    offsets = np.stack(np.meshgrid(step, step), axis=-1).reshape(1, -1, 2)
    finer = ((pixels[edge][:, None] + offsets) / size).reshape(-1, 2)
    rgba[edge] = scene.look(finer)[0].reshape(-1, offsets.shape[1], 4).mean(1)

    alpha = rgba[:, 3:]
    straight = np.divide(rgba[:, :3], alpha, out=np.zeros_like(rgba[:, :3]), where=alpha > 1e-4)
    image = np.concatenate([linear_to_srgb(np.clip(straight, 0, 1)), alpha], axis=1)
    file = io.BytesIO()
    Image.fromarray(np.rint(image * 255).astype(np.uint8).reshape(size, size, 4)).save(file, "PNG")
    return file.getvalue()


def _edges(depth: Floats, jump: float) -> NDArray[np.bool_]:
    """Pixels, row by row, beside which the depth jumps."""
    depth = np.where(np.isfinite(depth), depth, 1e6)
    edge = np.zeros(depth.shape, bool)
    rows, columns = (np.abs(np.diff(depth, axis=axis)) > jump for axis in (0, 1))
    edge[:-1] |= rows
    edge[1:] |= rows
    edge[:, :-1] |= columns
    edge[:, 1:] |= columns
    return edge.reshape(-1)


def _smooth(value: Floats) -> Floats:
    """0 up to 0 and 1 from 1 on, with no kink at either."""
    inside = np.clip(value, 0, 1)
    return np.asarray(inside * inside * (3 - 2 * inside))


class _Scene:
    """The lit mesh on its ground, and the camera."""

    def __init__(self, mesh: Mesh, colours: Floats) -> None:
        low, high = mesh.vertices.min(0), mesh.vertices.max(0)
        self.extent = float(np.linalg.norm(high - low))
        self._rays = raycasting(mesh)
        self._triangles = mesh.triangles
        self._vertices = np.concatenate([mesh.normals, colours, self._open_sky(mesh)], axis=1).astype(
            np.float32
        )
        self._aim_camera(mesh.vertices, (low + high) / 2)
        self._floor = low[2]
        self._shade_ground(low, high)

    def look(self, at: Floats) -> tuple[Floats, Floats]:
        """What is seen at image positions (n, 2) in 0..1, x right and y down: premultiplied linear RGBA
        (n, 4) and the distance (n,) to the mesh, infinite beside it."""
        plane = self._corner + at * self._side
        rays = self._forward + plane[:, :1] * self._right - plane[:, 1:] * self._up
        rays /= np.linalg.norm(rays, axis=1, keepdims=True)
        eye = np.broadcast_to(self._eye, rays.shape)
        answer = self._rays.cast_rays(tensor(np.concatenate([eye, rays], axis=1)))
        depth = answer["t_hit"].numpy()
        hit = np.isfinite(depth)

        second, third = answer["primitive_uvs"].numpy()[hit].T
        corners = np.stack([1 - second - third, second, third], axis=1)
        faces = self._triangles[answer["primitive_ids"].numpy()[hit]]
        surface = np.einsum("nk,nkc->nc", corners, self._vertices[faces])
        normal, albedo, sky = surface[:, :3], surface[:, 3:6], surface[:, 6:]
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)

        rgba = np.zeros((len(at), 4), np.float32)
        rgba[hit, :3] = self._light(self._eye + rays[hit] * depth[hit, None], normal, rays[hit], albedo, sky)
        rgba[hit, 3] = 1
        rgba[~hit, 3] = self._ground(rays[~hit]) * self._near_base(at[~hit])
        return rgba, depth

    def _light(self, place: Floats, normal: Floats, ray: Floats, albedo: Floats, sky: Floats) -> Floats:
        start = place + _LIFT * self.extent * normal
        shadow_rays = np.concatenate([start, np.broadcast_to(_KEY, start.shape)], axis=1)
        lit = ~self._rays.test_occlusions(tensor(shadow_rays)).numpy()
        direct = np.clip(normal @ _KEY, 0, 1) * lit
        half = _KEY - ray
        sheen = np.clip((normal * half).sum(1) / np.linalg.norm(half, axis=1), 0, 1) ** 40 * lit
        above = 0.5 + 0.5 * normal[:, 2:]
        ambient = sky * (_SKY_LIGHT * above + _BOUNCE_LIGHT * (1 - above))
        return np.asarray(albedo * (_KEY_LIGHT * direct[:, None] + ambient) + _SHEEN * sheen[:, None])

    def _open_sky(self, mesh: Mesh) -> Floats:
        """(v, 1) in 0..1: how much of the sky over each vertex the mesh leaves open."""
        chosen = slice(None, None, len(mesh.vertices) // _SKY_VERTICES + 1)
        covered = self._covered(mesh.vertices[chosen], mesh.normals[chosen])
        alike = np.concatenate(
            [mesh.vertices, 0.2 * self.extent * mesh.normals], axis=1
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

    def _ground(self, rays: Floats) -> Floats:
        """(n,) darkness of the shadow where these rays meet the floor; 0 beside it."""
        down = np.minimum(rays[:, 2], -1e-6)
        place = self._eye[:2] + rays[:, :2] * ((self._floor - self._eye[2]) / down)[:, None]
        cell = (place - self._ground_low) / self._ground_size * (_GROUND_CELLS - 1)
        inside = (rays[:, 2] < -1e-6) & (cell >= 0).all(1) & (cell < _GROUND_CELLS - 1).all(1)
        corner = cell[inside].astype(np.int64)
        (x, y), (i, j), grid = (cell[inside] - corner).T, corner.T, self._ground_shadow
        near = (1 - y) * grid[i, j] + y * grid[i, j + 1]
        far = (1 - y) * grid[i + 1, j] + y * grid[i + 1, j + 1]
        shadow = np.zeros(len(rays), np.float32)
        shadow[inside] = (1 - x) * near + x * far
        return shadow

    def _near_base(self, at: Floats) -> Floats:
        """(n,) from 1 where the object stands to 0 on an ellipse inside the picture, so that the shadow ends
        before it is cut off."""
        away = at - self._base
        reach = np.where(away > 0, 1 - self._base, self._base)
        return _smooth((1 - np.linalg.norm(away / reach, axis=1)) / _SHADOW_FADE)

    def _aim_camera(self, vertices: Floats, centre: Floats) -> None:
        sine, cosine = np.sin(_AZIMUTH), np.cos(_AZIMUTH)
        flat, rise = np.cos(_ELEVATION), np.sin(_ELEVATION)
        self._forward = np.array([-sine * flat, cosine * flat, -rise], np.float32)
        self._right = np.array([cosine, sine, 0], np.float32)
        self._up = np.cross(self._right, self._forward)
        self._eye = centre - np.float32(_DISTANCE * self.extent) * self._forward
        away = vertices - self._eye
        plane = np.stack([away @ self._right, -(away @ self._up)], axis=1) / (away @ self._forward)[:, None]
        self._side = np.float32(np.ptp(plane, axis=0).max() / (1 - 2 * _FRAME))
        self._corner = (plane.min(0) + plane.max(0) - self._side) / 2
        below = np.append(centre[:2], vertices[:, 2].min()) - self._eye
        base = np.array([below @ self._right, -(below @ self._up)]) / (below @ self._forward)
        self._base = np.clip((base - self._corner) / self._side, _FRAME, 1 - _FRAME)
