"""Draw the mesh: a still PNG in three-quarter view, and an animated WebP of it on a turntable."""

from __future__ import annotations

import io
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import (
    Image,
    WebPImagePlugin,  # noqa: F401 - Pillow would load all formats to find it: 0.03 CPU seconds
)

from gen3d_meshing.camera import AZIMUTH, Camera
from gen3d_meshing.colour import linear_to_srgb
from gen3d_meshing.splat import Floats
from gen3d_meshing.studio import Studio

SIZE = 768
TURNTABLE_SIZE = 256
FRAMES = 24
_FRAME_MS = 100
_SHADOW = 192  # places a side where the floor is looked at
_STEP = 0.02  # in bounding-box diagonals: a jump in depth that makes an edge


def still(studio: Studio, size: int = SIZE) -> bytes:
    """PNG bytes, size x size, RGBA: the object and its soft shadow on a transparent ground."""
    camera = Camera(AZIMUTH, studio.mesh.vertices)
    rgba, place = _seen(studio, camera, size, 3)
    whole = np.zeros((4, size, size), np.float32)
    whole[:, *place] = rgba
    whole[3] += (1 - whole[3]) * _shadow(studio, camera, size)
    file = io.BytesIO()
    Image.fromarray(_straight(whole)).save(file, "PNG", compress_level=4, compress_type=zlib.Z_RLE)
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
    first, *others = (_frame(studio, Camera(AZIMUTH + turn, bounds), size) for turn in turns)
    file = io.BytesIO()
    first.save(
        file,
        "WEBP",
        save_all=True,
        append_images=others,
        duration=_FRAME_MS,
        loop=0,
        quality=75,
        method=0,  # more effort saves a few hundredths of the bytes in twice the time
    )
    return file.getvalue()


def _frame(studio: Studio, camera: Camera, size: int) -> Image.Image:
    rgba, (rows, columns) = _seen(studio, camera, size, 2)
    image = Image.new("RGBA", (size, size))
    image.paste(Image.fromarray(_straight(rgba)), (columns.start, rows.start))
    return image


def _seen(studio: Studio, camera: Camera, size: int, fine: int) -> tuple[Floats, tuple[slice, slice]]:
    """Premultiplied linear RGBA (4, r, c) of those rows and columns of size x size pixels that the mesh may
    touch. fine: samples a side for pixels on an edge."""
    left, top, right, bottom = studio.box(camera, size)
    rows, columns = np.mgrid[top:bottom, left:right].astype(np.float32)
    shape = rows.shape
    middles = np.stack([columns, rows]).reshape(2, -1) + np.float32(0.5)
    rgba, depth = studio.look(camera, middles / np.float32(size))
    edge = _edges(depth.reshape(shape), _STEP * studio.extent)
    step = (np.arange(fine, dtype=np.float32) + np.float32(0.5)) / np.float32(fine) - np.float32(0.5)
    offsets = np.stack(np.meshgrid(step, step)).reshape(2, -1, 1)
    finer = ((middles[:, None, edge] + offsets) / np.float32(size)).reshape(2, -1)
    rgba[:, edge] = studio.look(camera, finer)[0].reshape(4, fine**2, -1).mean(1)
    return rgba.reshape(4, *shape), (slice(top, bottom), slice(left, right))


def _shadow(studio: Studio, camera: Camera, size: int) -> Floats:
    """(size, size) how dark the floor is. It is soft, so few places, from edge to edge, tell that of all."""
    step = np.linspace(0, 1, _SHADOW, dtype=np.float32)
    places = np.stack(np.meshgrid(step, step)).reshape(2, -1)
    few = Image.fromarray(studio.shadow(camera, places).reshape(_SHADOW, _SHADOW))
    inner = (0.5, 0.5, _SHADOW - 0.5, _SHADOW - 0.5)
    return np.asarray(few.resize((size, size), Image.Resampling.BILINEAR, inner))


def _straight(rgba: Floats) -> NDArray[np.uint8]:
    """(r, c, 4) sRGB and opacity of premultiplied linear RGBA (4, r, c)."""
    picture = np.zeros((*rgba.shape[1:], 4), np.uint8)
    alpha = rgba[3]
    picture[..., 3] = np.rint(255 * alpha)
    bright = rgba[:3].any(0)
    straight = np.clip(rgba[:3, bright] / alpha[bright], 0, 1)
    picture[bright, :3] = np.rint(255 * linear_to_srgb(straight)).T
    return picture


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
