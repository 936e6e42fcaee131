from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from gen3d_events import keys
from gen3d_events.codes import codes
from gen3d_events.event import Event
from gen3d_events.ids import GIVEN_UP, caused
from gen3d_events.models import (
    ImageRejected,
    ImageUploaded,
    JobOptions,
    MaskRejected,
    Photo,
    Quality,
    ReconstructionRequested,
)
from gen3d_events.notices import S3ObjectCreated
from gen3d_events.read_model import problem
from gen3d_events.samples import BUCKET, JOB, NOON, SESSION, USER, samples
from gen3d_upload import ingest, rows
from gen3d_upload.history import STEP
from gen3d_upload.limits import MAX_BYTES
from PIL import Image

from tests.unit.upload.pictures import decode, disc, encode, scene

PHOTO = encode(scene(), "JPEG")
MASK = encode(disc(), "PNG")
PHOTO_KEY, MASK_KEY = keys.incoming_photo(USER, SESSION), keys.incoming_mask(USER, SESSION, JOB)
OTHER = "ses_01J00000000000000000000000"
OPTIONS = JobOptions(quality=Quality.HIGH, seed=7)

Published = Callable[[], list[Event]]

pytestmark = pytest.mark.usefixtures("table")


@pytest.fixture
def bucket(s3: Any) -> Any:
    rows.create(USER, SESSION)
    return s3


@pytest.fixture
def job(bucket: Any) -> Any:
    """The bucket after a photo was accepted and a job was made."""
    take(bucket, PHOTO_KEY, PHOTO)
    rows.create(USER, SESSION, JOB, options=OPTIONS.model_dump(mode="json"))
    return bucket


def arrive(s3: Any, key: str, data: bytes) -> S3ObjectCreated:
    put = s3.put_object(Bucket=BUCKET, Key=key, Body=data)
    return S3ObjectCreated(
        bucket=BUCKET,
        key=key,
        version_id=put["VersionId"],
        size=len(data),
        etag=put["ETag"],
        event_time=NOON,
    )


def consume(notice: S3ObjectCreated) -> list[Event]:
    return list(ingest.handler.consume(notice))


def take(s3: Any, key: str, data: bytes) -> list[Event]:
    return consume(arrive(s3, key, data))


def test_a_photo_is_kept_byte_for_byte_and_told_of(bucket: Any) -> None:
    (event,) = take(bucket, PHOTO_KEY, PHOTO)
    assert isinstance(event, ImageUploaded)
    photo = event.photo
    assert (photo.width, photo.height, photo.format, photo.bytes) == (96, 72, "jpeg", len(PHOTO))
    assert photo.key == f"users/{USER}/sessions/{SESSION}/photo.jpg"
    kept = bucket.get_object(Bucket=BUCKET, Key=photo.key, VersionId=photo.version_id)
    assert (kept["Body"].read(), kept["ContentType"]) == (PHOTO, "image/jpeg")
    thumbnail = bucket.get_object(Bucket=BUCKET, Key=photo.thumbnail_key)
    assert thumbnail["ContentType"] == "image/jpeg"
    assert decode(thumbnail["Body"].read()).size == (96, 72)
    assert event.subject
    assert (event.subject.user_id, event.subject.session_id, event.subject.job_id) == (USER, SESSION, None)


