"""Light on the demo's scene: a small path tracer in numpy, on Open3D's ray casting.

Units are the bottle's height, z is up. Light comes from soft boxes; every path has one diffuse bounce, and on
glossy places one mirrored ray. Places, directions and colours are (n, 3); colours and light are linear RGB.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import open3d as o3d
from numpy.typing import NDArray

from gen3d_local.demo_scene import paint
from gen3d_local.demo_scene.bottle import Floats, profile, turned

BOTTLE, TABLE, WALL = 0, 1, 2
_TABLE_END, _WALL_AT = 1.15, 2.3
_NOTHING = 1e-3  # rays start this far off their surface
_ROUGH_GLAZE, _ROUGH_OIL = 0.055, 0.22
_ROOM = np.array([0.14, 0.142, 0.145])  # light from everywhere else


@dataclass(frozen=True)
class SoftBox:
    """A rectangle that shines to the side of `one` x `other`, which are half its edges."""

    middle: Floats
    one: Floats
    other: Floats
    light: Floats

    @property
    def facing(self) -> Floats:
        normal = np.cross(self.one, self.other)
        return np.asarray(normal / np.linalg.norm(normal))

    @property
    def area(self) -> float:
        return 4 * float(np.linalg.norm(np.cross(self.one, self.other)))


def _soft_box(at: tuple[float, ...], wide: float, high: float, light: tuple[float, ...]) -> SoftBox:
    """Facing the bottle's middle."""
    middle = np.array(at)
    toward = np.array([0.0, 0.0, 0.45]) - middle
    toward /= np.linalg.norm(toward)
    across = np.cross(toward, [0.0, 0.0, 1.0])
    across /= np.linalg.norm(across)
    return SoftBox(middle, np.cross(across, toward) * high / 2, across * wide / 2, np.array(light))


BOXES = (
    _soft_box((-2.3, -1.9, 2.3), 1.3, 1.8, (18.0, 17.0, 15.4)),
    _soft_box((2.7, -1.6, 1.3), 1.4, 2.2, (1.9, 2.0, 2.2)),
    _soft_box((1.5, 1.4, 1.9), 0.5, 1.6, (6.0, 5.8, 5.4)),
)


@dataclass(frozen=True)
class Hits:
    """What rays meet. thing: (n,) BOTTLE, TABLE, WALL, or -1 for nothing."""

    thing: NDArray[np.int64]
    place: Floats
    normal: Floats

    def take(self, index: NDArray[np.bool_]) -> Hits:
        return Hits(self.thing[index], self.place[index], self.normal[index])

    def painted(self) -> tuple[Floats, Floats]:
        """Colour (n, 3) and gloss (n,)."""
        colour, gloss = np.zeros_like(self.place), np.zeros(len(self.place))
        for thing, painter in ((BOTTLE, paint.bottle), (TABLE, paint.table), (WALL, paint.wall)):
            here = self.thing == thing
            colour[here], gloss[here] = painter(self.place[here])
        return colour, gloss


class Scene:
    """The bottle on its table before the wall."""

    def __init__(self) -> None:
        vertices, self._triangles = turned(profile(500), 360)
        self._normals = _vertex_normals(vertices, self._triangles)
        self._rays = o3d.t.geometry.RaycastingScene()
        self._add(vertices, self._triangles)
        self._add(*_quad((-6, -8, 0), (12, 0, 0), (0, 8 + _TABLE_END, 0)))
        self._add(*_quad((-6, _WALL_AT, -3), (12, 0, 0), (0, 0, 8)))

    def meet(self, start: Floats, toward: Floats) -> Hits:
        answer = self._rays.cast_rays(_rays(start, toward))
        distance = answer["t_hit"].numpy().astype(np.float64)
        thing = np.where(np.isfinite(distance), answer["geometry_ids"].numpy().astype(np.int64), -1)
        place = start + toward * np.where(thing >= 0, distance, 0)[:, None]
        normal = np.zeros_like(place)
        normal[thing == TABLE] = (0, 0, 1)
        normal[thing == WALL] = (0, -1, 0)
        on = thing == BOTTLE
        second, third = answer["primitive_uvs"].numpy()[on].astype(np.float64).T
        corners = np.stack([1 - second - third, second, third], axis=1)
        faces = self._triangles[answer["primitive_ids"].numpy()[on]]
        normal[on] = unit(np.einsum("nk,nkc->nc", corners, self._normals[faces]))
        return Hits(thing, place, normal)

    def open(self, start: Floats, end: Floats) -> NDArray[np.bool_]:
        """(n,) whether nothing stands between two places."""
        blocked = self._rays.test_occlusions(_rays(start, end - start), tnear=0, tfar=0.999)
        return np.asarray(~blocked.numpy())

    def _add(self, vertices: Floats, triangles: NDArray[np.int64]) -> None:
        self._rays.add_triangles(
            o3d.core.Tensor.from_numpy(vertices.astype(np.float32)),
            o3d.core.Tensor.from_numpy(triangles.astype(np.uint32)),
        )


