"""Lay a closed mesh out flat: its charts side by side in a square picture.

A chart is projected along the direction that it faces. Where it still covers itself, as a winding ramp does,
the hidden triangles become charts of their own. Charts are packed by their exact shapes, largest first, each
into the first gap that holds it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from gen3d_meshing.charts import across_edges, components, cut
from gen3d_meshing.problems import MeshUnsound
from gen3d_meshing.raster import STEPS, Indices, Texels, barycentric, scan
from gen3d_meshing.shape import Mesh, Triangles
from gen3d_meshing.splat import Floats

GUTTER = 2  # texels around a chart, not shared with another chart's
_CELLS = 256  # a side: charts are placed in steps of one cell
_ROOM = _CELLS * 5 // 4  # cells upward while the scale is not yet found
_TURNS = 16  # of a chart to try, in a quarter turn
_TILE = 1 / 6  # of the side of a square as large as all charts: larger ones are cut to such tiles
_FILLED = 0.78  # of the picture, at first; less until all charts find room
_SMALLER = 0.995  # than the charts' height asks for
_TRIES = 40


@dataclass(frozen=True)
class Atlas:
    """Where each triangle lies in a picture of size x size texels, and what each texel shows.

    uv: (c, 2) in 0..1, u to the right and v up. vertex: (c,) the mesh vertex of each corner. triangles:
    (t, 3) corners; places: (c, 2) theirs in 1/256 texel, right and up. face: (n,) the triangle of each texel
    whose centre is on one; row, column: (n,) that texel, the first row at the top. No texel occurs twice.
    """

    size: int
    places: Indices
    vertex: NDArray[np.uint32]
    triangles: Triangles
    face: Texels
    row: Texels
    column: Texels

    @cached_property
    def uv(self) -> Floats:
        return (self.places / (STEPS * self.size)).astype(np.float32)

    @property
    def weights(self) -> Floats:
        """(n, 3) of the triangle's corners in each texel."""
        corners = self.places[self.triangles[self.face]]
        return barycentric(corners, self.column, self.size - 1 - self.row)

    def part(self, texels: Indices) -> Self:
        """The same with these texels only."""
        return replace(
            self,
            face=self.face[texels],
            row=self.row[texels],
            column=self.column[texels],
        )


