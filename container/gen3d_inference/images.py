"""Photo and mask files as arrays. They were checked on arrival; what is wrong here still gets its code."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from gen3d_inference.engines import MaskArray, Photo
from gen3d_inference.failures import InferenceError

_HALF = 127


def photo_array(data: bytes, width: int, height: int) -> Photo:
    """The upright photo, RGB uint8 [height, width, 3]. Raises InferenceError `image_corrupt`, or
    `inference_request_invalid` if its size is not the one announced."""
    with _readable("image_corrupt"), Image.open(io.BytesIO(data)) as image:
        if sorted(image.size) != sorted((width, height)):
            raise InferenceError(
                "inference_request_invalid", f"photo of {image.size}, not {width} x {height} px"
            )
        upright = ImageOps.exif_transpose(image)
        if upright.mode.startswith("I"):
            upright = Image.fromarray((np.asarray(upright) >> 8).astype(np.uint8))
        photo = np.asarray(upright.convert("RGB"))
    if photo.shape != (height, width, 3):
        raise InferenceError(
            "inference_request_invalid", f"photo of {photo.shape[1::-1]}, not {width} x {height} px"
        )
    return photo


def mask_array(data: bytes, width: int, height: int) -> MaskArray:
    """Which px belong to the object [height, width]. Raises InferenceError `mask_corrupt`,
    `mask_size_mismatch` or `mask_too_small` (nothing marked)."""
    with _readable("mask_corrupt"), Image.open(io.BytesIO(data)) as image:
        if image.size != (width, height):
            raise InferenceError(
                "mask_size_mismatch", f"mask of {image.size}, photo of {width} x {height} px"
            )
        mask: MaskArray = np.asarray(image.convert("L")) > _HALF
    if not mask.any():
        raise InferenceError("mask_too_small", "no px is marked")
    return mask


@contextmanager
def _readable(code: str) -> Iterator[None]:
    # Pillow reports damage by any of these, depending on format and place.
    try:
        yield
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InferenceError(code, f"{type(error).__name__}: {error}") from error