class PathTracer:
    """Samples of the light that comes back along camera rays."""

    def __init__(self, scene: Scene, rng: np.random.Generator) -> None:
        self._scene, self._rng = scene, rng

    def trace(self, start: Floats, toward: Floats, on_boxes: Sequence[Floats]) -> Floats:
        """Light (n, 3). on_boxes: for each soft box the place (n, 2) in 0..1 whose light is taken for all."""
        hits = self._scene.meet(start, toward)
        light = np.zeros_like(start)
        on = hits.thing >= 0
        hits, toward = hits.take(on), toward[on]
        colour, gloss = hits.painted()
        direct = self._direct(hits, [places[on] for places in on_boxes])
        light[on] = colour * (direct + self._bounced(hits)) + self._mirrored(hits, toward, gloss)
        return light

    def _direct(self, hits: Hits, on_boxes: Sequence[Floats] | None = None) -> Floats:
        """Irradiance / pi from one place on each soft box."""
        total = np.zeros_like(hits.place)
        start = hits.place + _NOTHING * hits.normal
        if on_boxes is None:
            on_boxes = list(self._rng.random((len(BOXES), len(start), 2)))
        for box, places in zip(BOXES, on_boxes, strict=True):
            s, t = 2 * places.T[:, :, None] - 1
            end = box.middle + s * box.one + t * box.other
            between = end - start
            squared = (between**2).sum(1)
            ray = between / np.sqrt(squared)[:, None]
            here, there = (ray * hits.normal).sum(1), -(ray @ box.facing)
            lit = np.flatnonzero((here > 0) & (there > 0))
            lit = lit[self._scene.open(start[lit], end[lit])]
            strength = here[lit] * there[lit] * box.area / (np.pi * squared[lit])
            total[lit] += strength[:, None] * box.light
        return total

    def _bounced(self, hits: Hits) -> Floats:
        """Irradiance / pi by way of one other place, or from the room."""
        start = hits.place + _NOTHING * hits.normal
        toward = unit(hits.normal + 0.999 * unit(self._rng.normal(size=start.shape)))  # cosine-weighted
        return self._seen(start, toward, np.broadcast_to(_ROOM, start.shape))

    def _mirrored(self, hits: Hits, toward: Floats, gloss: Floats) -> Floats:
        """The varnish's reflection: Schlick's Fresnel, a little rough."""
        light = np.zeros_like(toward)
        shiny = gloss > 0.02
        hits, toward, gloss = hits.take(shiny), toward[shiny], gloss[shiny]
        rough = np.where(hits.thing == BOTTLE, _ROUGH_GLAZE, _ROUGH_OIL)[:, None]
        normal = unit(hits.normal + rough * self._rng.normal(size=toward.shape))
        cosine = np.clip(-(toward * normal).sum(1), 0, 1)
        back = toward + 2 * cosine[:, None] * normal
        start = hits.place + _NOTHING * hits.normal
        boxes = _boxes_along(start, back)
        beyond = np.where(boxes > 0, boxes, _ROOM + 0.25 * np.clip(back[:, 2:], 0, 1) ** 2)
        fresnel = gloss * (0.04 + 0.96 * (1 - cosine) ** 5)
        light[shiny] = fresnel[:, None] * self._seen(start, back, beyond)
        return light

    def _seen(self, start: Floats, toward: Floats, beyond: Floats) -> Floats:
        """Light from what the rays meet, without further bounces; `beyond` where they meet nothing."""
        hits = self._scene.meet(start, toward)
        light = beyond.copy()
        on = hits.thing >= 0
        hits = hits.take(on)
        light[on] = hits.painted()[0] * (self._direct(hits) + _ROOM)
        return light


def _boxes_along(start: Floats, toward: Floats) -> Floats:
    """Light (n, 3) of the soft boxes that rays run into, softened at their rims."""
    light = np.zeros_like(start)
    for box in BOXES:
        ahead = toward @ box.facing
        distance = ((box.middle - start) @ box.facing) / np.where(np.abs(ahead) < 1e-9, 1e-9, ahead)
        offset = start + toward * distance[:, None] - box.middle
        s = np.abs(offset @ box.one) / (box.one @ box.one)
        t = np.abs(offset @ box.other) / (box.other @ box.other)
        rim = np.clip((1 - np.maximum(s, t)) / 0.12, 0, 1)
        light += (rim * ((distance > 0) & (ahead < 0)))[:, None] * box.light
    return light


def unit(vectors: Floats) -> Floats:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12))


def _rays(start: Floats, toward: Floats) -> o3d.core.Tensor:
    return o3d.core.Tensor.from_numpy(np.concatenate([start, toward], axis=1).astype(np.float32))


def _quad(
    corner: tuple[float, ...], one: tuple[float, ...], other: tuple[float, ...]
) -> tuple[Floats, NDArray[np.int64]]:
    a, b, c = np.array(corner, float), np.array(one, float), np.array(other, float)
    return np.stack([a, a + b, a + b + c, a + c]), np.array([[0, 1, 2], [0, 2, 3]])


def _vertex_normals(vertices: Floats, triangles: NDArray[np.int64]) -> Floats:
    a, b, c = vertices[triangles.T]
    total = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(total, triangles[:, corner], np.cross(b - a, c - a))
    return unit(total)
