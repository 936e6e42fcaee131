"""The segmenter `sam3` on random weights: tensors, manifest, clicks by the client, and what is missing."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from gen3d.clicks import Clicks
from gen3d_events.inference import EmbeddingManifest
from gen3d_inference.engines import Embedding, EngineUnavailable, Photo
from gen3d_inference.engines.sam3 import Sam3Segmenter
from gen3d_inference.tasks import manifest
from safetensors.numpy import load, load_file, save_file

from tests.conformance import violations
from tests.models.conftest import SIZE, Exported
from tests.models.weights import FILE, lay_out

SIDE = SIZE // 14
FORMS = [
    {},
    {"GEN3D_SAM3_DECODER": "single"},
    {"GEN3D_SAM3_EMBEDDING": "uint8"},
]


def embedded(exported: Exported, photo: Photo, settings: dict[str, str]) -> Embedding:
    return Sam3Segmenter.load({**exported.environment, **settings}).embed(photo)


def described(embedding: Embedding, photo: Photo) -> EmbeddingManifest:
    height, width, _ = photo.shape
    return manifest(Sam3Segmenter.engine, embedding, width, height)


def clicks(embedding: Embedding, photo: Photo) -> Clicks:
    content = described(embedding, photo).model_dump_json().encode()
    return Clicks(content, embedding.content, embedding.decoder)


@pytest.mark.parametrize("settings", FORMS, ids=str)
def test_the_decoder_conforms(exported: Exported, photo: Photo, settings: dict[str, str]) -> None:
    embedding = embedded(exported, photo, settings)
    assert list(violations(described(embedding, photo), embedding.tensors, embedding.decoder)) == []


def test_the_embedding_is_what_the_manifest_says(exported: Exported, photo: Photo) -> None:
    embedding = embedded(exported, photo, {})
    about = described(embedding, photo)
    assert {(spec.name, spec.shape, spec.dtype) for spec in about.tensors} == {
        ("image_embed", (1, 256, SIDE, SIDE), "float16"),
        ("high_res_0", (1, 32, 4 * SIDE, 4 * SIDE), "float16"),
        ("high_res_1", (1, 64, 2 * SIDE, 2 * SIDE), "float16"),
    }
    assert (about.input_width, about.input_height) == (SIZE, SIZE)
    assert (about.mask_width, about.mask_height) == (4 * SIDE, 4 * SIDE)
    assert [graph.role for graph in about.decoder] == ["prepare", "mask", "decode"]
    assert not about.engine.weight_free
    stored = load(embedding.content)
    assert all(np.array_equal(stored[name], tensor) for name, tensor in embedding.tensors.items())


def test_8_bits_halve_the_embedding_and_hardly_change_the_masks(exported: Exported, photo: Photo) -> None:
    half, eighth = (embedded(exported, photo, form) for form in (FORMS[0], FORMS[2]))
    assert len(eighth.content) < 0.55 * len(half.content)
    for name, tensor in half.tensors.items():
        step, lowest = eighth.tensors[f"{name}_step"], eighth.tensors[f"{name}_lowest"]
        restored = lowest + eighth.tensors[name] * step
        assert np.all(np.abs(restored - tensor) <= 0.51 * step + 2e-3 * np.abs(tensor))
    # Which candidate is taken may change where two are as good as each other; the others are compared.
    one, other = (
        clicks(embedding, photo).segment([(110, 80, 1)])[0].logits[1:] for embedding in (half, eighth)
    )
    assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.99


def test_both_forms_of_the_decoder_make_the_same_masks_click_by_click(
    exported: Exported, photo: Photo
) -> None:
    """A point, a box, and three refinements of the mask before."""
    split, single = (clicks(embedded(exported, photo, form), photo) for form in FORMS[:2])
    boxed = [form.segment(boxes=[(40, 30, 160, 120)])[0].logits for form in (split, single)]
    assert np.abs(boxed[0] - boxed[1]).max() < 1e-4
    earlier = [None, None]
    points: list[tuple[float, float, int]] = []
    for point in ((110.0, 80.0, 1), (20.0, 20.0, 0), (150.0, 100.0, 1), (60.0, 130.0, 0)):
        points.append(point)
        found = [
            form.segment(points, earlier=mask)[0] for form, mask in zip((split, single), earlier, strict=True)
        ]
        assert np.abs(found[0].logits - found[1].logits).max() < 1e-4
        assert np.allclose(found[0].scores, found[1].scores, atol=1e-4)
        earlier = [segmentation.logits[0] for segmentation in found]


def test_an_earlier_mask_counts_only_where_it_is_given(exported: Exported, photo: Photo) -> None:
    ready = clicks(embedded(exported, photo, {}), photo)
    first = ready.segment([(110, 80, 1)])[0]
    refined = ready.segment([(110, 80, 1)], earlier=4 * first.logits[0])[0]
    again = ready.segment([(110, 80, 1)])[0]
    assert not np.array_equal(refined.logits, first.logits)
    assert np.array_equal(again.logits, first.logits)


def test_the_photo_is_seen_whole_and_upright(exported: Exported, photo: Photo) -> None:
    """Features of a photo that is turned are not those of the photo; its size in px is of no matter."""
    segmenter = Sam3Segmenter.load(exported.environment)
    seen = segmenter.embed(photo).tensors["image_embed"]
    assert not np.allclose(segmenter.embed(photo[::-1].copy()).tensors["image_embed"], seen, atol=1e-2)
    twice = segmenter.embed(photo.repeat(2, 0).repeat(2, 1)).tensors["image_embed"]
    assert np.corrcoef(twice.ravel(), seen.ravel())[0, 1] > 0.99


@pytest.mark.parametrize(
    ("missing", "remedy"),
    [
        ("model.safetensors", r"model\.safetensors missing.*gen3d_inference\.weights fetch"),
        ("config.json", r"config\.json missing.*gen3d_inference\.weights fetch"),
        ("decoder/decode.onnx", r"gen3d_inference\.export_decoder --weights"),
    ],
)
def test_what_is_missing_is_said_with_the_remedy(
    exported: Exported, tmp_path: Path, missing: str, remedy: str
) -> None:
    shutil.copytree(exported.weights, tmp_path, dirs_exist_ok=True)
    (tmp_path / "sam3" / missing).unlink()
    with pytest.raises(EngineUnavailable, match=remedy):
        Sam3Segmenter.load({"GEN3D_WEIGHTS": str(tmp_path)})


def test_weights_are_read_as_the_hub_lays_them_out(exported: Exported, photo: Photo, tmp_path: Path) -> None:
    """facebook/sam3 is the whole video model, in which the tracker takes the detector's image encoder."""
    shutil.copytree(exported.weights, tmp_path, dirs_exist_ok=True)
    lay_out(exported.model, tmp_path / "sam3")
    there = Sam3Segmenter.load({"GEN3D_WEIGHTS": str(tmp_path)}).embed(photo)
    assert there.content == embedded(exported, photo, {}).content


