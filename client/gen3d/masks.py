"""From a decoder's logits to a mask of the photo. Pure; `client/vectors/masks.json` holds test vectors.

1. Upscale: bilinear, with half-pixel centres and the border repeated: photo px x lies at
   (x + 0.5) * w / W - 0.5 of the logits, clamped to 0 .. w - 1; rows likewise.
2. Threshold: inside is what exceeds it.
3. Holes: pieces of the background that are joined over edges, not corners, touch no border of the photo, and
   have at most `HOLE_SHARE` of the px inside are filled.
"""

from __future__ import annotations

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

Logits = NDArray[np.float32]
MaskArray = NDArray[np.bool_]

HOLE_SHARE = 0.005
_BAND = 512
"""Rows upscaled at a time: the floats of a large photo would fill the memory."""
COLOURS = ((255, 64, 64), (64, 128, 255), (64, 200, 96), (255, 176, 32), (176, 96, 255), (32, 200, 208))


def mask_of(logits: Logits, width: int, height: int, threshold: float = 0.0) -> MaskArray:
    """All three steps. logits [h, w] over the whole photo; the mask is [height, width], True inside."""
    return fill_holes(upscaled_above(logits, width, height, threshold))


def upscaled_above(logits: Logits, width: int, height: int, threshold: float = 0.0) -> MaskArray:
    """Steps 1 and 2, in float32."""
    left, right, weight = _neighbours(logits.shape[1], width)
    wide = logits[:, left] + (logits[:, right] - logits[:, left]) * weight
    upper, lower, weight = _neighbours(logits.shape[0], height)
    above = np.empty((height, width), np.bool_)
    for begin in range(0, height, _BAND):
        rows = slice(begin, begin + _BAND)
        high = wide[upper[rows]]
        above[rows] = high + (wide[lower[rows]] - high) * weight[rows, None] > threshold
    return above


def _neighbours(size: int, target: int) -> tuple[NDArray[np.intp], NDArray[np.intp], Logits]:
    """For each target px the px before and after it, and the weight of the latter."""
    place = (np.arange(target, dtype=np.float64) + 0.5) * (size / target) - 0.5
    place = np.clip(place, 0, size - 1)
    before = np.floor(place).astype(np.intp)
    return before, np.minimum(before + 1, size - 1), (place - before).astype(np.float32)


def fill_holes(mask: MaskArray) -> MaskArray:
    """Step 3."""
    pieces, count = ndimage.label(~mask)
    if not count:
        return mask
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)
    small = sizes <= HOLE_SHARE * np.count_nonzero(mask)
    small[0] = False
    for border in (pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]):
        small[border] = False
    filled: MaskArray = mask | small[pieces]
    return filled


def png(mask: MaskArray) -> bytes:
    """The mask as a grey PNG with 0 and 255, as the service takes it."""
    out = BytesIO()
    Image.fromarray(mask.astype(np.uint8) * 255).save(out, "PNG", optimize=True)
    return out.getvalue()


def over_photo(
    photo: Image.Image, masks: list[MaskArray], points: list[tuple[float, float, int]]
) -> Image.Image:
    """The upright photo darkened, with each mask bright in a colour of its own and outlined; points as dots,
    green for the object and red for what is none of it."""
    picture = np.asarray(photo.convert("RGB")).astype(np.float32)
    inside = np.any(masks, axis=0)
    picture[~inside] *= 0.45
    reach = max(1, round(max(photo.size) / 500))
    for number, mask in enumerate(masks):
        colour = np.array(COLOURS[number % len(COLOURS)], np.float32)
        picture[mask] = picture[mask] * 0.75 + colour * 0.25
        rim = ndimage.binary_dilation(mask, iterations=reach) & ~ndimage.binary_erosion(
            mask, iterations=reach
        )
        picture[rim] = colour
    shown = Image.fromarray(picture.round().astype(np.uint8))
    draw = ImageDraw.Draw(shown)
    for x, y, label in points:
        radius = 4 * reach
        colour_name = "#20d060" if label else "#ff3030"
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), colour_name, "white", reach)
    return shown
