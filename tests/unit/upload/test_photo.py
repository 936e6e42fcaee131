from __future__ import annotations

from io import BytesIO

import pytest
from gen3d_upload.limits import MAX_BYTES
from gen3d_upload.photo import _scans, check_photo
from gen3d_upload.rejected import Rejected
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageOps, ImageStat

from tests.unit.upload.pictures import decode, encode, png_of_size, scene

FORMATS = ["JPEG", "PNG", "WEBP"]
EXIF_ORIENTATION = 0x0112
TOLERANCE = 40  # levels, for JPEG's loss


def code_of(data: bytes) -> str:
    with pytest.raises(Rejected) as caught:
        check_photo(data)
    return caught.value.code


def with_orientation(image: Image.Image, orientation: int, format: str) -> bytes:
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = orientation
    return encode(image, format, exif=exif)


@pytest.mark.parametrize("format", FORMATS)
def test_a_photo_is_known_by_its_content(format: str) -> None:
    checked = check_photo(encode(scene(), format))
    assert (checked.width, checked.height, checked.format) == (96, 72, format.lower())
    thumbnail = decode(checked.thumbnail)
    assert (thumbnail.format, thumbnail.mode, thumbnail.size) == ("JPEG", "RGB", (96, 72))


@pytest.mark.parametrize(
    ("format", "mode"),
    [
        ("JPEG", "L"),
        ("JPEG", "CMYK"),
        ("PNG", "1"),
        ("PNG", "L"),
        ("PNG", "LA"),
        ("PNG", "P"),
        ("PNG", "RGBA"),
        ("WEBP", "RGBA"),
    ],
)
def test_every_mode_gives_a_thumbnail(format: str, mode: str) -> None:
    thumbnail = decode(check_photo(encode(scene(mode=mode), format)).thumbnail)
    wanted = scene(mode=mode).convert("RGB")
    assert max(ImageStat.Stat(ImageChops.difference(thumbnail, wanted)).median) < TOLERANCE


def test_sixteen_bits_become_eight_without_clipping() -> None:
    deep = Image.new("I;16", (64, 64), 128 * 257)
    thumbnail = decode(check_photo(encode(deep, "PNG")).thumbnail)
    assert all(abs(value - 128) < 5 for value in thumbnail.getpixel((32, 32)))  # type: ignore[union-attr]


def test_transparency_lies_on_white_in_the_thumbnail() -> None:
    clear = Image.new("RGBA", (64, 64), (255, 0, 0, 0))
    assert decode(check_photo(encode(clear, "PNG")).thumbnail).getpixel((9, 9)) == (255, 255, 255)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", FORMATS)
def test_size_and_thumbnail_are_upright(format: str, orientation: int) -> None:
    data = with_orientation(scene(), orientation, format)
    checked = check_photo(data)
    upright = ImageOps.exif_transpose(decode(data)).convert("RGB")
    assert (checked.width, checked.height) == upright.size
    thumbnail = decode(checked.thumbnail)
    assert thumbnail.size == upright.size
    assert max(ImageStat.Stat(ImageChops.difference(thumbnail, upright)).mean) < TOLERANCE


def test_a_thumbnail_has_512_pixels_on_its_long_side_and_no_metadata() -> None:
    exif = Image.Exif()
    exif[0x010F] = "A camera"
    thumbnail = decode(check_photo(encode(scene(1500, 900), "JPEG", exif=exif)).thumbnail)
    assert thumbnail.size == (512, 307)
    assert not thumbnail.getexif()


@pytest.mark.parametrize(
    ("size", "code"),
    [
        ((64, 64), None),
        ((63, 64), "image_too_small"),
        ((64, 63), "image_too_small"),
        ((8192, 64), None),
        ((64, 8192), None),
        ((8193, 64), "image_too_large"),
        ((64, 8193), "image_too_large"),
    ],
)
def test_the_limits_of_the_size(size: tuple[int, int], code: str | None) -> None:
    data = encode(Image.new("L", size), "PNG")
    if code:
        assert code_of(data) == code
    else:
        checked = check_photo(data)
        assert (checked.width, checked.height) == size


