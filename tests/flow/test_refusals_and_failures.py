"""What is refused and what fails: the state, code, mail and events that a person and a program get."""

from __future__ import annotations

from collections import Counter
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from gen3d import Gen3D, errors
from gen3d_events.codes import codes
from gen3d_local.cloud import Cloud
from PIL import Image

from tests.tap import Tap, judge
from tests.waiting import SECONDS, eventually


def test_a_file_that_is_no_photo(gen3d: Gen3D, tap: Tap, tmp_path: Path) -> None:
    (tmp_path / "notes.jpg").write_text("These are notes and no photo.")
    session = gen3d.create_session(tmp_path / "notes.jpg")
    with pytest.raises(errors.PhotoRejected) as caught:
        session.wait_accepted(SECONDS)
    assert caught.value.code == "image_unsupported"
    assert caught.value.hint == codes["image_unsupported"].hint
    story = tap.story(session.id, {"Image Rejected": 1, "User Notified": 1})
    assert [event.detail_type for event in story] == ["Image Rejected", "User Notified"]
    judge(story)
    with pytest.raises(errors.ApiError) as refused:
        session.create_job(tmp_path / "notes.jpg")
    assert (refused.value.code, refused.value.status) == ("photo_missing", 409)


def test_after_a_refusal_another_photo_may_be_sent(gen3d: Gen3D, photo: Path) -> None:
    created = gen3d.api.post("/sessions", {})
    gen3d.upload(created["upload"], "small.png", _png((32, 32)))
    session = gen3d.session(created["session_id"])
    with pytest.raises(errors.PhotoRejected):
        session.wait_accepted(SECONDS)
    assert session.problem
    assert session.problem["code"] == "image_too_small"
    gen3d.upload(created["upload"], photo.name, photo.read_bytes())
    eventually(lambda: "image_uploaded" in session.refresh().events)
    assert session.problem is None


def test_a_mask_of_another_size(gen3d: Gen3D, tap: Tap, photo: Path, tmp_path: Path) -> None:
    (tmp_path / "mask.png").write_bytes(_png((100, 80)))
    session = gen3d.create_session(photo).wait_accepted(SECONDS)
    job = session.create_job(tmp_path / "mask.png")
    with pytest.raises(errors.MaskRejected) as caught:
        job.wait(SECONDS)
    assert caught.value.code == "mask_size_mismatch"
    assert job.state == "awaiting_mask"
    story = tap.story(session.id, {"Mask Rejected": 1})
    assert "Reconstruction Requested" not in {event.detail_type for event in story}


def test_an_empty_mask(gen3d: Gen3D, photo: Path, tmp_path: Path) -> None:
    with Image.open(photo) as picture:
        Image.new("L", picture.size, 0).save(tmp_path / "empty.png")
    session = gen3d.create_session(photo).wait_accepted(SECONDS)
    with pytest.raises(errors.MaskRejected, match=r"0\.05 %"):
        session.create_job(tmp_path / "empty.png").wait(SECONDS)


def test_without_an_endpoint_jobs_fail_and_say_so(
    cloud_without_endpoint: Cloud, photo: Path, mask: Path
) -> None:
    cloud = cloud_without_endpoint
    tap = Tap(cloud)
    with Gen3D(f"{cloud.url}/api", cloud.user.email, cloud.user.password) as gen3d:
        session = gen3d.create_session(photo).wait_accepted(SECONDS)
        with pytest.raises(errors.SessionFailed) as unprepared:
            session.wait_ready(SECONDS)
        job = session.create_job(mask)
        with pytest.raises(errors.JobFailed) as failed:
            job.wait(SECONDS)
    assert unprepared.value.code == failed.value.code == "endpoint_unavailable"
    # Of both the operator is told as well.
    story = tap.story(session.id, {"Reconstruction Failed": 1, "Embedding Failed": 1, "User Notified": 4})
    judge(story)
    assert not {"Inference Failed", "Reconstruction Started"} & {event.detail_type for event in story}
    mails = [mail for mail in cloud.mails() if cloud.user.email in mail.to and job.id in mail.text]
    assert len(mails) == 1
    assert codes["endpoint_unavailable"].message in mails[0].text


def test_a_photo_that_vanishes_fails_at_once(
    cloud: Cloud, gen3d: Gen3D, tap: Tap, photo: Path, mask: Path
) -> None:
    session = gen3d.create_session(photo).wait_ready(SECONDS)
    kept = session.events["image_uploaded"]["photo"]
    where = {"Bucket": cloud.outputs["DataBucketName"], "Key": kept["key"]}
    cloud.client("s3").delete_object(**where, VersionId=kept["version_id"])
    job = session.create_job(mask)
    with pytest.raises(errors.JobFailed) as failed:
        job.wait(SECONDS)
    assert failed.value.code == "inference_input_missing"
    story = tap.story(session.id, {"Reconstruction Failed": 1, "User Notified": 1})
    judge(story)
    counted = Counter(event.detail_type for event in story)
    assert counted["Reconstruction Started"] == counted["Inference Failed"] == 1
    assert "Reconstruction Retry Scheduled" not in counted
    (mail,) = (mail for mail in cloud.mails() if cloud.user.email in mail.to and job.id in mail.text)
    assert codes["inference_input_missing"].message in mail.text


def test_wrong_passwords_and_tokens_are_refused(cloud: Cloud) -> None:
    api = f"{cloud.url}/api"
    with Gen3D(api, cloud.user.email, "Not-the-password-1") as wrong, pytest.raises(errors.SignInFailed):
        next(wrong.sessions())
    for token in ("", "nonsense", "a.b.c"):
        reply = httpx.get(f"{api}/sessions", headers={"Authorization": token} if token else {})
        assert reply.status_code in {401, 403}


def _png(size: tuple[int, int]) -> bytes:
    file = BytesIO()
    Image.new("RGB", size, (200, 120, 40)).save(file, "PNG")
    return file.getvalue()
