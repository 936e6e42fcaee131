"""Clean product photos with true masks, rendered by us: `python -m benchmarks.product_photos [--out DIR]`.

Objects stand on a studio sweep, a table that bends up into the background without an edge. Light comes from
one soft box of the demo's scene and from the room, so that shadows are soft. Seeded: always the same pixels.
Units are about the object's height, z is up. Places, directions and normals are (n, 3); colours and light are
linear RGB.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import open3d as o3d
import trimesh
from gen3d_inference.engines import MaskArray, Photo
from gen3d_local.demo_scene.bottle import Floats
from gen3d_local.demo_scene.light import SoftBox, unit
from PIL import Image
from scipy.ndimage import gaussian_filter

from benchmarks.products import PRODUCTS, Product, linear

LONG_SIDE = 1024

_TO_LIGHT, _TO_ROOM = 25, 25
"""Rays from each place towards the soft box, and into the half space above it."""
_COARSE = 2
"""The table's light is measured at one px in so many each way, for it changes slowly."""
_FINER = 4
"""Rays a px each way along the object's outline."""
_DISTANCE = 7.0
_VIEW = 1.7
"""Length along the photo's long side, at the object."""
_OFF_SURFACE = 1e-3
_ROOM_LIGHT = 0.45
_SENSOR_NOISE = 1.2
"""Standard deviation, of 255."""
_JPEG_QUALITY = 92


