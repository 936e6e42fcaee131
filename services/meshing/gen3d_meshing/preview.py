"""Draw the mesh: a still PNG in three-quarter view, and an animated WebP of it on a turntable."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gen3d_meshing.colour import linear_to_srgb
from gen3d_meshing.splat import Floats
from gen3d_meshing.studio import AZIMUTH, Camera, Studio

SIZE = 768
TURNTABLE_SIZE = 256
FRAMES = 24
_FRAME_MS = 100
_STEP = 0.02  # in bounding-box diagonals: a jump in depth that makes an edge


def still(studio: Studio, size: int = SIZE) -> bytes:
    """PNG bytes, size x size, RGBA: the object and its soft shadow on a transparent ground."""
    file = io.BytesIO()
    _picture(studio, Camera(AZIMUTH, studio.mesh.vertices), size, 3, floor=True).save(
        file, "PNG", compress_level=4
    )
    return file.getvalue()


def turntable(studio: Studio, size: int = TURNTABLE_SIZE) -> bytes:
    """WebP bytes, size x size, RGBA: one turn of the object under a standing light, for ever."""
    x, y, z = studio.mesh.vertices.T
    centre = np.array([np.ptp(x) / 2 + x.min(), np.ptp(y) / 2 + y.min()])
    radius = np.hypot(x - centre[0], y - centre[1]).max()
    turns = np.linspace(0, 2 * np.pi, FRAMES, endpoint=False)
    circle = centre + radius * np.stack([np.cos(turns), np.sin(turns)], axis=1)
    cylinder = np.concatenate([np.insert(circle, 2, height, axis=1) for height in (z.min(), z.max())])
    bounds = cylinder.astype(np.float32)  # the same from all sides, so that nothing wobbles
    first, *others = (
        _picture(studio, Camera(AZIMUTH + turn, bounds), size, 2, floor=False) for turn in turns
    )
    file = io.BytesIO()
    first.save(
        file, "WEBP", save_all=True, append_images=others, duration=_FRAME_MS, loop=0, quality=75, method=1
    )
    return file.getvalue()


def _picture(studio: Studio, camera: Camera, size: int, fine: int, *, floor: bool) -> Image.Image:
    """size x size, RGBA. fine: samples a side for pixels on an edge. floor: with the shadow on it."""
    left, top, right, bottom = (0, 0, size, size) if floor else studio.box(camera, size)
    rows, columns = np.mgrid[top:bottom, left:right].astype(np.float32)
    middles = np.stack([columns, rows], axis=-1).reshape(-1, 2) + np.float32(0.5)
    rgba, depth = studio.look(camera, middles / np.float32(size), floor=floor)
    edge = _edges(depth.reshape(rows.shape), _STEP * studio.extent)
    step = (np.arange(fine, dtype=np.float32) + np.float32(0.5)) / np.float32(fine) - np.float32(0.5)
    offsets = np.stack(np.meshgrid(step, step), axis=-1).reshape(1, -1, 2)
    finer = ((middles[edge][:, None] + offsets) / np.float32(size)).reshape(-1, 2)
    rgba[edge] = studio.look(camera, finer, floor=floor)[0].reshape(-1, fine**2, 4).mean(1)

    picture = np.zeros((len(rgba), 4), np.uint8)
    alpha = rgba[:, 3]
    picture[:, 3] = np.rint(255 * alpha)
    bright = np.flatnonzero(rgba[:, :3].any(1))
    straight = np.clip(rgba[bright, :3] / alpha[bright, None], 0, 1)
    picture[bright, :3] = np.rint(255 * linear_to_srgb(straight))
    image = Image.new("RGBA", (size, size))
    image.paste(Image.fromarray(picture.reshape(*rows.shape, 4)), (left, top))
    return image


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
