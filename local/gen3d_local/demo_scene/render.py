"""Render photo.jpg, mask.png and truth.ply.

    python -m gen3d_local.demo_scene.render [--out DIR] [--height PX] [--side N]

The camera looks along +y from afar, a little from above. Seeded: the same pixels each time.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gen3d_local.demo_scene.bottle import Floats, profile, turned
from gen3d_local.demo_scene.light import BOTTLE, BOXES, PathTracer, Scene, unit

HERE = Path(__file__).parent
SEED = 20261120

_ASPECT = 3 / 4
_ELEVATION = np.radians(6.5)
_DISTANCE = 11.0
_VIEW_HEIGHT = 1.30  # of the plane through the bottle that the picture shows
_AIM = np.array([0.0, 0.0, 0.485])
_LENS = 0.10  # radius: makes the wall and the table's end soft
_BRIGHTEST = 4.0  # a sample's limit: one stray sparkle must not outshine its pixel
_SHOULDER = 0.72  # light above which film gives way
_VIGNETTE = 0.16


class Camera:
    """Rays for each pixel, row by row."""

    def __init__(self, height: int) -> None:
        self.height, self.width = height, round(height * _ASPECT)
        forward = np.array([0, np.cos(_ELEVATION), -np.sin(_ELEVATION)])
        self._right, self._up = np.array([1.0, 0, 0]), np.array([0, np.sin(_ELEVATION), np.cos(_ELEVATION)])
        self._eye = _AIM - _DISTANCE * forward
        row, column = np.mgrid[:height, : self.width].reshape(2, -1)
        self._corners = np.stack([column, row], axis=1).astype(np.float64)

    @property
    def pixels(self) -> int:
        return len(self._corners)

    def rays(self, within: Floats, lens: Floats) -> tuple[Floats, Floats]:
        """Start and direction, (n, 3) each. within: (n, 2) in 0..1, the place inside the pixel. lens: (n, 2)
        the place on the unit disc of the lens."""
        scale = _VIEW_HEIGHT / self.height
        flat = (self._corners + within - (self.width / 2, self.height / 2)) * (scale, -scale)
        target = _AIM + flat[:, :1] * self._right + flat[:, 1:] * self._up
        start = self._eye + _LENS * (lens[:, :1] * self._right + lens[:, 1:] * self._up)
        return start, unit(target - start)


class Strata:
    """For each of n pixels side**2 places in the unit square, spread evenly: each lies in another cell of a
    grid. The cells' order is random, and the grid is shifted from pixel to pixel."""

    def __init__(self, pixels: int, side: int, rng: np.random.Generator) -> None:
        self._side, self._rng = side, rng
        self._order = rng.permutation(side**2)
        self._shift = rng.random((pixels, 2))

    def sample(self, number: int) -> Floats:
        """(n, 2) in 0..1."""
        cell = np.array(divmod(int(self._order[number]), self._side))
        inside = self._rng.random(self._shift.shape)
        return np.asarray(((cell + inside) / self._side + self._shift) % 1)


def photo(height: int, side: int) -> NDArray[np.uint8]:
    """(height, width, 3) sRGB, from side**2 samples a pixel."""
    rng = np.random.default_rng(SEED)
    camera, tracer = Camera(height), PathTracer(Scene(), rng)
    pixel, lens, *boxes = (Strata(camera.pixels, side, rng) for _ in range(2 + len(BOXES)))
    total = np.zeros((camera.pixels, 3))
    for number in range(side**2):
        turn, reach = lens.sample(number).T
        disc = np.sqrt(reach)[:, None] * np.stack(
            [np.cos(2 * np.pi * turn), np.sin(2 * np.pi * turn)], axis=1
        )
        rays = camera.rays(pixel.sample(number), disc)
        total += np.minimum(tracer.trace(*rays, [box.sample(number) for box in boxes]), _BRIGHTEST)
    return _developed(total.reshape(camera.height, camera.width, 3) / side**2)


def mask(height: int) -> NDArray[np.uint8]:
    """(height, width), 255 where a pixel's middle shows the bottle."""
    camera = Camera(height)
    rays = camera.rays(np.full((camera.pixels, 2), 0.5), np.zeros((camera.pixels, 2)))
    seen = np.where(Scene().meet(*rays).thing == BOTTLE, 255, 0)
    return seen.astype(np.uint8).reshape(camera.height, camera.width)


def truth() -> bytes:
    """The bottle as a PLY mesh, in the frame of splats: Z-up, centred, its longest side 1."""
    vertices, triangles = turned(profile(72), 56)
    low, high = vertices.min(0), vertices.max(0)
    vertices = (vertices - (low + high) / 2) / (high - low).max()
    faces = np.empty(len(triangles), [("count", "u1"), ("corners", "<i4", 3)])
    faces["count"], faces["corners"] = 3, triangles
    header = (
        "ply\nformat binary_little_endian 1.0\n"
        f"element vertex {len(vertices)}\nproperty float x\nproperty float y\nproperty float z\n"
        f"element face {len(faces)}\nproperty list uchar int vertex_indices\nend_header\n"
    )
    return b"".join((header.encode(), vertices.astype("<f4").tobytes(), faces.tobytes()))


def _developed(light: Floats) -> NDArray[np.uint8]:
    """From linear light to film: highlights held by a soft shoulder, a trace of vignette, sRGB."""
    height, width = light.shape[:2]
    row, column = np.mgrid[:height, :width]
    off = ((column - width / 2) ** 2 + (row - height / 2) ** 2) / (width**2 + height**2) * 4
    light = light * (1 - _VIGNETTE * off)[..., None]
    room = 1 - _SHOULDER
    bent = _SHOULDER + room * (1 - np.exp(-np.maximum(light - _SHOULDER, 0) / room))
    light = np.where(light > _SHOULDER, bent, light)
    coded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(np.clip(coded, 0, 1) * 255), dtype=np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description="Render the demo's photo, its mask and the true shape.")
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--height", type=int, default=1024, help="px")
    parser.add_argument("--side", type=int, default=6, help="square root of the samples a pixel")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    Image.fromarray(photo(options.height, options.side)).save(
        options.out / "photo.jpg", quality=90, optimize=True, subsampling=0
    )
    Image.fromarray(mask(options.height)).save(options.out / "mask.png", optimize=True)
    (options.out / "truth.ply").write_bytes(truth())


if __name__ == "__main__":
    main()