def render(product: Product, long_side: int = LONG_SIDE) -> tuple[Photo, MaskArray]:
    """The photo, uint8 [h, w, 3], and where a px's middle shows the object, bool [h, w]."""
    studio = _Studio(product, long_side)
    light, mask = studio.light()
    rng = np.random.default_rng(product.seed)
    coded = 255 * _coded(light) + rng.normal(0, _SENSOR_NOISE, light.shape)
    file = io.BytesIO()
    developed = np.rint(coded.clip(0, 255)).astype(np.uint8)
    Image.fromarray(developed).save(file, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
    return np.asarray(Image.open(file).convert("RGB")), mask


class _Studio:
    def __init__(self, product: Product, long_side: int) -> None:
        self._product = product
        short_side = long_side * 3 // 4
        self._height, self._width = (short_side, long_side) if product.landscape else (long_side, short_side)
        self._scale = _VIEW / long_side
        self._rng = np.random.default_rng(product.seed)
        mesh = product.shape().copy()
        pose = _pose(product)
        self._unposed = np.linalg.inv(pose)
        mesh.apply_transform(pose)
        low, high = mesh.bounds
        self._aim = np.array([0, 0, (low[2] + high[2]) / 2])
        smooth = trimesh.graph.smooth_shade(mesh, angle=np.radians(35))
        self._triangles, self._normals = np.asarray(smooth.faces), np.asarray(smooth.vertex_normals)
        self._rays = o3d.t.geometry.RaycastingScene(nthreads=1)
        self._rays.add_triangles(
            o3d.core.Tensor.from_numpy(np.asarray(smooth.vertices, np.float32)),
            o3d.core.Tensor.from_numpy(self._triangles.astype(np.uint32)),
        )
        self._box = _soft_box(self._rng)
        tilt = np.radians(product.elevation)
        self._forward = np.array([0, np.cos(tilt), -np.sin(tilt)])
        self._up = np.array([0, np.sin(tilt), np.cos(tilt)])

    def light(self) -> tuple[Floats, MaskArray]:
        """Linear light [h, w, 3], and the object's mask [h, w]."""
        rows, columns = np.mgrid[: self._height, : self._width].astype(np.float64)
        start, toward = self._through(columns.ravel() + 0.5, rows.ravel() + 0.5)
        hit = self._meet(start, toward)
        mask = hit.reshape(self._height, self._width)
        picture = self._sweep()
        outline = (gaussian_filter(mask.astype(np.float32), 1.0) % 1) > 1e-3
        inside = mask & ~outline
        picture[inside] = self._object(columns[inside] + 0.5, rows[inside] + 0.5)[0]
        x, y = columns[outline], rows[outline]
        total = np.zeros((len(x), 3))
        below = picture[outline]
        for number in range(_FINER**2):
            j, i = divmod(number, _FINER)
            colour, met = self._object(x + (i + 0.5) / _FINER, y + (j + 0.5) / _FINER)
            total += np.where(met[:, None], colour, below)
        picture[outline] = total / _FINER**2
        return picture, mask

    def _through(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Rays through places of the photo, in px."""
        across = (x - self._width / 2) * self._scale
        upward = (self._height / 2 - y) * self._scale
        target = self._aim + across[:, None] * np.array([1.0, 0, 0]) + upward[:, None] * self._up
        start = np.broadcast_to(self._aim - _DISTANCE * self._forward, target.shape)
        return start, unit(target - start)

    def _meet(self, start: Floats, toward: Floats) -> MaskArray:
        return np.asarray(~self._open(start, toward, np.inf))

    def _open(self, start: Floats, toward: Floats, reach: float) -> MaskArray:
        rays = o3d.core.Tensor.from_numpy(np.concatenate([start, toward], axis=1).astype(np.float32))
        return np.asarray(~self._rays.test_occlusions(rays, tnear=0, tfar=reach).numpy())

    def _object(self, x: Floats, y: Floats) -> tuple[Floats, MaskArray]:
        """Light from the object in places of the photo, and whether it is there."""
        start, toward = self._through(x, y)
        rays = o3d.core.Tensor.from_numpy(np.concatenate([start, toward], axis=1).astype(np.float32))
        answer = self._rays.cast_rays(rays)
        distance = answer["t_hit"].numpy().astype(np.float64)
        met = np.isfinite(distance)
        second, third = answer["primitive_uvs"].numpy()[met].astype(np.float64).T
        corners = np.stack([1 - second - third, second, third], axis=1)
        faces = self._triangles[answer["primitive_ids"].numpy()[met]]
        normal = unit(np.einsum("nk,nkc->nc", corners, self._normals[faces]))
        normal *= np.where((normal * toward[met]).sum(axis=1, keepdims=True) > 0, -1, 1)
        place = start[met] + distance[met, None] * toward[met]
        painted = place @ self._unposed[:3, :3].T + self._unposed[:3, 3]
        colour = self._product.paint(painted) * self._lit(place, normal)[:, None]
        light = np.zeros((len(x), 3))
        light[met] = colour + self._mirrored(normal, toward[met])[:, None]
        return light, met

    def _sweep(self) -> Floats:
        """The table and what is behind it, [h, w, 3], as if the object only threw its shadow."""
        ys = np.arange(_COARSE / 2, self._height, _COARSE)
        xs = np.arange(_COARSE / 2, self._width, _COARSE)
        grid_x, grid_y = np.meshgrid(xs, ys)
        start, toward = self._through(grid_x.ravel(), grid_y.ravel())
        steps = np.where(toward[:, 2] < -1e-6, -start[:, 2] / np.minimum(toward[:, 2], -1e-6), 1e9)
        place = start + np.minimum(steps, 40)[:, None] * toward
        place[:, 2] = 0
        far = np.clip((place[:, 1] - 1.2) / 3, 0, 1)
        near = far < 1
        lit = np.full(len(place), 1.0)
        normal = np.broadcast_to(np.array([0.0, 0, 1]), place[near].shape)
        lit[near] = self._lit(place[near], normal)
        even = 0.5 * float(self._lit(np.array([[0, 3.0, 0]]), np.array([[0, 0, 1.0]]))[0]) + 0.45
        lit = lit * (1 - far) + even * far
        soft = gaussian_filter(lit.reshape(grid_x.shape), 0.7)
        full = np.asarray(
            Image.fromarray(soft.astype(np.float32)).resize(
                (self._width, self._height), Image.Resampling.BILINEAR
            )
        )
        return np.asarray(linear(np.array(self._product.backdrop)) * full[..., None].astype(np.float64))

    def _lit(self, place: Floats, normal: Floats) -> Floats:
        """Light per colour (n,): of the soft box, as far as nothing stands before it, and of the room."""
        start = place + _OFF_SURFACE * normal
        total = np.zeros(len(place))
        side = int(np.sqrt(_TO_LIGHT))
        shift = self._rng.random((len(place), 2))
        for number in range(_TO_LIGHT):
            spot = (np.array(divmod(number, side)) / side + shift / side) * 2 - 1
            end = self._box.middle + spot[:, :1] * self._box.one + spot[:, 1:] * self._box.other
            between = end - start
            squared = (between**2).sum(axis=1)
            ray = between / np.sqrt(squared)[:, None]
            faced = np.maximum((ray * normal).sum(axis=1), 0) * np.maximum(-(ray @ self._box.facing), 0)
            lit = np.flatnonzero(faced > 0)
            lit = lit[self._open(start[lit], between[lit], 0.999)]
            total[lit] += (faced * self._box.area / (np.pi * squared))[lit] * self._box.light[0] / _TO_LIGHT
        room = np.zeros(len(place))
        turn, height = self._rng.random((2, len(place)))
        for number in range(_TO_ROOM):
            z = np.sqrt(1 - ((number + height) / _TO_ROOM))
            angle = 2 * np.pi * (turn + number * 0.618)
            flat = np.sqrt(1 - z * z)
            sphere = np.stack([flat * np.cos(angle), flat * np.sin(angle), z * 2 - 1], axis=1)
            ray = unit(normal + 0.999 * unit(sphere))
            room += self._open(start, ray, 3.0) * np.where(ray[:, 2] > -0.05, 1.0, 0.6)
        return np.asarray(total + _ROOM_LIGHT * room / _TO_ROOM)

    def _mirrored(self, normal: Floats, toward: Floats) -> Floats:
        """A soft reflection of the soft box (n,), after Schlick's Fresnel."""
        cosine = np.clip(-(toward * normal).sum(axis=1), 0, 1)
        back = toward + 2 * cosine[:, None] * normal
        along = back @ unit(self._box.middle[None])[0]
        fresnel = 0.04 + 0.5 * (1 - cosine) ** 5
        shine = 1 / (1 + np.exp(-(along - 0.93) * 60))
        return np.asarray(self._product.gloss * fresnel * (2.5 * shine + 0.25 * np.clip(back[:, 2], 0, 1)))


def _pose(product: Product) -> Floats:
    """[4, 4]: turns about z, then moves."""
    turn = np.radians(product.turn)
    pose = np.eye(4)
    pose[:2, :2] = (np.cos(turn), -np.sin(turn)), (np.sin(turn), np.cos(turn))
    pose[:2, 3] = product.shift
    return pose


def _soft_box(rng: np.random.Generator) -> SoftBox:
    """To the left or right of the camera, above, facing the object."""
    angle, height = rng.uniform((0.35, 1.9), (0.9, 2.6))
    side = rng.choice((-1.0, 1.0))
    middle = np.array([side * 3 * np.sin(angle), -3 * np.cos(angle), height])
    facing = unit((np.array([0, 0, 0.4]) - middle)[None])[0]
    across = unit(np.cross(facing, [0.0, 0, 1])[None])[0]
    return SoftBox(middle, np.cross(across, facing) * 0.9, across * 0.9, np.full(3, 8.0))


def _coded(light: Floats) -> Floats:
    """From linear light to sRGB, 0..1; highlights held by a soft shoulder."""
    bent = np.where(light > 0.8, 0.8 + 0.2 * (1 - np.exp(-(light - 0.8) / 0.2)), light)
    return np.where(bent <= 0.0031308, 12.92 * bent, 1.055 * np.maximum(bent, 1e-9) ** (1 / 2.4) - 0.055)


def photos(long_side: int = LONG_SIDE) -> Iterator[tuple[str, Photo, MaskArray]]:
    """Name, photo and true mask of all products."""
    for product in PRODUCTS:
        yield product.name, *render(product, long_side)


def main() -> None:
    parser = argparse.ArgumentParser(description="Render the product photos and their masks.")
    parser.add_argument("--out", type=Path, default=Path("out/bench/product_photos"))
    folder = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    for name, photo, mask in photos():
        Image.fromarray(photo).save(folder / f"{name}.png")
        Image.fromarray(mask).save(folder / f"{name} mask.png")


if __name__ == "__main__":
    main()
