"""The products that stand before the studio's camera: their shapes, their paint, and how they are placed.

Units are about the object's height, z is up. Places are (n, 3); colours that a paint gives are linear RGB.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import trimesh
from gen3d_local.demo_scene.bottle import Floats, profile, turned
from gen3d_local.demo_scene.paint import noise

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


def linear(coded: Floats) -> Floats:
    """Linear light of sRGB, both 0..1."""
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)


def plain(red: float, green: float, blue: float) -> Paint:
    """One sRGB colour, 0..1."""
    colour = linear(np.array([red, green, blue]))
    return lambda place: np.broadcast_to(colour, place.shape)


def banded(*colours: tuple[float, float, float], width: float = 0.12) -> Paint:
    """Rings of colours, from the foot upwards."""
    rings = linear(np.array(colours))
    return lambda place: rings[np.floor(place[:, 2] / width).astype(int) % len(rings)]


def mottled(one: tuple[float, float, float], other: tuple[float, float, float], scale: float = 5) -> Paint:
    """Two colours that change over in clouds."""
    first, second = linear(np.array(one)), linear(np.array(other))

    def paint(place: Floats) -> Floats:
        share = 0.5 + 0.5 * noise(scale * (place[:, 0] + 0.5 * place[:, 1]), scale * place[:, 2])[:, None]
        return first * share + second * (1 - share)

    return paint


def labelled(colour: tuple[float, float, float], label: tuple[float, float, float]) -> Paint:
    """A label around the middle third."""
    base, paper = linear(np.array(colour)), linear(np.array(label))
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