@pytest.mark.parametrize(("width", "height"), [(12_000, 12_000), (60_000, 60_000), (2**31 - 1, 2**31 - 1)])
def test_a_bomb_is_refused_by_its_header(width: int, height: int) -> None:
    assert code_of(png_of_size(width, height)) == "image_too_large"


def test_a_jpeg_of_endless_scans_is_refused() -> None:
    data = encode(scene(), "JPEG", progressive=True)
    start = data.rindex(b"\xff\xda")
    assert code_of(data[:start] + data[start:-2] * 300 + data[-2:]) == "image_corrupt"


def test_what_lies_behind_or_beside_the_picture_is_no_scan() -> None:
    """A phone appends a video to its photo, and thumbnails and maps lie in segments."""
    data = encode(scene(), "JPEG", comment=b"\xff\xda" * 300)
    checked = check_photo(data + b"\xff\xda\x00\x0c" * 300)
    assert (checked.format, checked.width, checked.height) == ("jpeg", 96, 72)


@pytest.mark.parametrize(
    "cover", [b"", b"garbage", b"\xff\xff", b"\xff\x01", b"\xff\x02\xff\xff", b"\xff\xd0\xff\xff"]
)
def test_endless_scans_do_not_hide(cover: bytes) -> None:
    """Behind what a decoder skips: garbage, fill bytes, and markers without a length."""
    data = encode(scene(), "JPEG", progressive=True)
    start = data.rindex(b"\xff\xda")
    bomb = data[:start] + (cover + data[start:-2]) * 300 + data[-2:]
    assert _scans(bomb) > 200
    assert code_of(bomb) == "image_corrupt"


def test_every_scan_of_a_progressive_photo_is_counted() -> None:
    data = encode(scene(), "JPEG", progressive=True)
    assert _scans(data) == data.count(b"\xff\xda") > 3


def test_a_file_over_20_mb_is_refused_unread() -> None:
    assert code_of(encode(scene(), "PNG") + bytes(MAX_BYTES)) == "image_too_heavy"


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_a_truncated_photo_is_corrupt(format: str, part: float) -> None:
    data = encode(Image.effect_noise((700, 500), 80).convert("RGB"), format)
    assert code_of(data[: int(len(data) * part)]) == "image_corrupt"


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
def test_an_animation_is_refused(format: str) -> None:
    frames = [scene(), ImageOps.mirror(scene())]
    data = encode(frames[0], format, save_all=True, append_images=frames[1:], duration=100)
    assert code_of(data) == "image_animated"


def test_a_jpeg_with_a_second_picture_is_a_phone_photo() -> None:
    data = encode(scene(), "MPO", save_all=True, append_images=[scene(64, 64)])
    checked = check_photo(data)
    assert (checked.format, checked.width, checked.height) == ("jpeg", 96, 72)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"%PDF-1.7",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        encode(scene(), "GIF"),
        encode(scene(), "BMP"),
        encode(scene(), "TIFF"),
        encode(scene(), "JPEG2000"),
    ],
)
def test_other_files_are_unsupported(data: bytes) -> None:
    assert code_of(data) == "image_unsupported"


@pytest.mark.parametrize("magic", [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBP"])
def test_a_good_beginning_is_not_enough(magic: bytes) -> None:
    assert code_of(magic + b"nothing more") == "image_corrupt"


SAMPLES = [with_orientation(scene(), 6, format) for format in FORMATS] + [encode(scene(mode="P"), "PNG")]


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow warns of what it can skip
@settings(max_examples=200)
@given(st.sampled_from(SAMPLES), st.data())
def test_damage_is_accepted_or_rejected_but_never_an_accident(sample: bytes, data: st.DataObject) -> None:
    damaged = bytearray(sample)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    try:
        checked = check_photo(bytes(damaged))
    except Rejected:
        return
    assert Image.open(BytesIO(checked.thumbnail)).size <= (512, 512)