def test_weights_that_lack_a_part_are_refused(exported: Exported, tmp_path: Path) -> None:
    shutil.copytree(exported.weights, tmp_path, dirs_exist_ok=True)
    file = tmp_path / "sam3" / FILE
    weights = load_file(file)
    del weights["tracker_model.mask_decoder.iou_token.weight"]
    save_file(weights, file, {"format": "pt"})
    with pytest.raises(EngineUnavailable, match=r"iou_token.*gen3d_inference\.weights fetch"):
        Sam3Segmenter.load({"GEN3D_WEIGHTS": str(tmp_path)})


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (FILE, lambda whole: whole[: len(whole) // 2], "SafetensorError: "),
        (FILE, lambda _: b"", "SafetensorError: "),
        ("config.json", lambda whole: whole[:50], "OSError: "),
        ("config.json", lambda _: b"[]", "TypeError: "),
        ("config.json", lambda _: b"{}", "RuntimeError: "),
    ],
)
def test_a_damaged_file_is_said_with_the_remedy(
    exported: Exported, tmp_path: Path, name: str, content: Callable[[bytes], bytes], said: str
) -> None:
    shutil.copytree(exported.weights, tmp_path, dirs_exist_ok=True)
    file = tmp_path / "sam3" / name
    file.write_bytes(content(file.read_bytes()))
    told = rf"SAM 3's weights in .* cannot be read \({said}.*weights verify.*weights fetch"
    with pytest.raises(EngineUnavailable, match=re.compile(told, re.DOTALL)):
        Sam3Segmenter.load({"GEN3D_WEIGHTS": str(tmp_path)})


def test_an_unknown_form_is_refused(exported: Exported) -> None:
    with pytest.raises(EngineUnavailable, match=r"Set them to one of: split with float16"):
        Sam3Segmenter.load({**exported.environment, "GEN3D_SAM3_DECODER": "quick"})