def unwrap(mesh: Mesh, size: int) -> Atlas:
    """Unwrap a closed mesh. size: a multiple of 256. Raises MeshUnsound if it is too crumpled to fit."""
    chart, along = cut(mesh)
    neighbours = across_edges(mesh.triangles)
    corners = mesh.vertices[mesh.triangles]
    depth = np.einsum("tc,tc->t", corners.mean(1), along)
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    side = float(np.sqrt(np.einsum("tc,tc->", cross, along) / 2))

    layout = _lay(mesh, chart, along)
    chart = components(_tiles(layout, _TILE * side), neighbours)
    layout = _lay(mesh, chart, along)
    scale = size * np.sqrt(_FILLED) / side
    for _ in range(_TRIES):
        places = layout.steps(scale)
        face, x, y = _shown(places[layout.triangles], layout.chart)
        sheet = _Sheet(places, layout.owner, layout.chart[face], x, y)
        if (hidden := sheet.hidden(face, depth)).size:
            lower = np.isin(np.arange(len(chart)), hidden)
            layout = _lay(mesh, components(2 * layout.chart + lower, neighbours), along)
        else:
            origin, height = _pack(sheet.shapes(size // _CELLS))
            if height <= _CELLS:
                return _atlas(layout, places, origin * (size // _CELLS), size, (face, x, y))
            scale *= _SMALLER * np.sqrt(_CELLS / height)
        del face, x, y, sheet  # so that the next ones do not need room beside them
    raise MeshUnsound("the surface is too crumpled for a texture")


def _atlas(
    layout: _Layout, places: Indices, shift: Indices, size: int, shown: tuple[Texels, Texels, Texels]
) -> Atlas:
    """The atlas with each chart moved by its shift in texels."""
    face, x, y = shown
    right, up = shift[layout.chart].astype(np.int32).T
    return Atlas(
        size=size,
        places=places + STEPS * shift[layout.owner],
        vertex=layout.vertex.astype(np.uint32),
        triangles=layout.triangles.astype(np.uint32),
        face=face,
        row=size - 1 - (y + up[face]),
        column=x + right[face],
    )


@dataclass(frozen=True)
class _Layout:
    """Charts, each in its own plane.

    chart: (t,) of each triangle. A corner is a vertex in one chart: owner, vertex: (c,), ordered by chart.
    triangles: (t, 3) corners. plane: (c, 2) right and up in the chart's plane, in the mesh's units.
    """

    chart: Indices
    owner: Indices
    vertex: Indices
    triangles: Indices
    plane: Floats

    @cached_property
    def first(self) -> Indices:
        """The first corner of each chart."""
        return np.asarray(np.searchsorted(self.owner, np.arange(self.owner[-1] + 1)))

    def steps(self, scale: float) -> Indices:
        """(c, 2) the corners' places in 1/256 texel from the lower left of each chart's gutter.

        scale: texels per unit.
        """
        steps: Indices = np.rint(self.plane * (scale * STEPS)).astype(np.int64)
        lowest: Indices = np.minimum.reduceat(steps, self.first)
        return steps - lowest[self.owner] + STEPS * GUTTER


def _lay(mesh: Mesh, chart: Indices, along: Floats) -> _Layout:
    """Project each chart and turn it so that it fills its box best, lying."""
    code, triangles = np.unique(chart[:, None] * len(mesh.vertices) + mesh.triangles, return_inverse=True)
    owner, vertex = np.divmod(code, len(mesh.vertices))
    first = np.searchsorted(owner, np.arange(owner[-1] + 1))

    direction = np.zeros((len(first), 3), np.float32)
    direction[chart] = along
    right = np.cross(direction, np.eye(3, dtype=np.float32)[np.abs(direction).argmin(1)])
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    points = mesh.vertices[vertex]
    x, y = (np.einsum("cx,cx->c", points, axis[owner]) for axis in (right, np.cross(direction, right)))

    turns = np.linspace(0, np.pi / 2, _TURNS, endpoint=False)
    boxes = (_turned(x, y, turn) for turn in turns)
    extent = np.stack([np.maximum.reduceat(box, first) - np.minimum.reduceat(box, first) for box in boxes])
    best = extent.prod(2).argmin(0)
    width, height = extent[best, np.arange(len(first))].T
    turn = turns[best] + np.where(width < height, np.pi / 2, 0)
    return _Layout(chart, owner, vertex, triangles.reshape(-1, 3), _turned(x, y, turn[owner]))


def _turned(x: Floats, y: Floats, turn: NDArray[np.float64] | float) -> Floats:
    cosine, sine = np.cos(turn), np.sin(turn)
    return np.stack([cosine * x - sine * y, sine * x + cosine * y], axis=1)


def _tiles(layout: _Layout, side: float) -> Indices:
    """(t,) which tile of which chart a triangle is in: small pieces leave less room between them."""
    low = np.minimum.reduceat(layout.plane, layout.first)
    extent = np.maximum.reduceat(layout.plane, layout.first) - low
    tile = extent / np.maximum(np.ceil(extent / side), 1)
    middle = layout.plane[layout.triangles].mean(1) - low[layout.chart]
    column, row = (middle / np.maximum(tile, 1e-12)[layout.chart]).astype(np.int64).T
    return np.asarray((layout.chart << 32) + (row << 16) + column)


def _shown(corners: Indices, chart: Indices) -> tuple[Texels, Texels, Texels]:
    """(triangle, x, y) of the texels that triangles cover. A chart too thin to cover any gets one."""
    shown = scan(corners)
    _, first = np.unique(chart, return_index=True)
    covers = np.zeros(len(chart), bool)
    covers[shown[0]] = True
    thin = np.delete(first, np.unique(chart[covers]))
    middle = corners[thin].sum(1) // (3 * STEPS)
    one, other, third = (
        np.concatenate([found, added.astype(np.int32)])
        for found, added in zip(shown, (thin, *middle.T), strict=True)
    )
    return one, other, third


class _Sheet:
    """The texels of every chart, each chart in a picture of its own; the pictures one after another."""

    def __init__(self, places: Indices, owner: Indices, chart: Indices, x: Texels, y: Texels) -> None:
        first = np.searchsorted(owner, np.arange(owner[-1] + 1))
        self._extent = np.maximum.reduceat(places, first) // STEPS + 1 + GUTTER
        size = self._extent.prod(1)
        self._start = np.cumsum(size) - size
        self._texel = self._start[chart] + y * self._extent[chart, 0] + x
        self._claims = np.bincount(self._texel, minlength=int(size.sum()))

    def hidden(self, face: Texels, depth: Floats) -> Indices:
        """The triangles that lie below another one of their chart."""
        shared = np.flatnonzero(self._claims[self._texel] > 1)
        order = shared[np.lexsort((depth[face[shared]], self._texel[shared]))]
        below = self._texel[order][1:] == self._texel[order][:-1]
        return np.asarray(np.unique(face[order][:-1][below]))

    def shapes(self, cell: int) -> list[NDArray[np.bool_]]:
        """The cells that each chart with its gutter touches."""
        shapes: list[NDArray[np.bool_]] = []
        for start, (width, height) in zip(self._start, self._extent, strict=True):
            wide, high = -(-width // cell), -(-height // cell)
            image = np.zeros((high * cell, wide * cell), bool)
            image[:height, :width] = self._claims[start : start + width * height].reshape(height, width)
            for _ in range(2):
                image = image.T
                bare = image.copy()
                for step in range(1, GUTTER + 1):
                    image[step:] |= bare[:-step]
                    image[:-step] |= bare[step:]
            shapes.append(np.asarray(image.reshape(high, cell, wide, cell).any((1, 3))))
        return shapes


def _pack(shapes: list[NDArray[np.bool_]]) -> tuple[Indices, int]:
    """(charts, 2) the cell x, y of each shape's lower left corner, and how many cells they reach up:
    more than _CELLS if they do not all find room."""
    taken = np.zeros((_ROOM, _CELLS), bool)
    origin = np.zeros((len(shapes), 2), np.int64)
    top = 0
    for chart in sorted(range(len(shapes)), key=lambda chart: -shapes[chart].size):
        shape = shapes[chart]
        high, wide = shape.shape
        if high > _ROOM or wide > _CELLS:
            return origin, _ROOM
        gaps = _gaps(taken, shape)
        y, x = divmod(int(gaps.argmax()), gaps.shape[1])
        if not gaps[y, x]:
            return origin, _ROOM
        taken[y : y + high, x : x + wide] |= shape
        origin[chart] = x, y
        top = max(top, y + high)
    return origin, top


def _gaps(taken: NDArray[np.bool_], shape: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where the shape's lower left corner may be, so that it meets nothing taken."""
    before = np.zeros((len(taken), taken.shape[1] + 1), np.int16)
    np.cumsum(taken, axis=1, out=before[:, 1:])
    gaps = np.ones((len(taken) - len(shape) + 1, taken.shape[1] - shape.shape[1] + 1), bool)
    for y, row in enumerate(shape):
        lines = before[y : y + len(gaps)]
        for start, stop in np.flatnonzero(np.diff(row, prepend=False, append=False)).reshape(-1, 2):
            gaps &= lines[:, start : start + gaps.shape[1]] == lines[:, stop : stop + gaps.shape[1]]
    return gaps
