"""The weight-free segmenter: its decoder conforms, and one click on a clean product photo is enough."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from gen3d_inference.engines import Embedding, MaskArray, Photo
from gen3d_inference.engines.classical import ClassicalSegmenter
from gen3d_inference.tasks import manifest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import parser
from PIL import Image
from safetensors.numpy import save
from scipy.ndimage import binary_erosion, gaussian_filter

from benchmarks.click_protocol import Click, Clicks, innermost, interaction, overlap
from benchmarks.product_photos import render
from benchmarks.products import PRODUCTS
from tests.conformance import violations
from tests.unit.inference.solids import Points, picture_plane

SIZE = 512
SCENES = Path(__file__).parents[4] / "shared" / "eval"


def product_photo(mask: MaskArray, colour: NDArray[np.float64], shade: Points) -> Photo:
    """An object on a bright table that darkens towards its lower edge, with soft edges and noise."""
    _, z = picture_plane(SIZE)
    table = np.array([236, 234, 230]) * (1 - 0.12 * np.clip(-z, 0, 1))[..., None]
    lit = colour * (0.4 + 0.6 * shade)[..., None]
    soft = gaussian_filter(np.where(mask[..., None], lit, table), (0.8, 0.8, 0))
    noisy = soft + np.random.default_rng(1).normal(0, 2, soft.shape)
    return np.asarray(noisy.clip(0, 255), dtype=np.uint8)


def ball() -> tuple[MaskArray, Points]:
    x, z = picture_plane(SIZE)
    towards = np.sqrt(np.clip(1 - x * x - z * z, 0, 1))
    return x * x + z * z < 1, np.clip(0.7 * towards - 0.4 * x + 0.6 * z, 0, 1)


RED = (190.0, 60.0, 40.0)


@cache
def ball_clicks() -> Clicks:
    """A plain red ball, embedded once for all tests that click it."""
    truth, shade = ball()
    return Clicks(product_photo(truth, np.array(RED), shade))


def noise(height: int, width: int) -> Photo:
    """The photo that is hardest to embed."""
    return np.random.default_rng(2).integers(0, 256, (height, width, 3), dtype=np.uint8)


@cache
def noise_clicks(height: int, width: int) -> Clicks:
    return Clicks(noise(height, width))


@cache
def flat() -> Embedding:
    return ClassicalSegmenter().embed(np.zeros((32, 256, 3), np.uint8))


def mug() -> MaskArray:
    x, z = picture_plane(SIZE)
    handle = np.hypot(x - 0.55, z)
    return np.asarray(
        ((np.abs(x) < 0.5) & (np.abs(z) < 0.7)) | ((handle < 0.45) & (handle > 0.3) & (x > 0.3))
    )


@pytest.mark.parametrize("shape", [(64, 64), (64, 8192), (301, 99)])
def test_the_decoder_conforms_for_photos_of_every_shape(shape: tuple[int, int]) -> None:
    clicks = noise_clicks(*shape)
    embedding = clicks.embedding
    assert list(violations(clicks.manifest, embedding.tensors, embedding.decoder)) == []


def test_the_decoder_is_one_small_file_for_all_photos() -> None:
    graphs = [embedding.decoder["decode"] for embedding in (flat(), ball_clicks().embedding)]
    assert graphs[0] == graphs[1]
    assert len(graphs[0]) < 3_000_000


@pytest.mark.parametrize("shape", [(50, 100), (2048, 2048)])
def test_a_flat_photo_is_no_problem(shape: tuple[int, int]) -> None:
    outputs = Clicks(np.full((*shape, 3), 127, np.uint8)).logits([Click(50, 25, 1)])
    assert np.isfinite(outputs).all()


def test_no_click_at_all_marks_nothing() -> None:
    assert not ball_clicks().mask([]).any()


def test_one_click_takes_a_plain_object() -> None:
    truth, clicks = ball()[0], ball_clicks()
    assert overlap(clicks.mask([Click(256, 256, 1)]), truth) > 0.95


def test_one_click_takes_a_striped_object_and_candidate_1_no_more_of_it() -> None:
    truth, shade = ball()
    x, z = picture_plane(SIZE)
    striped = (np.floor((z + 0.2 * x) * 4) % 2 < 1)[..., None]
    colour = np.where(striped, np.array(RED), np.array([235.0, 200, 60]))
    clicks = Clicks(product_photo(truth, colour, shade))
    assert overlap(clicks.mask([Click(256, 256, 1)]), truth) > 0.9
    part, whole = (clicks.mask([Click(256, 256, 1)], candidate=number).sum() for number in (1, 3))
    assert part <= whole


def test_a_click_away_opens_the_hole_of_a_handle() -> None:
    truth = mug()
    clicks = Clicks(product_photo(truth, np.array([40.0, 90, 170]), np.full(truth.shape, 0.8)))
    body, hole = Click(256, 256, 1), Click(256 + 0.62 / 1.25 * 256, 256, 0)
    assert overlap(clicks.mask([body, hole]), truth) > 0.95


def test_a_click_on_the_background_does_not_take_the_object() -> None:
    truth, clicks = ball()[0], ball_clicks()
    assert not (clicks.mask([Click(20, 20, 1)]) & truth).sum() > 0.02 * truth.sum()


def test_a_box_alone_takes_the_object_in_it_and_nothing_outside() -> None:
    truth, clicks = ball()[0], ball_clicks()
    taken = clicks.mask([Click(40, 40, 2), Click(472, 472, 3)])
    assert overlap(taken, truth) > 0.95
    half = clicks.mask([Click(40, 40, 2), Click(256, 472, 3)])
    assert not half[:, 264:].any()
    assert half[:, :248].any()


def test_points_outside_the_photo_are_taken_at_its_border() -> None:
    assert np.isfinite(ball_clicks().logits([Click(-50, 900, 1), Click(512, 512, 0)])).all()


@pytest.mark.parametrize("shape", [(64, 8192), (8192, 64), (64, 64)])
def test_sides_from_64_to_8192_px_give_finite_masks_in_a_small_file(shape: tuple[int, int]) -> None:
    clicks = noise_clicks(*shape)
    assert np.isfinite(clicks.logits([Click(shape[1] / 2, shape[0] / 2, 1)])).all()
    assert len(save(clicks.embedding.tensors)) < 3_000_000


PLACE = st.floats(-20, SIZE + 20) | st.sampled_from([0.0, float(SIZE), SIZE - 1e-3])


@settings(deadline=None, max_examples=20)
@given(st.lists(st.builds(Click, PLACE, PLACE, st.sampled_from([1, 0, -1])), max_size=24))
def test_any_clicks_give_finite_masks(clicks: list[Click]) -> None:
    assert np.isfinite(ball_clicks().logits(clicks)).all()


@pytest.mark.parametrize("corner", [(100, 100), (100, 400), (400, 100)])
def test_a_box_without_width_or_height_gives_finite_masks(corner: tuple[float, float]) -> None:
    assert np.isfinite(ball_clicks().logits([Click(100, 100, 2), Click(*corner, 3)])).all()


def test_the_same_photo_gives_the_same_tensors() -> None:
    one, other = noise_clicks(301, 99).embedding.tensors, Clicks(noise(301, 99)).embedding.tensors
    assert all(np.array_equal(one[name], other[name]) for name in one)


@cache
def bowl() -> tuple[Clicks, MaskArray, Click]:
    """White on light grey, and a click in its middle."""
    photo, truth = render(PRODUCTS[2], SIZE)
    x, y, _ = innermost(truth)
    return Clicks(photo), truth, Click(x + 0.5, y + 0.5, 1)


def test_one_click_takes_a_white_bowl_on_light_grey() -> None:
    clicks, truth, middle = bowl()
    assert overlap(clicks.mask([middle]), truth) > 0.95


def test_a_second_click_on_the_object_does_not_lose_it() -> None:
    clicks, truth, middle = bowl()
    inside = binary_erosion(truth, iterations=8)  # nearer the edge a superpixel may be the ground's
    least = overlap(clicks.mask([middle]), truth) - 0.05
    for y, x in np.argwhere(inside[::16, ::16]) * 16:
        assert overlap(clicks.mask([middle, Click(x + 0.5, y + 0.5, 1)]), truth) > least, (x, y)


@pytest.mark.skipif(not SCENES.is_dir(), reason="no photos with true masks on this machine")
def test_clicks_in_scenes_keep_their_quality() -> None:
    photo = np.asarray(Image.open(SCENES / "traffic" / "image.jpg").convert("RGB"))
    clicks = Clicks(photo)
    frame = (clicks.width, clicks.height) = clicks.embedding.mask_size
    paths = sorted(SCENES.glob("traffic/*.png"))
    masks = [np.asarray(Image.open(path).convert("L").resize(frame)) > 127 for path in paths]
    means = np.mean([list(interaction(clicks.mask, truth)) for truth in masks], axis=0)
    assert means[0] > 0.28
    assert means[2] > 0.5
    assert means[4] > 0.5


BROKEN = """
<ir_version: 8, opset_import: ["" : 17]>
broken (
    float16[1, 9, height, width] features, float[1, points, 2] point_coords, float[1, points] point_labels,
    float[1, 1, height, width] mask_input{more}
) => (float[1, 4, height, width] masks, float[1, 4] scores, float[1] object_score)
<int64[4] four = {{1, 4, 1, 1}}, int64[1] last = {{1}}, int64[2] flat = {{1, 4}}, float zero = {{0.0}}>
{{
    {masks}
    four_masks = Expand (plane, four)
    masks = Identity (four_masks)
    row = ReduceMax <axes = [2, 3], keepdims = 0> (masks)
    scores = Identity (row)
    object_score = ReduceMax <axes = [1], keepdims = 0> (row)
}}
"""
DEAF = "plane = Mul (mask_input, zero)"
COUNTING_PADDING = """
    mean = ReduceMean <axes = [1, 2], keepdims = 1> (point_coords)
    mean_plane = Unsqueeze (mean, last)
    plane = Add (mask_input, mean_plane)
