"""Points and boxes become masks, with the real decoder of the weight-free segmenter."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from gen3d.clicks import CANDIDATES, Clicks, Decoder
from gen3d.errors import Gen3DError, NoMask, WrongUsage
from gen3d.masks import MaskArray
from gen3d.prompts import Box, Point, check_prompts, corners, objects
from hypothesis import given
from hypothesis import strategies as st
from onnx import parser
from safetensors.numpy import load, save

from tests.unit.client import clickable
from tests.unit.client.clickable import BLUE, BLUE_BOX, HEIGHT, RED, RED_BOX, WIDTH, disc

FILES = clickable.files()
ON_RED: Point = (*RED, 1)


def clicks(**changes: bytes) -> Clicks:
    files = FILES | {name.replace("__", "."): content for name, content in changes.items()}
    return Clicks(files["manifest.json"], files["embedding.safetensors"], {"decode": files["decode.onnx"]})


@pytest.fixture(scope="module")
def ready() -> Clicks:
    return clicks()


def overlap(one: MaskArray, other: MaskArray) -> float:
    return float((one & other).sum() / (one | other).sum())


@pytest.mark.parametrize("centre", [RED, BLUE])
def test_a_point_chooses_the_object_that_it_is_on(ready: Clicks, centre: tuple[int, int]) -> None:
    (found,) = ready.segment([(*centre, 1)])
    mask = found.mask()
    assert mask.shape == (HEIGHT, WIDTH)
    assert overlap(mask, disc(centre)) > 0.95
    assert found.logits.shape[0] == found.scores.shape[0] == CANDIDATES
    assert found.engine.weight_free
    assert found.points == ((*centre, 1),)


def test_each_box_is_an_object_of_its_own(ready: Clicks) -> None:
    red, blue = ready.segment(boxes=[RED_BOX, BLUE_BOX])
    assert overlap(red.mask(), disc(RED)) > 0.9
    assert overlap(blue.mask(), disc(BLUE)) > 0.9


def test_a_box_may_be_drawn_from_any_corner(ready: Clicks) -> None:
    x0, y0, x1, y1 = RED_BOX
    one, other = (ready.segment(boxes=[box])[0].logits for box in [RED_BOX, (x1, y0, x0, y1)])
    assert np.array_equal(one, other)


def test_a_mask_can_be_refined(ready: Clicks) -> None:
    (first,) = ready.segment([ON_RED])
    (refined,) = ready.segment([ON_RED, (*BLUE, 0)], earlier=first.logits[0])
    assert overlap(refined.mask(), disc(RED)) > 0.95


@pytest.mark.parametrize(
    ("points", "boxes", "code"),
    [
        ([], [], "no_positive_point"),
        ([(9, 9, 0)], [], "no_positive_point"),
        ([(-1, 9, 1)], [], "point_outside_photo"),
        ([(9, HEIGHT + 0.1, 1)], [], "point_outside_photo"),
        ([ON_RED, (math.nan, 9, 0)], [], "point_outside_photo"),
        ([], [(0, 0, WIDTH + 1, 9)], "point_outside_photo"),
        ([], [(5, 5, 5, 9)], "box_empty"),
        ([(500, 20, 1)], [RED_BOX, BLUE_BOX], "point_outside_boxes"),
        ([(500, 20, 0)], [RED_BOX, BLUE_BOX], "point_outside_boxes"),
        ([(500, 20, 1)], [RED_BOX], "point_outside_boxes"),
    ],
)
def test_what_cannot_be_meant(ready: Clicks, points: list[Point], boxes: list[Box], code: str) -> None:
    with pytest.raises(WrongUsage) as caught:
        ready.segment(points, boxes)
    assert caught.value.code == code
    assert caught.value.hint


def test_beside_a_single_box_points_may_take_away(ready: Clicks) -> None:
    (found,) = ready.segment([(500, 20, 0)], [RED_BOX])
    assert overlap(found.mask(), disc(RED)) > 0.9


def test_the_border_belongs_to_the_photo(ready: Clicks) -> None:
    for point in [(0, 0), (WIDTH, HEIGHT)]:
        ready.segment([(*point, 1)])


@pytest.mark.parametrize("points", [[(1, 2)], [(1, 2, 2)], [(1, 2, -1)]])
def test_a_point_is_three_numbers(ready: Clicks, points: Any) -> None:
    with pytest.raises(WrongUsage, match="A point is x, y and 1"):
        ready.segment(points)


def test_a_box_is_four_numbers(ready: Clicks) -> None:
    box: Any = (1, 2, 3)
    with pytest.raises(WrongUsage, match="A box is x, y"):
        ready.segment([], [box])


def test_points_and_boxes_may_be_arrays(ready: Clicks) -> None:
    points: Any = np.array([ON_RED])
    boxes: Any = np.array([RED_BOX])
    assert overlap(ready.segment(points)[0].mask(), disc(RED)) > 0.9
    assert overlap(ready.segment([], boxes)[0].mask(), disc(RED)) > 0.9


def test_an_earlier_mask_of_another_size_and_a_candidate_that_is_none(ready: Clicks) -> None:
    with pytest.raises(WrongUsage, match="earlier mask"):
        ready.segment([ON_RED], earlier=np.zeros((3, 3), np.float32))
    for candidate in (4, -1):
        with pytest.raises(WrongUsage, match="no candidate"):
            ready.segment([ON_RED])[0].mask(candidate)


def test_nothing_found(ready: Clicks) -> None:
    (found,) = ready.segment([ON_RED])
    nothing = type(found)(**{**vars(found), "logits": np.full_like(found.logits, -1)})
    with pytest.raises(NoMask) as caught:
        nothing.mask()
    assert caught.value.code == "selection_empty"


def manifest(**changes: Any) -> bytes:
    return json.dumps(json.loads(FILES["manifest.json"]) | changes).encode()


def without(name: str) -> bytes:
    return save({key: value for key, value in load(FILES["embedding.safetensors"]).items() if key != name})


def one_byte_changed() -> bytes:
    content = FILES["embedding.safetensors"]
    return content[:-100] + bytes([content[-100] ^ 1]) + content[-99:]


GREETER = """
<ir_version: 8, opset_import: ["" : 17]>
greeter (float[1, 3] hello) => (float[1, 3] masks) { masks = Relu (hello) }
"""


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("embedding_corrupt", {"embedding__safetensors": FILES["embedding.safetensors"][:-7]}),
        ("embedding_corrupt", {"embedding__safetensors": FILES["embedding.safetensors"][:100]}),
        ("embedding_corrupt", {"embedding__safetensors": b"<Error>no</Error>"}),
        ("embedding_corrupt", {"embedding__safetensors": b""}),
        ("embedding_corrupt", {"embedding__safetensors": without("border_calm")}),
        ("embedding_corrupt", {"embedding__safetensors": one_byte_changed()}),
        ("embedding_corrupt", {"manifest__json": b"{"}),
        ("embedding_corrupt", {"manifest__json": manifest(mask_width=0)}),
        ("decoder_mismatch", {"decode__onnx": FILES["decode.onnx"][:-9]}),
        ("decoder_mismatch", {"decode__onnx": parser.parse_model(GREETER).SerializeToString()}),
        ("decoder_mismatch", {"manifest__json": manifest(decoder=[])}),
    ],
)
def test_damaged_files(code: str, changes: dict[str, bytes]) -> None:
    with pytest.raises(NoMask) as caught:
        clicks(**changes).segment([ON_RED])
    assert caught.value.code == code


@pytest.mark.parametrize("graph", [b"no graph", parser.parse_model(GREETER).SerializeToString()])
def test_a_decoder_of_another_engine_under_the_announced_hash(
    monkeypatch: pytest.MonkeyPatch, ready: Clicks, graph: bytes
) -> None:
    fresh = clicks()
    monkeypatch.setattr(fresh, "_graphs", {"decode": graph})
    with pytest.raises(NoMask) as caught:
        fresh.segment([ON_RED])
    assert caught.value.code == "decoder_mismatch"


def test_the_prepare_graph_of_a_decoder_runs_once_for_its_tensors() -> None:
    """It doubles `features` for a decoder that wants them so."""
    prepare = parser.parse_model("""
    <ir_version: 8, opset_import: ["" : 17]>
    prepare (float16[1, c, h, w] features) => (float16[1, c, h, w] doubled) {
        doubled = Add (features, features)
    }
    """).SerializeToString()
    tensors = load(FILES["embedding.safetensors"])
    decoder = Decoder(clicks().manifest, tensors, {"prepare": prepare, "decode": FILES["decode.onnx"]})
    assert np.array_equal(decoder._tensors["doubled"], 2 * tensors["features"])


def test_the_mask_graph_of_a_decoder_replaces_tensors_for_an_earlier_mask_alone() -> None:
    """It turns the earlier mask round, inside out."""
    mask = parser.parse_model("""
    <ir_version: 8, opset_import: ["" : 17]>
    mask (float[1, 1, h, w] mask_input) => (float[1, 1, h, w] masked_mask_input) {
        masked_mask_input = Neg (mask_input)
    }
    """).SerializeToString()
    tensors, decode = load(FILES["embedding.safetensors"]), FILES["decode.onnx"]
    turning = Decoder(clicks().manifest, tensors, {"mask": mask, "decode": decode})
    plain = Decoder(clicks().manifest, tensors, {"decode": decode})
    point, label = np.array([[60, 60]], np.float32), np.array([1], np.float32)
    earlier = plain.decode(point, label)["masks"][0, 0]
    assert np.array_equal(
        turning.decode(point, label, earlier)["masks"], plain.decode(point, label, -earlier)["masks"]
    )
    assert np.array_equal(turning.decode(point, label)["masks"], plain.decode(point, label)["masks"])


numbers = st.floats(-50, 700) | st.just(math.nan)
points = st.lists(st.tuples(numbers, numbers, st.integers(0, 1)), max_size=4)
boxes = st.lists(st.tuples(numbers, numbers, numbers, numbers), max_size=3)


@given(points, boxes)
def test_every_prompt_is_understood_or_refused_with_a_code(
    points: Sequence[Point], boxes: Sequence[Box]
) -> None:
    found, refused = [], ""
    try:
        found = READY.segment(points, boxes)
    except Gen3DError as error:
        refused = error.code
    assert refused in {"", "no_positive_point", "point_outside_photo", "point_outside_boxes", "box_empty"}
    assert len(found) == (0 if refused else max(1, len(boxes)))
    assert all(np.isfinite(it.logits).all() for it in found)


READY = clicks()


@given(points, st.lists(st.tuples(numbers, numbers, numbers, numbers), min_size=2, max_size=4))
def test_with_several_boxes_a_point_counts_where_it_lies(
    points: Sequence[Point], boxes: Sequence[Box]
) -> None:
    try:
        check_prompts(points, boxes)
    except WrongUsage:
        return
    for of_box, box in objects(points, boxes):
        assert box
        (left, top), (right, bottom) = corners(box)
        for point in points:
            assert (point in of_box) == (left <= point[0] <= right and top <= point[1] <= bottom)
