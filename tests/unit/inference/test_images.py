"""Photo and mask files as arrays."""

from __future__ import annotations

import io

import numpy as np
import pytest
from gen3d_inference.failures import InferenceError
from gen3d_inference.images import mask_array, photo_array
from numpy.typing import NDArray
from PIL import Image


def encoded(picture: Image.Image, form: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def gradient(width: int, height: int) -> NDArray[np.uint8]:
    row, column = np.mgrid[0:height, 0:width]
    return np.stack([column * 3, row * 5, np.full_like(row, 9)], axis=-1).astype(np.uint8)


def test_a_turned_photo_is_set_upright() -> None:
    stored = Image.fromarray(gradient(40, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying: turn by 90 degrees clockwise to see it upright
    photo = photo_array(encoded(stored, exif=exif), 20, 40)
    assert np.array_equal(photo, np.rot90(gradient(40, 20), -1))


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1", "I;16"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    grey = gradient(30, 20)[..., 1]
    if mode == "I;16":
        picture = Image.fromarray(grey.astype(np.uint16) * 256)
    else:
        picture = Image.fromarray(grey).convert(mode)
    photo = photo_array(encoded(picture, "TIFF" if mode == "CMYK" else "PNG"), 30, 20)
    assert photo.dtype == np.uint8
    assert photo.shape == (20, 30, 3)
    if mode not in {"1", "CMYK"}:
        assert np.abs(photo[..., 0].astype(int) - grey).max() <= 1


def test_a_truncated_photo_is_corrupt() -> None:
    data = encoded(Image.fromarray(gradient(200, 100)), "JPEG")
    with pytest.raises(InferenceError) as caught:
        photo_array(data[: len(data) // 2], 200, 100)
    assert caught.value.code == "image_corrupt"


def test_a_photo_of_another_size_than_announced_is_a_wrong_request() -> None:
    with pytest.raises(InferenceError) as caught:
        photo_array(encoded(Image.fromarray(gradient(40, 20))), 20, 40)
    assert caught.value.code == "inference_request_invalid"


@pytest.mark.parametrize("mode", ["L", "1", "RGB"])
def test_a_mask_is_where_it_is_bright(mode: str) -> None:
    truth = np.zeros((20, 30), bool)
    truth[5:9, 4:20] = True
    picture = Image.fromarray(np.where(truth, np.uint8(255), np.uint8(0))).convert(mode)
    assert np.array_equal(mask_array(encoded(picture), 30, 20), truth)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"no picture", "mask_corrupt"),
        (encoded(Image.new("L", (30, 21), 255)), "mask_size_mismatch"),
        (encoded(Image.new("L", (30, 20), 0)), "mask_too_small"),
    ],
)
def test_an_unusable_mask_has_its_code(data: bytes, code: str) -> None:
    with pytest.raises(InferenceError) as caught:
        mask_array(data, 30, 20)
    assert caught.value.code == code
    assert caught.value.error_class == "user"
