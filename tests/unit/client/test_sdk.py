"""The SDK against a small Gen3D over real HTTP."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gen3d import Gen3D, Job, JobOptions, Quality, Session, errors
from gen3d_events.event import Event
from gen3d_events.models import (
    EmbeddingFailed,
    EmbeddingTimedOut,
    Failure,
    ImageRejected,
    Intent,
    JobTimedOut,
    MaskRejected,
    MeshingFailed,
    ReconstructionFailed,
    ReconstructionRetryScheduled,
    ReconstructionStarted,
)
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.unit.client import clickable
from tests.unit.client.fake_service import (
    FILES,
    HAPPY_JOB,
    HAPPY_PHOTO,
    JOB,
    MASK,
    PHOTO,
    SESSION,
    START,
    Service,
)


def test_from_photo_to_files(service: Service, sdk: Gen3D, photo: Path, mask: Path, tmp_path: Path) -> None:
    sent: list[tuple[int, int]] = []
    heard: list[str] = []
    session = sdk.create_session(photo, on_progress=lambda *it: sent.append(it)).wait_ready()
    job = session.create_job(mask, JobOptions(quality=Quality.HIGH, seed=7), "chair")
    job.wait(on_event=lambda it: heard.append(it.detail_type))
    paths = job.download(tmp_path / "out")

    assert session.state == "ready"
    assert job.state == "completed"
    assert service.uploads == {"photo": photo.read_bytes(), "mask": mask.read_bytes()}
    assert sent == sorted(sent)
    assert sent[-1] == (photo.stat().st_size, photo.stat().st_size)
    assert service.bodies["session"] == {"filename": "chair.jpg", "content_type": "image/jpeg"}
    assert service.bodies["job"]["options"] == {
        "quality": "high",
        "formats": ["glb"],
        "texture": 1024,
        "seed": 7,
    }
    assert service.tokens == {"an-id-token"}
    assert heard == [
        "Reconstruction Requested",
        "Reconstruction Started",
        "Reconstruction Completed",
        "Meshing Started",
        "Mesh Completed",
    ]
    assert {path.name for path in (tmp_path / "out").iterdir()} == set(paths)
    assert set(paths) == {*FILES, "job.json", "events.jsonl"}
    assert paths["splat.ply"].read_bytes() == service.files["splat.ply"]


def test_the_files_of_record(service: Service, sdk: Gen3D, photo: Path, mask: Path, tmp_path: Path) -> None:
    (job,) = list(sdk.reconstruct(photo, mask))[-1][1]
    paths = job.download(tmp_path / "out")
    summary = json.loads(paths["job.json"].read_text())
    lines = [json.loads(line) for line in paths["events.jsonl"].read_text().splitlines()]

    assert summary["weight_free"] is True
    assert summary["state"] == "completed"
    assert "http" not in paths["job.json"].read_text()
    assert lines[0]["detail-type"] == "Image Uploaded"
    assert [line["at"] for line in lines] == sorted(line["at"] for line in lines)
    assert {*lines[0]} == {"detail-type", "at", "event_id", "cause", "data"}
    assert lines[0]["data"]["photo"]["width"] == 1024


@pytest.fixture
def clickable_photo(service: Service) -> Service:
    service.files |= clickable.files()
    return service


def test_clicks_become_a_mask_that_is_sent(clickable_photo: Service, sdk: Gen3D, photo: Path) -> None:
    session = sdk.create_session(photo)
    (found,) = session.segment([(*clickable.RED, 1), (*clickable.BLUE, 0)])
    session.create_job(found.mask(), clicks=2).wait()
    with Image.open(BytesIO(clickable_photo.uploads["mask"])) as mask:
        sent = np.asarray(mask) > 0
    true = clickable.disc(clickable.RED)
    assert (sent & true).sum() / (sent | true).sum() > 0.95
    assert clickable_photo.bodies["job"] == {"clicks": 2}


def test_the_embedding_is_fetched_once(clickable_photo: Service, sdk: Gen3D, photo: Path) -> None:
    session = sdk.create_session(photo)
    for centre in (clickable.RED, clickable.BLUE):
        session.segment([(*centre, 1)])
    assert clickable_photo.requests.count("GET /s3/embedding.safetensors") == 1


def test_from_clicks_to_a_mesh_in_one_go(clickable_photo: Service, sdk: Gen3D, photo: Path) -> None:
    *_, (session, jobs) = sdk.reconstruct(photo, boxes=[clickable.BLUE_BOX])
    assert [job.state for job in jobs] == ["completed"]
    assert session.state == "ready"
    assert clickable_photo.bodies["job"]["clicks"] == 1


def test_nothing_is_sent_of_what_cannot_be_meant(service: Service, sdk: Gen3D, photo: Path) -> None:
    for prompts in ({}, {"points": [(5, 5, 0)]}, {"boxes": [(5, 5, 5, 9)]}):
        with pytest.raises(errors.WrongUsage):
            next(sdk.reconstruct(photo, **prompts))
    assert service.requests == []


def test_a_photo_that_cannot_be_prepared_cannot_be_clicked(service: Service, sdk: Gen3D, photo: Path) -> None:
    service.photo_script = [service.photo_script[0], EmbeddingFailed.because("endpoint_unavailable")]
    with pytest.raises(errors.SessionFailed) as caught:
        sdk.create_session(photo).segment([(9, 9, 1)])
    assert caught.value.code == "endpoint_unavailable"


def test_what_came_cut_out_cannot_be_clicked(service: Service, sdk: Gen3D, photo: Path) -> None:
    (uploaded, *_) = service.photo_script
    service.photo_script = [uploaded.model_copy(update={"intent": Intent.DIRECT})]
    with pytest.raises(errors.NoMask) as caught:
        sdk.create_session(photo).segment([(9, 9, 1)])
    assert caught.value.code == "not_clickable"


def test_an_embedding_cut_off_on_its_way(clickable_photo: Service, sdk: Gen3D, photo: Path) -> None:
    clickable_photo.files["embedding.safetensors"] = clickable_photo.files["embedding.safetensors"][:-8]
    with pytest.raises(errors.NoMask) as caught:
        sdk.create_session(photo).segment([(9, 9, 1)])
    assert caught.value.code == "embedding_corrupt"


def test_a_rejected_photo(service: Service, sdk: Gen3D, photo: Path) -> None:
    service.photo_script = [ImageRejected.because("image_corrupt")]
    with pytest.raises(errors.PhotoRejected) as caught:
        sdk.create_session(photo).wait_accepted()
    assert caught.value.code == "image_corrupt"
    assert "damaged" in caught.value.message
    assert caught.value.hint


def test_a_photo_that_cannot_be_prepared_still_takes_masks(service: Service, sdk: Gen3D, photo: Path) -> None:
    service.photo_script = [service.photo_script[0], EmbeddingFailed.because("endpoint_unavailable")]
    session = sdk.create_session(photo).wait_accepted()
    with pytest.raises(errors.SessionFailed) as caught:
        session.wait_ready()
    assert caught.value.code == "endpoint_unavailable"


def test_a_rejected_mask(service: Service, sdk: Gen3D, photo: Path, mask: Path) -> None:
    service.job_script = [MaskRejected.because("mask_size_mismatch")]
    job = sdk.create_session(photo).wait_accepted().create_job(mask)
    with pytest.raises(errors.MaskRejected, match="does not have the size"):
        job.wait()


@pytest.mark.parametrize(
    "failure",
    [
        ReconstructionFailed.because("inference_failed"),
        MeshingFailed.because("surface_missing"),
        JobTimedOut.because("job_timed_out"),
    ],
)
def test_a_failed_job(service: Service, sdk: Gen3D, photo: Path, mask: Path, failure: Failure) -> None:
    done = 2 if isinstance(failure, ReconstructionFailed) else 3
    service.job_script = [*service.job_script[:done], failure]
    heard: list[str] = []
    job = sdk.create_session(photo).wait_accepted().create_job(mask)
    with pytest.raises(errors.JobFailed) as caught:
        job.wait(on_event=lambda it: heard.append(it.detail_type))
    assert caught.value.code == failure.code
    assert heard[-1] == failure.detail_type


class LookedAgain(Exception):
    """In place of a request."""


def look_again() -> str:
    raise LookedAgain


GEN3D = Gen3D("http://127.0.0.1:9/api", tokens=look_again)
JOB_FAILURES: list[type[Failure]] = [MaskRejected, ReconstructionFailed, MeshingFailed, JobTimedOut]
SESSION_FAILURES: list[type[Failure]] = [ImageRejected, EmbeddingFailed, EmbeddingTimedOut]


def view(script: list[Event], kind: str) -> dict[str, Any]:
    service, row = Service(), dict[str, Any]()
    for event in script:
        row = service.happen(row, [event], JOB)
    ids = {"session_id": SESSION} | ({"job_id": JOB} if kind == "job" else {})
    return {**ids, "events": row}


@given(st.lists(st.sampled_from(HAPPY_JOB), max_size=6), st.sampled_from(JOB_FAILURES), st.booleans())
def test_a_job_with_a_problem_or_at_its_end_is_not_waited_for(
    script: list[Event], failure: type[Failure], first: bool
) -> None:
    bad: Event = failure.because("internal_error")
    job = Job(GEN3D, view([bad, *script] if first else [*script, bad], "job"))
    if job.state == "completed":
        job.wait()
    elif job.state in {"failed", "timed_out"} or (job.state == "awaiting_mask" and job.problem):
        with pytest.raises(errors.Failed, match="Something went wrong on our side"):
            job.wait()
    else:
        with pytest.raises(LookedAgain):
            job.wait()


@given(st.lists(st.sampled_from(HAPPY_PHOTO), max_size=4), st.sampled_from(SESSION_FAILURES), st.booleans())
def test_nor_is_a_photo(script: list[Event], failure: type[Failure], first: bool) -> None:
    bad: Event = failure.because("internal_error")
    session = Session(GEN3D, view([bad, *script] if first else [*script, bad], "session"))
    if session.state == "ready":
        session.wait_ready()
    elif session.state != "preparing" and session.problem:
        with pytest.raises(errors.Failed, match="Something went wrong on our side"):
            session.wait_ready()
    else:
        with pytest.raises(LookedAgain):
            session.wait_ready()


def test_every_attempt_is_told(service: Service, sdk: Gen3D, photo: Path, mask: Path) -> None:
    requested, started, *rest = service.job_script
    again = ReconstructionRetryScheduled.because(
        "inference_timed_out", attempt=2, photo=PHOTO, mask=MASK, options=JobOptions()
    )
    second = ReconstructionStarted(inference_id="rec-2", attempt=2, due_at=START)
    service.job_script = [requested, started, again, second, *rest]
    heard: list[str] = []
    sdk.create_session(photo).wait_accepted().create_job(mask).wait(
        on_event=lambda it: heard.append(it.detail_type)
    )
    assert heard[1:4] == [
        "Reconstruction Started",
        "Reconstruction Retry Scheduled",
        "Reconstruction Started",
    ]
    assert len(heard) == 7


def test_the_caller_may_set_a_deadline(service: Service, sdk: Gen3D, photo: Path, mask: Path) -> None:
    service.job_script = service.job_script[:2]
    job = sdk.create_session(photo).wait_accepted().create_job(mask)
    with pytest.raises(errors.DeadlineExceeded, match=JOB):
        job.wait(timeout=0.05)


def test_a_job_is_found_by_its_id_alone(service: Service, sdk: Gen3D, photo: Path, mask: Path) -> None:
    made = sdk.create_session(photo).wait_accepted().create_job(mask)
    assert sdk.job(made.id).session_id == made.session_id
    assert [session.id for session in sdk.sessions()] == [made.session_id]
    with pytest.raises(errors.Gen3DError, match="no such job") as caught:
        sdk.job("job_01J00000000000000000000002")
    assert caught.value.code == "job_not_found"


def test_one_request_a_look_follows_all_jobs(service: Service, sdk: Gen3D, photo: Path, mask: Path) -> None:
    session = sdk.create_session(photo).wait_accepted()
    job = session.create_job(mask)
    service.requests.clear()
    looks = sum(1 for _ in sdk.follow(session, [job]))
    assert job.state == "completed"
    assert len(service.requests) == looks - 1


def test_retry_sends_only_what_is_set(service: Service, sdk: Gen3D, photo: Path, mask: Path) -> None:
    job = sdk.create_session(photo).wait_accepted().create_job(mask)
    before = job.view["options"]
    job.retry()
    assert service.bodies["job"] == {"mask_of": job.id, "options": before}
    job.retry(JobOptions(seed=7), "again")
    assert service.bodies["job"] == {"mask_of": job.id, "options": before | {"seed": 7}, "name": "again"}


def test_delete_restore_and_rename(service: Service, sdk: Gen3D, photo: Path) -> None:
    session = sdk.create_session(photo)
    assert session.delete() == datetime(2026, 11, 27, 12, tzinfo=UTC)
    assert sdk.restore(session.id).id == session.id
    assert session.rename("An oak chair").name == "An oak chair"
    assert session.rename(None).name is None
    for ask in (sdk.delete, sdk.restore):
        with pytest.raises(errors.WrongUsage):
            ask("../config")
