"""Is this file a mask of that photo? Pure, and with Pillow alone."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import reduce
from io import BytesIO
from typing import cast

from PIL import Image, ImageChops

from gen3d_upload.limits import MAX_BYTES, MAX_COVERAGE, MIN_COVERAGE, SPECK
from gen3d_upload.photo import BOMB, UNREADABLE, sniff
from gen3d_upload.rejected import Rejected

# About a second of work. A drawn or computed mask has some thousand runs, noise has millions.
_MAX_RUNS = 250_000


@dataclass(frozen=True)
class CheckedMask:
    """`png` is 8-bit grey with 0 and 255 only; `pixels` are those inside, `coverage` their part of all."""

    png: bytes
    pixels: int
    coverage: float
    specks_dropped: int


def check_mask(data: bytes, width: int, height: int) -> CheckedMask:
    """Check and clean a mask for an upright photo of width x height px. Raises Rejected.

    Inside is what is opaque, where the file has any transparency, else what is bright; soft edges are cut at
    half. Pieces (joined over edges and corners) under 0.1 % of the mask are dropped as specks.
    """
    if len(data) > MAX_BYTES:
        raise Rejected("mask_too_heavy", f"{len(data)} bytes")
    if sniff(data) != "png":
        raise Rejected("mask_unsupported", f"starts with {data[:12].hex()}")
    try:
        with Image.open(BytesIO(data), formats=["PNG"]) as image:
            if image.size != (width, height):
                size = f"{image.width} x {image.height}, not {width} x {height}"
                raise Rejected("mask_size_mismatch", size)
            mask = _binary(image)
    except BOMB as error:
        raise Rejected("mask_size_mismatch", str(error)) from error
    except UNREADABLE as error:
        raise Rejected("mask_corrupt", str(error)) from error

    _check_coverage(mask)
    mask, specks = drop_specks(mask)
    pixels = _check_coverage(mask)
    out = BytesIO()
    # As small as by zlib's default, and four times as fast on noise, where that takes seconds.
    mask.save(out, "PNG", compress_type=zlib.Z_RLE)
    return CheckedMask(out.getvalue(), pixels, pixels / (width * height), specks)


def _check_coverage(mask: Image.Image) -> int:
    """The number of pixels inside. Raises Rejected."""
    pixels, total = mask.histogram()[255], mask.width * mask.height
    if pixels < MIN_COVERAGE * total:
        raise Rejected("mask_too_small", f"{pixels} of {total} pixels")
    if pixels > MAX_COVERAGE * total:
        raise Rejected("mask_too_large", f"{pixels} of {total} pixels")
    return pixels


def _binary(image: Image.Image) -> Image.Image:
    """Mode L with 0 and 255, cut at half of full scale, which is 1, 255 or 65535, whichever the file uses."""
    strength = _strength(image)
    _, peak = _extrema(strength)
    return strength.point([0] + [255 * (value >= (1 if peak == 1 else 128)) for value in range(1, 256)])


def _strength(image: Image.Image) -> Image.Image:
    """How much each pixel is inside, mode L."""
    if image.mode.startswith("I"):
        _, peak = _extrema(image)
        return Image.frombytes("L", image.size, image.tobytes()[1 if peak > 255 else 0 :: 2])
    if image.has_transparency_data:
        image = image.convert("RGBA")
        alpha = image.getchannel("A")
        if _extrema(alpha) != (255, 255):
            return alpha
    bands = image.convert("L" if image.mode in ("1", "L", "LA") else "RGB").split()
    return reduce(ImageChops.lighter, bands)


def _extrema(band: Image.Image) -> tuple[int, int]:
    return cast("tuple[int, int]", band.getextrema())


def drop_specks(mask: Image.Image) -> tuple[Image.Image, int]:
    """`mask` (L, 0 and 255) without the pieces that hold under 0.1 % of it, and the number of those.

    Pieces are joined runs of pixels. To bound the work, a mask of more than `_MAX_RUNS` runs is judged at
    half, a quarter, ... of its size, where pieces that nearly touch count as one.
    """
    coarse, grain = mask, 1
    while True:
        # One empty column on the right keeps the rows apart in the flat buffer, so runs never wrap.
        padded = Image.new("L", (coarse.width + 1, coarse.height))
        padded.paste(coarse)
        pixels = bytearray(padded.tobytes())
        runs = _runs(pixels)
        if len(runs) <= _MAX_RUNS:
            break
        coarse, grain = coarse.reduce(2).point([0] + [255] * 255), grain * 2

    pieces = _pieces(runs, padded.width)
    sizes = [0] * len(runs)
    for piece, (start, end) in zip(pieces, runs, strict=True):
        sizes[piece] += end - start
    total = sum(sizes)
    specks = {piece for piece, size in enumerate(sizes) if 0 < size < SPECK * total}
    if not specks:
        return mask, 0
    for piece, (start, end) in zip(pieces, runs, strict=True):
        if piece in specks:
            pixels[start:end] = bytes(end - start)
    kept = Image.frombytes("L", padded.size, bytes(pixels)).resize(
        (padded.width * grain, padded.height * grain), Image.Resampling.NEAREST
    )
    return ImageChops.darker(mask, kept.crop((0, 0, *mask.size))), len(specks)


def _runs(pixels: bytearray) -> list[tuple[int, int]]:
    """The first `_MAX_RUNS` runs of 255 and one more, half-open. The last pixel is 0."""
    runs: list[tuple[int, int]] = []
    end = 0
    while len(runs) <= _MAX_RUNS and (start := pixels.find(255, end)) >= 0:
        end = pixels.find(0, start)
        runs.append((start, end))
    return runs


def _pieces(runs: list[tuple[int, int]], stride: int) -> list[int]:
    """For each run (half-open, flat, in order) the index of its piece's first run, by union-find."""
    parent = list(range(len(runs)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = index = parent[parent[index]]
        return index

    first = 0
    for index, (start, end) in enumerate(runs):
        while runs[first][1] < start - stride:
            first += 1
        above = first
        while above < index and runs[above][0] <= end - stride:
            one, other = root(above), root(index)
            parent[max(one, other)] = min(one, other)
            above += 1
    return [root(index) for index in range(len(runs))]
