from __future__ import annotations

import random

import pytest
from gen3d_upload import mask as module
from gen3d_upload.limits import MAX_BYTES
from gen3d_upload.mask import CheckedMask, check_mask, drop_specks
from gen3d_upload.rejected import Rejected
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw

from tests.unit.upload.pictures import decode, disc, encode, png_of_size, scene

WIDTH, HEIGHT = 96, 72


def check(image: Image.Image) -> CheckedMask:
    return check_mask(encode(image, "PNG"), *image.size)


def code_of(data: bytes, width: int = WIDTH, height: int = HEIGHT) -> str:
    with pytest.raises(Rejected) as caught:
        check_mask(data, width, height)
    return caught.value.code


def same(checked: CheckedMask, wanted: Image.Image) -> bool:
    got = decode(checked.png)
    return got.mode == "L" and got.size == wanted.size and not ImageChops.difference(got, wanted).getbbox()


def with_alpha(colour: str, alpha: Image.Image) -> Image.Image:
    image = Image.new("RGBA", alpha.size, colour)
    image.putalpha(alpha)
    return image


def palette(image: Image.Image, inside: tuple[int, int, int]) -> Image.Image:
    indexed = image.point(lambda value: 1 if value else 0)
    indexed.putpalette([0, 0, 0, *inside])
    return indexed


def clear_palette(image: Image.Image) -> bytes:
    """A palette PNG whose index 0 is transparent and whose colours are all white."""
    indexed = image.point(lambda value: 1 if value else 0)
    indexed.putpalette([255] * 6)
    return encode(indexed, "PNG", transparency=0)


def sixteen_bits(image: Image.Image, inside: int) -> Image.Image:
    deep = Image.new("I;16", image.size)
    deep.paste(inside, mask=image)
    return deep


