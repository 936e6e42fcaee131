"""Paint a mesh's texture with the colours of the Gaussians around it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gen3d_meshing.clean import Cloud, Search, search
from gen3d_meshing.colour import NEIGHBOURS, kernel_width, linear_to_srgb, srgb_to_linear
from gen3d_meshing.model import Texture
from gen3d_meshing.raster import Indices, Texels
from gen3d_meshing.shape import Mesh
from gen3d_meshing.splat import Floats
from gen3d_meshing.unwrap import GUTTER, Atlas, unwrap

Image = NDArray[np.uint8]

_BLOCKS = 512  # a side: the texels of a block share their Gaussians
_TURNED_AWAY = 1e-3  # weight of a Gaussian that faces the other way, as on the far side of a thin wall
_BAND = 16  # rows that are painted at a time, whole blocks of them, so that what this needs stays small


def bake(mesh: Mesh, cloud: Cloud, normals: Floats, size: int) -> Texture:
    """Unwrap a closed mesh and paint it.

    normals: (n, 3) unit vectors out of the object, of the cloud's Gaussians. size: 512, 1024 or 2048 texels.
    """
    atlas = unwrap(mesh, size)
    image = np.zeros((size, size, 3), np.uint8)
    around = search(cloud.splat.position)
    for texels in _bands(atlas.row):
        light = _light(mesh, cloud, normals, around, atlas.part(texels))
        image[atlas.row[texels], atlas.column[texels]] = np.rint(255 * linear_to_srgb(light))
    known = np.zeros((size, size), bool)
    known[atlas.row, atlas.column] = True
    for _ in range(GUTTER):
        _grow(image, known)
    _fill(image, known)
    return Texture(image, atlas.uv, atlas.vertex, atlas.triangles)


def _bands(row: Texels) -> list[Indices]:
    """Which texels (n,) are in each band of the picture that has any."""
    band = (row // _BAND).astype(np.int16)  # few enough bits to be sorted by counting
    order = np.argsort(band, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(band[order])) + 1)


def _light(mesh: Mesh, cloud: Cloud, normals: Floats, around: Search, atlas: Atlas) -> Floats:
    """(n, 3) linear RGB in 0..1 of the atlas's texels: the mean of the nearest Gaussians' colours, weighted
    by a Gaussian kernel, opacity and how far they face the same way. A block never shows two charts."""
    places = np.einsum("nk,nkc->nc", atlas.weights, mesh.vertices[mesh.triangles[atlas.face]])
    side = max(atlas.size // _BLOCKS, 1)
    texel = atlas.row % side * side + atlas.column % side
    _, first, block, texels = np.unique(
        atlas.row // side * _BLOCKS + atlas.column // side,
        return_index=True,
        return_inverse=True,
        return_counts=True,
    )
    middle = np.stack([np.bincount(block, axis) / texels for axis in places.T], axis=1).astype(np.float32)
    offset = np.zeros((len(middle), side * side, 3), np.float32)
    offset[block, texel] = places - middle[block]
    a, b, c = mesh.vertices[mesh.triangles[atlas.face[first]].T]
    facing = np.cross(b - a, c - a)
    facing /= np.maximum(np.linalg.norm(facing, axis=1, keepdims=True), 1e-30)

    index, distance = around(middle, NEIGHBOURS)
    width = kernel_width(cloud, distance)
    agreement = np.einsum("qkc,qc->qk", normals.take(index, axis=0), facing)
    weight = cloud.splat.opacity[index] * np.maximum(agreement, _TURNED_AWAY)
    # exp(-|a - b|^2 / 2w^2) without what is the same for all Gaussians: a, texel, and b, from the middle
    away = (cloud.splat.position.take(index, axis=0) - middle[:, None]) / width[:, None]
    nearness = (offset / width[:, None]) @ away.transpose(0, 2, 1)
    nearness -= np.einsum("qkc,qkc->qk", away, away)[:, None] / 2
    weights = weight[:, None] * np.exp(nearness)
    light = weights @ srgb_to_linear(cloud.splat.colour.take(index, axis=0)) / weights.sum(2, keepdims=True)
    shown: Floats = light[block, texel]
    return shown


def _grow(image: Image, known: NDArray[np.bool_]) -> None:
    """Give the unknown texels beside known ones their mean, in place: what filters read at a chart's edge."""
    size = len(image)
    framed = np.pad(known, 1)
    beside = [(down, right) for down in (0, 1, 2) for right in (0, 1, 2)]
    ring = np.zeros_like(known)
    for down, right in beside:
        ring |= framed[down : down + size, right : right + size]
    ring &= ~known
    row, column = np.nonzero(ring)
    total = np.zeros((len(row), 3), np.float32)
    count = np.zeros((len(row), 1), np.float32)
    for down, right in beside:
        there = np.clip(row + down - 1, 0, size - 1), np.clip(column + right - 1, 0, size - 1)
        total += image[there] * known[there][:, None]
        count += known[there][:, None]
    image[ring] = np.rint(total / count)
    known[ring] = True


def _fill(image: Image, known: NDArray[np.bool_]) -> None:
    """Give all other texels the mean of the known ones in the smallest square around them, of 2, 4, 8...
    texels a side, in place: so no level of a mip-map mixes a chart with the void."""
    if len(image) == 1:
        return
    half = len(image) // 2
    count = known.reshape(half, 2, half, 2).sum((1, 3), dtype=np.float32)
    total = (image * known[..., None]).reshape(half, 2, half, 2, 3).sum((1, 3), dtype=np.float32)
    coarse = np.rint(total / np.maximum(count, 1)[..., None]).astype(np.uint8)
    _fill(coarse, count > 0)
    np.copyto(image, coarse.repeat(2, 0).repeat(2, 1), where=~known[..., None])