def test_a_mask_becomes_a_request_with_the_job_s_options(job: Any) -> None:
    dirty = disc(value=1)
    (event,) = take(job, MASK_KEY, encode(dirty, "PNG"))
    assert isinstance(event, ReconstructionRequested)
    assert event.subject
    assert event.subject.job_id == JOB
    assert event.options == OPTIONS
    assert (event.photo.width, event.photo.height) == (event.mask.width, event.mask.height) == (96, 72)
    kept = job.get_object(Bucket=BUCKET, Key=event.mask.key, VersionId=event.mask.version_id)
    body = kept["Body"].read()
    assert kept["ContentType"] == "image/png"
    assert decode(body).tobytes() == disc().tobytes()
    row = rows.get(USER, SESSION, JOB)
    assert row
    assert row["mask"]["bytes"] == len(body)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"%PDF", "image_unsupported"),
        (PHOTO[:300], "image_corrupt"),
        (encode(Image.new("L", (60, 90)), "PNG"), "image_too_small"),
        (encode(Image.new("L", (9000, 64)), "PNG"), "image_too_large"),
        (encode(scene(), "WEBP", save_all=True, append_images=[scene(mode="L")]), "image_animated"),
        (b"\xff\xd8\xff" + bytes(MAX_BYTES), "image_too_heavy"),
    ],
)
def test_a_bad_photo_is_rejected_and_the_next_one_taken(bucket: Any, data: bytes, code: str) -> None:
    (event,) = take(bucket, PHOTO_KEY, data)
    assert isinstance(event, ImageRejected)
    assert (event.code, event.message) == (code, codes[code].message)
    assert event.subject
    assert event.subject.session_id == SESSION
    assert isinstance(take(bucket, PHOTO_KEY, PHOTO)[0], ImageUploaded)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (encode(disc(), "JPEG"), "mask_unsupported"),
        (MASK[:90], "mask_corrupt"),
        (encode(disc(90, 72), "PNG"), "mask_size_mismatch"),
        (encode(Image.new("L", (96, 72)), "PNG"), "mask_too_small"),
        (encode(Image.new("L", (96, 72), 255), "PNG"), "mask_too_large"),
        (MASK + bytes(MAX_BYTES), "mask_too_heavy"),
    ],
)
def test_a_bad_mask_is_rejected_and_the_next_one_taken(job: Any, data: bytes, code: str) -> None:
    (event,) = take(job, MASK_KEY, data)
    assert isinstance(event, MaskRejected)
    assert event.code == code
    assert event.subject
    assert event.subject.job_id == JOB
    assert isinstance(take(job, MASK_KEY, MASK)[0], ReconstructionRequested)


@pytest.mark.parametrize("key", ["incoming/u/other", "incoming/u/ses_1/photo", "inbox/x.png"])
def test_a_foreign_key_is_dropped(bucket: Any, key: str) -> None:
    assert take(bucket, key, PHOTO) == []


def test_a_foreign_bucket_is_dropped(bucket: Any) -> None:
    notice = arrive(bucket, PHOTO_KEY, PHOTO).model_copy(update={"bucket": "another"})
    assert consume(notice) == []


def test_without_a_row_nothing_is_taken(s3: Any) -> None:
    assert take(s3, PHOTO_KEY, PHOTO) == []
    assert take(s3, MASK_KEY, MASK) == []
    assert s3.list_objects_v2(Bucket=BUCKET, Prefix="users/")["KeyCount"] == 0


def test_a_mask_without_a_photo_is_dropped(bucket: Any) -> None:
    rows.create(USER, SESSION, JOB, options={})
    assert take(bucket, MASK_KEY, MASK) == []


def test_only_the_version_that_was_told_of_is_read(bucket: Any) -> None:
    first = arrive(bucket, PHOTO_KEY, PHOTO)
    arrive(bucket, PHOTO_KEY, b"swapped behind the check")
    (event,) = consume(first)
    assert isinstance(event, ImageUploaded)
    kept = bucket.get_object(Bucket=BUCKET, Key=event.photo.key, VersionId=event.photo.version_id)
    assert kept["Body"].read() == PHOTO


def test_the_first_valid_photo_wins(bucket: Any) -> None:
    (first,) = take(bucket, PHOTO_KEY, PHOTO)
    assert take(bucket, PHOTO_KEY, encode(scene(200, 200), "PNG")) == []
    assert take(bucket, PHOTO_KEY, b"not even a photo") == []
    row = rows.get(USER, SESSION)
    assert row
    assert isinstance(first, ImageUploaded)
    assert row["photo"] == first.photo.model_dump(mode="json")