DISC = disc()
WAYS = {
    "0/255": encode(DISC, "PNG"),
    "0/1": encode(disc(value=1), "PNG"),
    "1 bit": encode(DISC.convert("1"), "PNG"),
    "RGB": encode(Image.merge("RGB", [DISC] * 3), "PNG"),
    "red": encode(Image.merge("RGB", [DISC, *[Image.new("L", DISC.size)] * 2]), "PNG"),
    "RGBA, opaque": encode(Image.merge("RGBA", [DISC] * 3 + [Image.new("L", DISC.size, 255)]), "PNG"),
    "alpha on black": encode(with_alpha("black", DISC), "PNG"),
    "alpha on white": encode(with_alpha("white", DISC), "PNG"),
    "LA": encode(Image.merge("LA", [Image.new("L", DISC.size, 40), DISC]), "PNG"),
    "palette": encode(palette(DISC, (255, 255, 255)), "PNG"),
    "palette of labels": encode(palette(DISC, (128, 0, 0)), "PNG"),
    "palette of 0/1": encode(palette(DISC, (1, 1, 1)), "PNG"),
    "palette with transparency": clear_palette(DISC),
    "16 bits": encode(sixteen_bits(DISC, 65535), "PNG"),
    "16 bits, 0/255": encode(sixteen_bits(DISC, 255), "PNG"),
    "16 bits, 0/1": encode(sixteen_bits(DISC, 1), "PNG"),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_say_inside_is_understood(way: str) -> None:
    checked = check_mask(WAYS[way], WIDTH, HEIGHT)
    assert same(checked, DISC)
    assert checked.pixels == DISC.histogram()[255]
    assert checked.coverage == checked.pixels / (WIDTH * HEIGHT)
    assert checked.specks_dropped == 0


@pytest.mark.parametrize("way", ["L", "alpha", "16 bits"])
def test_soft_edges_are_cut_at_half(way: str) -> None:
    ramp = Image.linear_gradient("L")  # rows 0 to 255
    soft = {
        "L": ramp,
        "alpha": with_alpha("white", ramp),
        "16 bits": Image.frombytes("I;16", ramp.size, b"".join(bytes([v, v]) for v in ramp.tobytes())),
    }[way]
    assert same(check(soft), ramp.point(lambda value: 255 if value >= 128 else 0))


def test_a_clean_mask_stays_as_it_is() -> None:
    once = check(DISC)
    assert check_mask(once.png, WIDTH, HEIGHT) == once


@pytest.mark.parametrize("data", [b"", b"GIF89a", encode(DISC, "JPEG"), encode(DISC, "WEBP")])
def test_other_files_are_unsupported(data: bytes) -> None:
    assert code_of(data) == "mask_unsupported"


def test_a_mask_over_20_mb_is_refused_unread() -> None:
    assert code_of(encode(DISC, "PNG") + bytes(MAX_BYTES)) == "mask_too_heavy"


@pytest.mark.parametrize("part", [0.2, 0.5, 0.9])
def test_a_truncated_mask_is_corrupt(part: float) -> None:
    noise = Image.effect_noise((400, 300), 80)
    data = encode(noise, "PNG")
    assert code_of(data[: int(len(data) * part)], 400, 300) == "mask_corrupt"


@pytest.mark.parametrize("size", [(WIDTH, HEIGHT + 1), (HEIGHT, WIDTH), (2 * WIDTH, 2 * HEIGHT)])
def test_a_mask_of_another_size_is_refused(size: tuple[int, int]) -> None:
    assert code_of(encode(disc(*size), "PNG")) == "mask_size_mismatch"


@pytest.mark.parametrize("side", [12_000, 60_000])
def test_a_bomb_is_refused_by_its_header(side: int) -> None:
    assert code_of(png_of_size(side, side)) == "mask_size_mismatch"


@pytest.mark.parametrize(
    "image", [Image.new("L", (100, 100)), with_alpha("white", Image.new("L", (100, 100)))]
)
def test_an_empty_mask_is_too_small(image: Image.Image) -> None:
    assert code_of(encode(image, "PNG"), 100, 100) == "mask_too_small"


@pytest.mark.parametrize(
    ("pixels", "code"), [(4, "mask_too_small"), (5, None), (9500, None), (9501, "mask_too_large")]
)
def test_the_limits_of_the_coverage(pixels: int, code: str | None) -> None:
    image = Image.new("L", (100, 100))
    image.putdata([255] * pixels + [0] * (10_000 - pixels))
    if code:
        assert code_of(encode(image, "PNG"), 100, 100) == code
    else:
        assert check(image).pixels == pixels


def test_an_opaque_photo_is_too_large_a_mask() -> None:
    assert code_of(encode(Image.new("RGBA", (WIDTH, HEIGHT), "white"), "PNG")) == "mask_too_large"


def test_pieces_and_holes_stay() -> None:
    image = Image.new("L", (200, 100))
    draw = ImageDraw.Draw(image)
    draw.rectangle((10, 10, 80, 80), fill=255)
    draw.rectangle((30, 30, 50, 50), fill=0)
    draw.rectangle((120, 20, 140, 40), fill=255)
    checked = check(image)
    assert same(checked, image)
    assert checked.specks_dropped == 0


def test_specks_are_dropped_and_counted() -> None:
    clean = disc(400, 400)
    dirty = clean.copy()
    for x, y in [(0, 0), (399, 0), (0, 399), (399, 399), (5, 5), (6, 6)]:
        dirty.putpixel((x, y), 255)  # the last two touch by a corner: one speck
    checked = check(dirty)
    assert same(checked, clean)
    assert checked.specks_dropped == 5


def test_a_piece_of_exactly_a_thousandth_stays() -> None:
    image = Image.new("L", (100, 100))
    image.putdata([255] * 4995 + [0] * 5005)
    ImageDraw.Draw(image).line((0, 99, 4, 99), fill=255)  # 5 of 5000
    assert check(image).specks_dropped == 0
    image.putpixel((4, 99), 0)  # 4 of 4999
    assert check(image).specks_dropped == 1


def test_a_mask_of_nothing_but_specks_is_too_small() -> None:
    image = Image.new("L", (300, 300))
    for x in range(0, 300, 3):
        for y in range(0, 300, 3):
            image.putpixel((x, y), 255)
    assert code_of(encode(image, "PNG"), 300, 300) == "mask_too_small"


def pieces(image: Image.Image) -> list[set[tuple[int, int]]]:
    """Connected pixels, by the definition."""
    left = {(x, y) for y in range(image.height) for x in range(image.width) if image.getpixel((x, y))}
    found = []
    while left:
        piece, border = set(), {left.pop()}
        while border:
            x, y = border.pop()
            piece.add((x, y))
            near = {(x + dx, y + dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)} & left
            left -= near
            border |= near
        found.append(piece)
    return found


@settings(max_examples=60)
@given(
    st.integers(1, 24),
    st.integers(1, 24),
    st.sampled_from([0.05, 0.3, 0.5, 0.6, 0.9]),
    st.sampled_from([0.001, 0.02, 0.1, 0.3]),
    st.randoms(use_true_random=False),
)
def test_specks_are_what_the_definition_says(
    width: int, height: int, density: float, limit: float, chance: random.Random
) -> None:
    image = Image.new("L", (width, height))
    image.putdata([255 * (chance.random() < density) for _ in range(width * height)])
    total = image.histogram()[255]
    wanted = image.copy()
    specks = [piece for piece in pieces(image) if len(piece) < limit * total]
    for piece in specks:
        for pixel in piece:
            wanted.putpixel(pixel, 0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SPECK", limit)
        kept, count = drop_specks(image)
    assert count == len(specks)
    assert kept.tobytes() == wanted.tobytes()


@pytest.mark.parametrize("size", [(640, 480), (641, 479), (64, 1)])
def test_noise_beyond_the_limit_of_work_is_judged_coarsely(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MAX_RUNS", 200)
    noise = Image.effect_noise(size, 80).point(lambda value: 255 if value > 128 else 0)
    kept, _ = drop_specks(noise)
    assert kept.size == noise.size
    assert not ImageChops.subtract(kept, noise).getbbox()


@pytest.mark.parametrize("limit", [100, 700])
def test_the_work_is_bounded(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    joined: list[int] = []
    join = module._pieces

    def counted(runs: list[tuple[int, int]], stride: int) -> list[int]:
        joined.append(len(runs))
        return join(runs, stride)

    monkeypatch.setattr(module, "_pieces", counted)
    monkeypatch.setattr(module, "_MAX_RUNS", limit)
    drop_specks(Image.effect_noise((300, 200), 80).point(lambda value: 255 if value > 128 else 0))
    assert 0 < joined[0] <= limit + 1
    assert len(joined) == 1


def test_a_coarse_judgement_still_drops_what_lies_far_away(monkeypatch: pytest.MonkeyPatch) -> None:
    clean = disc(401, 301)
    dirty = clean.copy()
    dirty.putpixel((3, 3), 255)
    monkeypatch.setattr(module, "_MAX_RUNS", 100)
    kept, count = drop_specks(dirty)
    assert (kept.tobytes(), count) == (clean.tobytes(), 1)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow warns of what it can skip
@settings(max_examples=200)
@given(st.sampled_from(sorted(WAYS)), st.data())
def test_damage_is_accepted_or_rejected_but_never_an_accident(way: str, data: st.DataObject) -> None:
    damaged = bytearray(WAYS[way])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    try:
        checked = check_mask(bytes(damaged), WIDTH, HEIGHT)
    except Rejected:
        return
    assert sum(decode(checked.png).histogram()[1:255]) == 0


def test_a_photo_is_no_mask() -> None:
    assert code_of(encode(scene().convert("RGB"), "PNG")) == "mask_too_large"