"""


@pytest.mark.parametrize(
    ("masks", "more", "said"),
    [
        (DEAF, "", "a click on the background gives the same masks"),
        (DEAF, "", "two boxes give the same masks"),
        (DEAF, "", "an earlier mask changes nothing"),
        (COUNTING_PADDING, "", "padding label -1 change the masks"),
        (DEAF, ", float[1] invented", "Nothing provides its input 'invented'"),
    ],
)
def test_the_conformance_check_tells_a_decoder_that_breaks_the_contract(
    masks: str, more: str, said: str
) -> None:
    good = flat()
    graph = parser.parse_model(BROKEN.format(masks=masks, more=more)).SerializeToString()
    broken = Embedding(good.tensors, good.input_size, good.mask_size, good.preprocessing, {"decode": graph})
    told = list(
        violations(manifest(ClassicalSegmenter.engine, broken, 256, 32), broken.tensors, broken.decoder)
    )
    assert any(said in sentence for sentence in told), told


def test_the_conformance_check_tells_a_manifest_that_does_not_fit() -> None:
    good = flat()
    fitting = manifest(ClassicalSegmenter.engine, good, 256, 32)
    graph = fitting.decoder[0]
    for changed, said in (
        ({"tensors": fitting.tensors[:1]}, "announces the tensors"),
        ({"decoder": ()}, "announces the graphs"),
        ({"decoder": (graph.model_copy(update={"bytes": 5}),)}, "the announced hash and length"),
        (
            {"decoder": (graph.model_copy(update={"key": "decoders/1.onnx"}),)},
            "does not name its content",
        ),
    ):
        told = list(violations(fitting.model_copy(update=changed), good.tensors, good.decoder))
        assert len(told) == 1
        assert said in told[0]
