"""Is this file an object that is already cut out? Pure, and with Pillow alone."""

from __future__ import annotations

import zlib
from io import BytesIO

from PIL import Image, ImageOps

from gen3d_upload.mask import CheckedMask, check_mask
from gen3d_upload.photo import CheckedPhoto, check_photo
from gen3d_upload.rejected import Rejected


def check_cut_out(data: bytes) -> tuple[CheckedPhoto, CheckedMask]:
    """The photo, and the mask of what is opaque in it. Raises Rejected."""
    photo = check_photo(data)
    with Image.open(BytesIO(data), formats=[photo.format]) as image:
        if not image.has_transparency_data:
            raise Rejected("alpha_missing", f"{photo.format} without transparency")
        alpha = ImageOps.exif_transpose(image).convert("RGBA").getchannel("A")
    if alpha.getextrema() == (255, 255):
        raise Rejected("alpha_missing", "all of it is opaque")
    out = BytesIO()
    alpha.save(out, "PNG", compress_type=zlib.Z_RLE)
    return photo, check_mask(out.getvalue(), photo.width, photo.height)
