"""The mask maths, against its vectors, against another way to compute it, and on masks of any kind."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from gen3d.mask_vectors import FILE, text
from gen3d.masks import HOLE_SHARE, MaskArray, fill_holes, mask_of, over_photo, png, upscaled_above
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image
from scipy import ndimage

VECTORS: list[dict[str, Any]] = json.loads(FILE.read_text())

masks = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=24))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda it: it["name"])
def test_vector(vector: dict[str, Any]) -> None:
    logits = np.array(vector["logits"], np.float32)
    mask = mask_of(logits, vector["width"], vector["height"], vector["threshold"])
    assert ["".join(".#"[int(px)] for px in row) for row in mask] == vector["mask"]


def test_the_vectors_are_of_this_code() -> None:
    assert FILE.read_text() == text()


@given(
    arrays(np.float32, (5, 7), elements=st.floats(-8, 8, width=16)),
    st.integers(5, 40),
    st.integers(7, 40),
)
def test_upscaling_is_what_pillow_calls_bilinear(logits: Any, height: int, width: int) -> None:
    wanted = np.asarray(Image.fromarray(logits).resize((width, height), Image.Resampling.BILINEAR))
    clear = np.abs(wanted) > 1e-4
    assert (upscaled_above(logits, width, height) == (wanted > 0))[clear].all()


def test_a_large_photo_is_upscaled_in_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    logits = np.random.default_rng(3).normal(size=(9, 11)).astype(np.float32)
    whole = upscaled_above(logits, 64, 50)
    monkeypatch.setattr("gen3d.masks._BAND", 7)
    assert np.array_equal(upscaled_above(logits, 64, 50), whole)


@given(masks)
def test_only_small_holes_are_filled(mask: MaskArray) -> None:
    filled = fill_holes(mask)
    assert (filled | mask).sum() == filled.sum()
    pieces, count = ndimage.label(filled & ~mask)
    for piece in range(1, count + 1):
        assert (pieces == piece).sum() <= HOLE_SHARE * mask.sum()
    border = np.concatenate([(filled & ~mask)[edge] for edge in (0, -1)])
    assert not border.any()
    assert np.array_equal(fill_holes(filled), filled) or mask.sum() != filled.sum()


def test_a_mask_is_written_as_the_service_takes_it() -> None:
    mask = np.zeros((5, 8), np.bool_)
    mask[1:3, 2:6] = True
    with Image.open(BytesIO(png(mask))) as image:
        assert (image.mode, image.size) == ("L", (8, 5))
        assert set(np.unique(np.asarray(image))) == {0, 255}
        assert np.array_equal(np.asarray(image) > 0, mask)


def test_a_preview_shows_masks_bright_and_points_as_dots() -> None:
    photo = Image.new("RGB", (200, 100), (200, 200, 200))
    one, two = np.zeros((2, 100, 200), np.bool_)
    one[20:60, 20:60], two[20:60, 120:160] = True, True
    shown = np.asarray(over_photo(photo, [one, two], [(40, 40, 1), (90, 90, 0)]))
    assert shown.shape == (100, 200, 3)
    assert shown[5, 5].mean() < 100 < shown[30, 30].mean()
    assert not np.array_equal(shown[30, 30], shown[30, 130])
    assert shown[40, 40].argmax() == 1
    assert shown[90, 90].argmax() == 0
