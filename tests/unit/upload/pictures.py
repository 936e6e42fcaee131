"""Small real files for the tests."""

from __future__ import annotations

import zlib
from io import BytesIO
from typing import Any

from PIL import Image, ImageDraw


def encode(image: Image.Image, format: str, **options: Any) -> bytes:
    out = BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def scene(width: int = 96, height: int = 72, mode: str = "RGB") -> Image.Image:
    """Left half red, right half blue, with a green top left corner: shows every turn and flip."""
    image = Image.new("RGB", (width, height), "red")
    draw = ImageDraw.Draw(image)
    draw.rectangle((width // 2, 0, width, height), fill="blue")
    draw.rectangle((0, 0, width // 4, height // 4), fill="lime")
    return image.convert(mode)


def disc(width: int = 96, height: int = 72, value: int = 255) -> Image.Image:
    """A mask: a disc in the middle."""
    image = Image.new("L", (width, height))
    radius = min(width, height) // 4
    x, y = width // 2, height // 2
    ImageDraw.Draw(image).ellipse((x - radius, y - radius, x + radius, y + radius), fill=value)
    return image


def decode(data: bytes) -> Image.Image:
    image = Image.open(BytesIO(data))
    image.load()
    return image


def png_of_size(width: int, height: int) -> bytes:
    """A PNG whose header promises a size that its data does not hold."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\x00\x00\x00"
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )
