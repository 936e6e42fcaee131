"""A small model that no mirror and no turn leaves alike, with one paint at vertices and in the texture."""

from __future__ import annotations

import numpy as np
import trimesh
from gen3d_meshing.colour import srgb_to_linear
from gen3d_meshing.model import Model, Texture
from gen3d_meshing.shading import shading_normals
from gen3d_meshing.shape import Mesh

from tests.unit.meshing.solids import Array, paint

CELL = 64
"""Side, in px, of the part of the texture that one side of the object has."""


def pebble(*, textured: bool, subdivisions: int = 3) -> Model:
    """A closed surface that every ray from the origin meets once. Z-up."""
    ball = trimesh.creation.icosphere(subdivisions)
    triangles = ball.faces.astype(np.uint32)
    places = surface(ball.vertices)
    vertices, colours = places.astype(np.float32), srgb_to_linear(paint(places).astype(np.float32))
    mesh = Mesh(vertices, triangles, *shading_normals(vertices, triangles), 1)
    return Model(mesh, colours, _texture(ball) if textured else None)


def surface(directions: Array) -> Array:
    """Where rays (..., 3) from the origin meet the pebble."""
    x, y, z = np.moveaxis(directions / np.linalg.norm(directions, axis=-1, keepdims=True), -1, 0)
    radius = 0.3 + 0.05 * x + 0.03 * y * z + 0.08 * z**3 + 0.02 * y
    return np.asarray(radius[..., None] * np.stack([x, 0.7 * y, 1.2 * z], axis=-1))


def _texture(ball: trimesh.Trimesh) -> Texture:
    """The six sides of a cube around the ball, two rows of three, each with a margin of half its size."""
    middles = ball.triangles_center
    axis = np.abs(middles).argmax(1)
    side = 2 * axis + (np.take_along_axis(middles, axis[:, None], 1)[:, 0] < 0)
    pairs, corner = np.unique(
        np.stack([ball.faces.reshape(-1), side.repeat(3)], axis=1), axis=0, return_inverse=True
    )
    size = 6 * CELL
    uv = _on_sheet(ball.vertices[pairs[:, 0]], pairs[:, 1]) * CELL / size
    rows, columns = np.mgrid[0:size, 0:size]
    texels = np.stack([columns + 0.5, size - 0.5 - rows], axis=-1) / CELL
    image = paint(surface(_off_sheet(texels)).reshape(-1, 3)).reshape(size, size, 3)
    return Texture(
        np.rint(image * 255).astype(np.uint8),
        uv.astype(np.float32),
        pairs[:, 0].astype(np.uint32),
        corner.reshape(-1, 3).astype(np.uint32),
    )


def _on_sheet(directions: Array, side: Array) -> Array:
    """(n, 2) in cells. A side is 2 * axis, and one more where the axis points away from it."""
    n, axis = np.arange(len(side)), side // 2
    depth = np.abs(directions[n, axis])
    across = np.stack([directions[n, (axis + 1) % 3], directions[n, (axis + 2) % 3]], axis=1) / depth[:, None]
    return np.asarray(np.stack([2 * axis + 1, 2 * (side % 2) + 1], axis=1) + across / 2)


def _off_sheet(places: Array) -> Array:
    """(..., 3) directions: the inverse, each place belonging to the side whose middle is nearest."""
    axis, back = (np.clip(places // 2, 0, (2, 1)).astype(int)[..., i] for i in (0, 1))
    across = 2 * (places - np.stack([2 * axis + 1, 2 * back + 1], axis=-1))
    directions = np.empty((*places.shape[:-1], 3))
    for offset, value in enumerate((1 - 2 * back, across[..., 0], across[..., 1])):
        np.put_along_axis(directions, ((axis + offset) % 3)[..., None], value[..., None], axis=-1)
    return directions
