"""Clean product photos with true masks, rendered by us: `python -m benchmarks.product_photos [--out DIR]`.

Objects stand on a studio sweep, a table that bends up into the background without an edge. Light comes from
one soft box of the demo's scene and from the room, so that shadows are soft. Seeded: always the same pixels.
Units are about the object's height, z is up. Places, directions and normals are (n, 3); colours and light are
linear RGB.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import open3d as o3d
import trimesh
from gen3d_inference.engines import MaskArray, Photo
from gen3d_local.demo_scene.bottle import Floats, profile, turned
from gen3d_local.demo_scene.light import SoftBox, unit
from gen3d_local.demo_scene.paint import noise
from PIL import Image
from scipy.ndimage import gaussian_filter

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

_UPRIGHT = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
"""Turns what lies around the z axis up."""

Paint = Callable[[Floats], Floats]
"""Colours (n, 3) of places on the object."""


@dataclass(frozen=True)
class Product:
    """One photo. backdrop: sRGB grey or colour, 0..1. turn: degrees about z. aim: the height the camera looks
    at. gloss: 0..1. shift: where the object stands, x and y."""

    name: str
    shape: Callable[[], trimesh.Trimesh]
    paint: Paint
    backdrop: tuple[float, float, float]
    turn: float = 0.0
    elevation: float = 14.0
    landscape: bool = False
    gloss: float = 0.5
    shift: tuple[float, float] = (0.0, 0.0)
    seed: int = 1

    def posed(self, seed: int) -> Product:
        """The same product, turned, moved and lit a little differently."""
        rng = np.random.default_rng(seed)
        turn, elevation, x, y = rng.uniform((-180, -5, -0.12, -0.1), (180, 12, 0.12, 0.1))
        return replace(self, turn=turn, elevation=self.elevation + elevation, shift=(x, y), seed=seed)


# --- shapes: the longest side about 1, standing at z = 0 ------------------------------------------


Shape = Callable[[], trimesh.Trimesh]


def lathe(*outline: tuple[float, float]) -> Shape:
    """A solid of revolution from (radius, height), from the foot's middle to the top's middle."""

    def shape() -> trimesh.Trimesh:
        return trimesh.Trimesh(*turned(np.array(outline, dtype=np.float64), 128), process=False)

    return shape


def _together(*parts: trimesh.Trimesh) -> trimesh.Trimesh:
    whole = trimesh.util.concatenate(list(parts))
    assert isinstance(whole, trimesh.Trimesh)
    return whole


def bottle() -> trimesh.Trimesh:
    return trimesh.Trimesh(*turned(profile(300), 180), process=False)


def ball() -> trimesh.Trimesh:
    mesh: trimesh.Trimesh = trimesh.creation.icosphere(subdivisions=5, radius=0.4).apply_translation(
        (0, 0, 0.4)
    )
    return mesh


def carton() -> trimesh.Trimesh:
    mesh: trimesh.Trimesh = trimesh.creation.box((0.62, 0.34, 0.86)).apply_translation((0, 0, 0.43))
    return mesh


def mug() -> trimesh.Trimesh:
    body = lathe(
        (0, 0), (0.26, 0), (0.3, 0.03), (0.3, 0.66), (0.28, 0.67), (0.26, 0.64), (0.25, 0.08), (0, 0.06)
    )()
    handle = trimesh.creation.torus(0.19, 0.045, major_sections=64, minor_sections=24)
    handle.apply_transform(_UPRIGHT).apply_translation((0.32, 0, 0.35))
    handle.update_faces(handle.triangles_center[:, 0] > 0.27)
    return _together(body, handle)


def ring() -> trimesh.Trimesh:
    torus = trimesh.creation.torus(0.3, 0.13, major_sections=128, minor_sections=48)
    mesh: trimesh.Trimesh = torus.apply_transform(_UPRIGHT).apply_translation((0, 0, 0.43))
    return mesh


def stool() -> trimesh.Trimesh:
    legs = [
        trimesh.creation.cylinder(0.045, 0.55, sections=32).apply_translation((x, y, 0.275))
        for x in (-0.27, 0.27)
        for y in (-0.27, 0.27)
    ]
    seat = lathe((0, 0.53), (0.42, 0.53), (0.44, 0.57), (0.42, 0.63), (0, 0.63))()
    return _together(seat, *legs)


def lamp() -> trimesh.Trimesh:
    return lathe(
        (0, 0),
        (0.22, 0),
        (0.22, 0.03),
        (0.05, 0.06),
        (0.035, 0.5),
        (0.33, 0.5),
        (0.2, 0.98),
        (0.05, 1.0),
        (0, 1.0),
    )()


vase = lathe((0, 0), (0.15, 0), (0.28, 0.22), (0.3, 0.36), (0.22, 0.58), (0.1, 0.76), (0.13, 0.92), (0, 0.92))
bowl = lathe((0, 0), (0.18, 0), (0.18, 0.03), (0.42, 0.3), (0.46, 0.4), (0.43, 0.4), (0.37, 0.28), (0, 0.1))
cone = lathe((0, 0), (0.3, 0.0), (0.31, 0.02), (0.03, 0.8), (0, 0.81))


# --- paint ----------------------------------------------------------------------------------------


def _linear(coded: Floats) -> Floats:
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)


def plain(red: float, green: float, blue: float) -> Paint:
    """One sRGB colour, 0..1."""
    colour = _linear(np.array([red, green, blue]))
    return lambda place: np.broadcast_to(colour, place.shape)


def banded(*colours: tuple[float, float, float], width: float = 0.12) -> Paint:
    """Rings of colours, from the foot upwards."""
    linear = _linear(np.array(colours))
    return lambda place: linear[np.floor(place[:, 2] / width).astype(int) % len(linear)]


def mottled(one: tuple[float, float, float], other: tuple[float, float, float], scale: float = 5) -> Paint:
    """Two colours that change over in clouds."""
    first, second = _linear(np.array(one)), _linear(np.array(other))

    def paint(place: Floats) -> Floats:
        share = 0.5 + 0.5 * noise(scale * (place[:, 0] + 0.5 * place[:, 1]), scale * place[:, 2])[:, None]
        return first * share + second * (1 - share)

    return paint


def labelled(colour: tuple[float, float, float], label: tuple[float, float, float]) -> Paint:
    """A label around the middle third."""
    base, paper = _linear(np.array(colour)), _linear(np.array(label))
    return lambda place: np.where((np.abs(place[:, 2:] - 0.4) < 0.14), paper, base)


WHITE, LIGHT_GREY, GREY, DARK, BLUE = (
    (0.97, 0.97, 0.97),
    (0.85, 0.85, 0.84),
    (0.6, 0.6, 0.6),
    (0.16, 0.16, 0.17),
    (0.55, 0.68, 0.8),
)

PRODUCTS = (
    Product("red vase on white", vase, plain(0.72, 0.16, 0.12), WHITE),
    Product("white mug on white", mug, plain(0.93, 0.93, 0.92), WHITE, turn=20),
    Product("white bowl on light grey", bowl, plain(0.95, 0.94, 0.92), LIGHT_GREY, landscape=True),
    Product("black lamp on white", lamp, plain(0.07, 0.07, 0.08), WHITE, gloss=0.8),
    Product("striped ball on grey", ball, banded((0.85, 0.75, 0.2), (0.2, 0.35, 0.7)), GREY, landscape=True),
    Product(
        "carton with a label on light grey",
        carton,
        labelled((0.7, 0.5, 0.32), (0.95, 0.95, 0.9)),
        LIGHT_GREY,
        30,
    ),
    Product("light ring on dark", ring, plain(0.8, 0.76, 0.7), DARK, turn=25, landscape=True),
    Product("grey cone on light grey", cone, plain(0.72, 0.72, 0.73), LIGHT_GREY),
    Product("marbled bottle on blue", bottle, mottled((0.9, 0.88, 0.8), (0.35, 0.28, 0.25)), BLUE),
    Product(
        "wooden stool on white", stool, mottled((0.62, 0.42, 0.26), (0.5, 0.32, 0.18), 9), WHITE, 15, 18, True
    ),
)


# --- rendering ------------------------------------------------------------------------------------


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
        return np.asarray(_linear(np.array(self._product.backdrop)) * full[..., None].astype(np.float64))

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