@pytest.mark.parametrize("kind", ["photo", "mask"])
def test_of_two_at_once_one_wins(job: Any, bucket: Any, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """The second is checked and kept while the first is still being checked."""
    if kind == "photo":
        other = "ses_01J00000000000000000000000"
        rows.create(USER, other)
        key, data, check = keys.incoming_photo(USER, other), PHOTO, "check_photo"
    else:
        key, data, check = MASK_KEY, MASK, "check_mask"
    first, second = arrive(job, key, data), arrive(job, key, data)
    slow, told = getattr(ingest, check), []

    def overtaken(*arguments: Any) -> Any:
        monkeypatch.setattr(ingest, check, slow)
        told.extend(consume(second))
        return slow(*arguments)

    monkeypatch.setattr(ingest, check, overtaken)
    assert consume(first) == []
    assert len(told) == 1
    about = keys.parse_incoming(key)
    assert about
    row = rows.get(*about)
    assert row
    assert row[f"{kind}_source"] == second.version_id


@pytest.mark.parametrize("kind", ["photo", "mask"])
def test_a_repetition_tells_the_same_and_keeps_nothing_twice(job: Any, kind: str) -> None:
    if kind == "photo":
        key = keys.incoming_photo(USER, "ses_01J00000000000000000000000")
        rows.create(USER, "ses_01J00000000000000000000000")
        notice = arrive(job, key, PHOTO)
    else:
        notice = arrive(job, MASK_KEY, MASK)
    once = consume(notice)
    versions = job.list_object_versions(Bucket=BUCKET, Prefix="users/")["Versions"]
    assert consume(notice) == once
    assert job.list_object_versions(Bucket=BUCKET, Prefix="users/")["Versions"] == versions


@pytest.mark.parametrize("kind", ["photo", "mask"])
def test_a_run_that_died_after_its_claim_is_finished_by_its_repetition(
    job: Any, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    session = "ses_01J00000000000000000000000"
    rows.create(USER, session)
    notice = (
        arrive(job, keys.incoming_photo(USER, session), PHOTO)
        if kind == "photo"
        else arrive(job, MASK_KEY, MASK)
    )
    with monkeypatch.context() as patch:
        patch.setattr(ingest, f"keep_{kind}", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            consume(notice)
    assert len(consume(notice)) == 1


@pytest.mark.parametrize(("key", "kind"), [(PHOTO_KEY, ImageRejected), (MASK_KEY, MaskRejected)])
def test_what_is_given_up_is_told_of(job: Any, published: Published, key: str, kind: type[Event]) -> None:
    session = rows.get(USER, SESSION)
    assert session
    rows.release(USER, SESSION, None, "photo", session["photo_source"])
    notice = arrive(job, key, PHOTO)
    ingest._given_up(notice, "internal_error", "boom")
    (event,) = published()
    assert isinstance(event, kind)
    about = keys.parse_incoming(key)
    assert about
    assert (event.metadata.session_id, event.metadata.job_id) == (SESSION, about.job_id)
    again = caused(event.about(*about), notice, ingest.handler.name, GIVEN_UP)
    assert event.metadata.event_id == again.metadata.event_id


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("key", [PHOTO_KEY, MASK_KEY])
def test_what_was_given_up_says_its_true_reason_once_it_is_sent_back(
    job: Any, published: Published, key: str, backwards: bool
) -> None:
    session = rows.get(USER, SESSION)
    assert session
    if key == PHOTO_KEY:
        rows.release(USER, SESSION, None, "photo", session["photo_source"])
    notice, about = arrive(job, key, b"no picture"), keys.parse_incoming(key)
    assert about
    ingest._given_up(notice, "internal_error", "boom")
    (given_up,) = published()
    (rejected,) = consume(notice)
    told = [given_up, caused(rejected, notice, ingest.handler.name, 0)]
    assert told[0].metadata.event_id != told[1].metadata.event_id
    for event in reversed(told) if backwards else told:
        rows.fold(event)
    seen = problem(rows.get(*about) or {})
    assert seen
    assert seen["code"] == f"{'mask' if about.job_id else 'image'}_unsupported"


@pytest.mark.parametrize("key", [PHOTO_KEY, "incoming/x"])
def test_what_is_none_of_ours_is_given_up_in_silence(s3: Any, published: Published, key: str) -> None:
    ingest._given_up(arrive(s3, key, PHOTO), "internal_error", "boom")
    assert published() == []


@pytest.mark.parametrize("died_in", ["keep", "publish"])
@pytest.mark.parametrize("kind", ["photo", "mask"])
def test_a_claim_that_is_given_up_leaves_room_for_another_one(
    job: Any, published: Published, monkeypatch: pytest.MonkeyPatch, kind: str, died_in: str
) -> None:
    if kind == "photo":
        rows.create(USER, OTHER)
    key, data = (keys.incoming_photo(USER, OTHER), PHOTO) if kind == "photo" else (MASK_KEY, MASK)
    first = arrive(job, key, data)
    if died_in == "publish":
        assert len(consume(first)) == 1
    else:
        with monkeypatch.context() as broken:
            broken.setattr(ingest, f"keep_{kind}", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                consume(first)
    assert take(job, key, data) == []
    ingest._given_up(first, "internal_error", "boom")
    assert [event.detail_type for event in published()] == [
        f"{'Image' if kind == 'photo' else 'Mask'} Rejected"
    ]
    about = keys.parse_incoming(key)
    assert about
    assert not {kind, f"{kind}_source", "claimed_at", "due_kind", "due_at"} & set(rows.get(*about) or {})
    assert len(take(job, key, data)) == 1


@pytest.mark.parametrize("kind", ["photo", "mask"])
def test_a_check_that_is_given_up_is_not_told_of_again_by_the_watchdog(
    job: Any, published: Published, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The file could not even be read."""
    if kind == "photo":
        rows.create(USER, OTHER)
    key, data = (keys.incoming_photo(USER, OTHER), PHOTO) if kind == "photo" else (MASK_KEY, MASK)
    notice, about = arrive(job, key, data), keys.parse_incoming(key)
    assert about
    monkeypatch.setattr(ingest, "read", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        consume(notice)
    assert "checked_since" in (rows.get(*about) or {})
    ingest._given_up(notice, "internal_error", "boom")
    assert len(published()) == 1
    assert not {"checked_since", "due_kind", "due_at"} & set(rows.get(*about) or {})


def test_what_cannot_even_be_given_up_stays_claimed_for_the_watchdog(
    bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = arrive(bucket, PHOTO_KEY, PHOTO)
    consume(first)
    monkeypatch.setattr(ingest, "publish", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        ingest._given_up(first, "internal_error", "boom")
    assert [rows.ids(row) for row in rows.overdue(datetime.now(UTC) + 2 * STEP)] == [(USER, SESSION, None)]


@pytest.mark.parametrize("kind", ["photo", "mask"])
def test_what_was_told_of_is_never_given_up(job: Any, published: Published, kind: str) -> None:
    """A run that died after it published comes back, and dies again at every try."""
    key, data, told = (
        (PHOTO_KEY, PHOTO, "Image Uploaded")
        if kind == "photo"
        else (MASK_KEY, MASK, "Reconstruction Requested")
    )
    about = keys.parse_incoming(key)
    assert about
    if kind == "mask":
        take(job, key, data)
    rows.fold(samples[told])
    row = rows.get(*about)
    assert row
    ingest._given_up(
        arrive(job, key, data).model_copy(update={"version_id": row[f"{kind}_source"]}),
        "internal_error",
        "boom",
    )
    assert published() == []
    assert rows.get(*about) == row
    assert take(job, key, data) == []


def test_the_loser_is_given_up_in_silence(bucket: Any, published: Published) -> None:
    take(bucket, PHOTO_KEY, PHOTO)
    ingest._given_up(arrive(bucket, PHOTO_KEY, PHOTO), "internal_error", "boom")
    assert published() == []


def test_what_was_told_of_stands_even_if_its_claim_was_released(job: Any) -> None:
    """Publishing seemed to fail at every try, but the event had gone out, and is folded late."""
    row = rows.get(USER, SESSION)
    assert row
    rows.release(USER, SESSION, None, "photo", row["photo_source"])
    event = samples["Image Uploaded"].model_copy(update={"photo": Photo.model_validate(row["photo"])})
    rows.fold(event)
    assert take(job, PHOTO_KEY, PHOTO) == []
    assert not rows.claim(USER, SESSION, None, "photo", "another")
    assert isinstance(take(job, MASK_KEY, MASK)[0], ReconstructionRequested)


def test_facts_are_not_kept_without_a_claim(bucket: Any) -> None:
    rows.claim(USER, SESSION, None, "photo", "1")
    rows.release(USER, SESSION, None, "photo", "1")
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        rows.accept(USER, SESSION, None, "photo", "1", facts={})
