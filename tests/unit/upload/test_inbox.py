"""Cut-out objects in an inbox become whole jobs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from gen3d_events import keys
from gen3d_events.event import Event
from gen3d_events.ids import caused, derived_session_id
from gen3d_events.models import (
    ImageRejected,
    ImageUploaded,
    Intent,
    JobOptions,
    MaskRejected,
    ReconstructionRequested,
)
from gen3d_events.notices import S3ObjectCreated
from gen3d_events.read_model import Row, job_state, session_state
from gen3d_events.samples import BUCKET, USER
from gen3d_upload import inbox, ingest, rows, watchdog
from gen3d_upload.cutout import check_cut_out
from gen3d_upload.history import STEP
from gen3d_upload.limits import MAX_BYTES
from gen3d_upload.rejected import Rejected
from PIL import Image

from tests.unit.upload.conftest import Context
from tests.unit.upload.pictures import decode, disc, encode, scene
from tests.unit.upload.test_ingest import Published, arrive, consume

KEY = f"inbox/{USER}/red chair.png"

pytestmark = pytest.mark.usefixtures("table")


def cut_out(alpha: Image.Image | None = None, *, format: str = "PNG", **options: Any) -> bytes:
    picture = scene().convert("RGBA")
    picture.putalpha(disc() if alpha is None else alpha)
    return encode(picture, format, **options)


def test_a_cut_out_object_becomes_a_session_and_a_job(s3: Any) -> None:
    notice = arrive(s3, KEY, cut_out())
    uploaded, requested = consume(notice)
    assert isinstance(uploaded, ImageUploaded)
    assert isinstance(requested, ReconstructionRequested)
    assert uploaded.intent is Intent.DIRECT
    assert (uploaded.photo.width, uploaded.photo.height, uploaded.photo.format) == (96, 72, "png")
    assert requested.photo == uploaded.photo
    assert requested.options == JobOptions()
    assert uploaded.subject
    assert uploaded.subject.job_id is None
    assert requested.subject
    about = requested.subject
    assert (about.user_id, about.session_id) == (USER, uploaded.subject.session_id)
    session, job = rows.get(USER, about.session_id), rows.get(USER, about.session_id, about.job_id)
    assert session
    assert job
    assert (session["name"], session["filename"]) == ("red chair", "red chair.png")
    assert (job["name"], job["options"]) == (
        "red chair",
        JobOptions().model_dump(mode="json", exclude_none=True),
    )
    mask = s3.get_object(Bucket=BUCKET, Key=requested.mask.key, VersionId=requested.mask.version_id)
    assert decode(mask["Body"].read()).tobytes() == disc().tobytes()


def test_the_same_version_is_the_same_job_and_another_one_is_another(s3: Any) -> None:
    notice = arrive(s3, KEY, cut_out())
    first, again = consume(notice), consume(notice)
    assert again == first
    assert [event.subject for event in again] == [event.subject for event in first]
    other = consume(arrive(s3, KEY, cut_out()))
    assert {str(event.subject) for event in other}.isdisjoint(str(event.subject) for event in first)


def test_a_run_that_died_between_the_rows_is_taken_up(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    notice = arrive(s3, KEY, cut_out())
    with monkeypatch.context() as broken:
        broken.setattr(inbox, "keep_mask", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            consume(notice)
    uploaded, requested = consume(notice)
    assert isinstance(uploaded, ImageUploaded)
    versions = s3.list_object_versions(Bucket=BUCKET, Prefix=uploaded.photo.key)["Versions"]
    assert [version["VersionId"] for version in versions] == [uploaded.photo.version_id]
    assert isinstance(requested, ReconstructionRequested)


@pytest.mark.parametrize(
    ("code", "data"),
    [
        ("alpha_missing", encode(scene(), "PNG")),
        ("alpha_missing", encode(scene(), "JPEG")),
        ("alpha_missing", cut_out(Image.new("L", (96, 72), 255))),
        ("mask_too_small", cut_out(Image.new("L", (96, 72), 0))),
        ("image_unsupported", b"no picture"),
        ("image_corrupt", cut_out()[:300]),
        ("image_too_small", encode(scene().convert("RGBA").resize((96, 63)), "PNG")),
        ("image_too_large", encode(Image.new("LA", (8193, 64)), "PNG")),
        (
            "image_animated",
            cut_out(format="WEBP", save_all=True, append_images=[Image.new("RGBA", (96, 72))]),
        ),
        ("image_too_heavy", cut_out() + b"\0" * MAX_BYTES),
    ],
)
def test_what_is_no_cut_out_object_is_rejected_and_leaves_its_name(s3: Any, code: str, data: bytes) -> None:
    (rejected,) = consume(arrive(s3, KEY, data))
    assert isinstance(rejected, ImageRejected)
    assert rejected.code == code
    assert rejected.subject
    found = rows.session(USER, rejected.subject.session_id)
    assert found
    session, jobs = found
    assert (session["filename"], jobs) == ("red chair.png", [])


def test_names_are_printable(s3: Any) -> None:
    uploaded, _ = consume(arrive(s3, f"inbox/{USER}/a\x1b[31m\nb\u202e.png", cut_out()))
    assert uploaded.subject
    session = rows.get(USER, uploaded.subject.session_id)
    assert session
    assert session["filename"].isprintable()
    assert session["filename"].startswith("a\ufffd[31m\ufffdb")


def test_no_event_names_the_file(s3: Any) -> None:
    notice = arrive(s3, KEY, cut_out())
    uploaded, _ = consume(notice)
    assert "chair" not in str(caused(uploaded, notice, "upload", 0).detail())


def test_any_format_with_transparency_will_do() -> None:
    photo, mask = check_cut_out(cut_out(format="WEBP", lossless=True))
    assert photo.format == "webp"
    assert decode(mask.png).tobytes() == disc().tobytes()


def test_a_palette_with_transparency_counts_as_well() -> None:
    palette = cut_out()
    picture = decode(palette).quantize(64)
    _, mask = check_cut_out(encode(picture, "PNG"))
    assert 0 < mask.coverage < 0.95


def test_a_turned_picture_has_its_mask_turned_too() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    photo, mask = check_cut_out(cut_out(exif=exif))
    assert (photo.width, photo.height) == decode(mask.png).size == (72, 96)


def test_what_is_opaque_in_the_middle_only_is_no_photo_without_alpha() -> None:
    with pytest.raises(Rejected, match="alpha_missing"):
        check_cut_out(encode(scene(mode="L"), "PNG"))


def test_folders_in_an_inbox_are_looked_into_and_are_no_files() -> None:
    assert keys.parse_inbox(f"inbox/{USER}/a/b.png") == USER
    assert keys.parse_inbox(f"inbox/{USER}/a/") is None
    assert keys.parse_inbox("inbox/b.png") is None


def hours_ago(notice: S3ObjectCreated, monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    """A run that took place then, and what it would have told, had its function not been killed."""
    with monkeypatch.context() as earlier:
        earlier.setattr(rows, "_now", lambda: datetime.now(UTC) - 2 * STEP)
        return consume(notice)


@pytest.mark.parametrize("job_first", [False, True])
def test_a_file_whose_function_is_killed_at_every_receive_is_told_of_once(
    s3: Any, published: Published, monkeypatch: pytest.MonkeyPatch, job_first: bool
) -> None:
    """By the watchdog, whichever of the two rows it looks at first; then both wait for other files."""
    notice = arrive(s3, KEY, cut_out())
    hours_ago(notice, monkeypatch)
    overdue = sorted(rows.overdue(rows._now()), key=rows.is_job, reverse=job_first)
    assert [rows.is_job(row) for row in overdue] == [job_first, not job_first]
    monkeypatch.setattr(rows, "overdue", lambda _: iter(overdue))
    watchdog.handler({}, Context())
    (rejected,) = published()
    assert isinstance(rejected, ImageRejected)
    assert rejected.code == "internal_error"
    session, (job,) = shown(notice)
    assert (session_state(session), job_state(job)) == ("awaiting_photo", "awaiting_mask")
    assert not {"photo_source", "mask_source", "due_at"} & {*session, *job}


def test_a_file_whose_photo_was_told_of_is_told_of_by_its_mask(
    s3: Any, published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    notice = arrive(s3, KEY, cut_out())
    uploaded, _ = hours_ago(notice, monkeypatch)
    rows.fold(caused(uploaded, notice, ingest.handler.name, 0))
    watchdog.handler({}, Context())
    (rejected,) = published()
    assert isinstance(rejected, MaskRejected)


def break_off(notice: S3ObjectCreated, monkeypatch: pytest.MonkeyPatch, at: str) -> None:
    """A run that fails at one of inbox's steps, as every one does from now on to the last receive."""
    with monkeypatch.context() as broken:
        broken.setattr(inbox, at, lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            consume(notice)


def shown(notice: S3ObjectCreated) -> tuple[Row, list[Row]]:
    """What its person sees of the file's session: the rows of session and jobs."""
    found = rows.session(USER, derived_session_id(notice))
    assert found
    return found


@pytest.mark.parametrize("at", ["read", "keep_photo", "keep_mask"])
def test_what_is_given_up_is_told_of_once_and_shows_its_name(
    s3: Any, published: Published, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    notice = arrive(s3, KEY, cut_out())
    break_off(notice, monkeypatch, at)
    ingest._given_up(notice, "internal_error", "why")
    (rejected,) = published()
    assert isinstance(rejected, ImageRejected)
    assert rejected.code == "internal_error"
    session, _ = shown(notice)
    assert session["filename"] == "red chair.png"
    assert rows.fold(rejected)
    assert list(rows.overdue(rows._now() + STEP * 3)) == [], "the watchdog has nothing to add"


def test_what_is_given_up_without_a_run_shows_its_name_too(s3: Any, published: Published) -> None:
    notice = arrive(s3, KEY, cut_out())
    ingest._given_up(notice, "internal_error", "why")
    (rejected,) = published()
    assert rows.fold(rejected)
    session, _ = shown(notice)
    assert session["filename"] == "red chair.png"


def test_another_photo_takes_the_place_of_what_was_given_up(
    s3: Any, published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    notice = arrive(s3, KEY, cut_out())
    break_off(notice, monkeypatch, "keep_mask")
    ingest._given_up(notice, "internal_error", "why")
    published()
    (uploaded,) = consume(arrive(s3, keys.incoming_photo(USER, derived_session_id(notice)), cut_out()))
    assert isinstance(uploaded, ImageUploaded)
    assert uploaded.intent is Intent.SELECT
    assert consume(notice) == [], "sent back by an operator, too late"
    ingest._given_up(notice, "internal_error", "why")
    assert published() == []


@pytest.mark.parametrize("at", ["read", "keep_photo", "keep_mask"])
def test_what_was_given_up_is_done_once_it_is_sent_back(
    s3: Any, published: Published, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    notice = arrive(s3, KEY, cut_out())
    break_off(notice, monkeypatch, at)
    ingest._given_up(notice, "internal_error", "why")
    uploaded, requested = consume(notice)
    assert isinstance(uploaded, ImageUploaded)
    assert isinstance(requested, ReconstructionRequested)
    session, (job,) = shown(notice)
    assert (session["photo"]["key"], job["mask"]["key"]) == (uploaded.photo.key, requested.mask.key)


def test_after_its_photo_was_told_of_only_the_mask_is_given_up(s3: Any, published: Published) -> None:
    """Its request could not be published at any try."""
    notice = arrive(s3, KEY, cut_out())
    uploaded, requested = consume(notice)
    assert isinstance(uploaded, ImageUploaded)
    rows.fold(caused(uploaded, notice, ingest.handler.name, 0))
    ingest._given_up(notice, "internal_error", "why")
    (rejected,) = published()
    assert isinstance(rejected, MaskRejected)
    session, (job,) = shown(notice)
    assert session["photo"]["key"] == uploaded.photo.key
    assert not {"mask", "mask_source", "due_at"} & set(job)
    again = consume(notice)
    assert [type(event) for event in again] == [ImageUploaded, ReconstructionRequested]
    rows.fold(caused(requested, notice, ingest.handler.name, 0))
    ingest._given_up(notice, "internal_error", "why")
    assert published() == [], "all of it was told of"


def test_a_session_that_is_over_is_left_alone(s3: Any, published: Published) -> None:
    notice = arrive(s3, KEY, cut_out())
    ingest._given_up(notice, "internal_error", "why")
    published()
    session_id = derived_session_id(notice)
    rows.delete(USER, session_id, timedelta(days=1))
    assert consume(notice) == []
    rows.bury(session_id)
    rows.remove(USER, session_id)
    assert consume(notice) == []
    ingest._given_up(notice, "internal_error", "why")
    assert published() == []
    assert rows.get(USER, session_id) is None
