"""Is this file a photo that we can work with? Pure, and with Pillow alone."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from io import BytesIO
from typing import Literal

from PIL import Image, ImageOps

from gen3d_upload.limits import MAX_BYTES, MAX_SIDE, MIN_SIDE, THUMBNAIL_SIDE
from gen3d_upload.rejected import Rejected

Format = Literal["jpeg", "png", "webp"]

# What Pillow raises on hostile bytes; UnidentifiedImageError and truncation are OSErrors.
UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, struct.error)
BOMB = (Image.DecompressionBombError, Image.DecompressionBombWarning)

# A progressive JPEG has about ten scans. One of thousands is tiny, and takes hours to decode.
_MAX_SCANS = 200
_SCAN, _END = b"\xda", b"\xd9"
# Markers that a decoder acts on. It looks past the others, which stand in the data of a scan.
_MARKER = re.compile(rb"\xff+([\xc0-\xcf\xd8-\xfe])")


@dataclass(frozen=True)
class CheckedPhoto:
    """Width and height in px after EXIF orientation; `thumbnail` is an upright JPEG without metadata."""

    width: int
    height: int
    format: Format
    thumbnail: bytes


def sniff(data: bytes) -> Format | None:
    """The format that the first bytes announce."""
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    return None


def check_photo(data: bytes) -> CheckedPhoto:
    """Check a whole photo file, down to its last pixel. Raises Rejected."""
    if len(data) > MAX_BYTES:
        raise Rejected("image_too_heavy", f"{len(data)} bytes")
    name = sniff(data)
    if name is None:
        raise Rejected("image_unsupported", f"starts with {data[:12].hex()}")
    if name == "jpeg" and _scans(data) > _MAX_SCANS:
        raise Rejected("image_corrupt", f"more than {_MAX_SCANS} scans")
    try:
        with Image.open(BytesIO(data), formats=[name]) as image:
            return _check_image(image, name)
    except BOMB as error:
        raise Rejected("image_too_large", str(error)) from error
    except UNREADABLE as error:
        raise Rejected("image_corrupt", str(error)) from error


def _scans(data: bytes) -> int:
    """The scans of a JPEG's first picture. A phone's file may go on behind it, e.g. with a video."""
    scans, at = 0, 2
    while (found := _MARKER.search(data, at)) and found[1] != _END:
        scans += found[1] == _SCAN
        at = found.end()
        at += max(2, int.from_bytes(data[at : at + 2]))
    return scans


def _check_image(image: Image.Image, name: Format) -> CheckedPhoto:
    """The header decides on the size before any pixel is decoded."""
    width, height = image.size
    if min(width, height) < MIN_SIDE:
        raise Rejected("image_too_small", f"{width} x {height}")
    if max(width, height) > MAX_SIDE:
        raise Rejected("image_too_large", f"{width} x {height}")
    # A JPEG of several pictures is a phone's photo with a depth or gain map: its first picture is the photo.
    if name != "jpeg" and getattr(image, "is_animated", False):
        raise Rejected("image_animated")
    if image.getexif().get(_ORIENTATION) in _TURNED:
        width, height = height, width
    return CheckedPhoto(width, height, name, _thumbnail(image))


_ORIENTATION = 0x0112
_TURNED = (5, 6, 7, 8)


def _thumbnail(image: Image.Image) -> bytes:
    """Decodes the whole file, so it also proves that the photo is not truncated."""
    if image.mode.startswith("I"):
        image = image.point(lambda value: value * (1 / 256)).convert("L")
    elif image.mode in ("1", "P", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
    image.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.BICUBIC)
    upright = ImageOps.exif_transpose(image).convert("RGBA")
    flat = Image.new("RGB", upright.size, "white")
    flat.paste(upright, mask=upright.getchannel("A"))
    out = BytesIO()
    flat.save(out, "JPEG", quality=85, optimize=True)
    return out.getvalue()
