"""What happened, told in order, whatever the order in which it was stored."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from gen3d import story
from gen3d_events import read_model
from gen3d_events.models import (
    EmbeddingFailed,
    EmbeddingTimedOut,
    Failure,
    ImageRejected,
    ImageUploaded,
    Intent,
    JobTimedOut,
    MaskRejected,
    MeshingFailed,
    ReconstructionFailed,
    ReconstructionRetryScheduled,
    UserNotified,
)
from gen3d_events.models import JobOptions as Options
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.client.fake_service import HAPPY_JOB, HAPPY_PHOTO, JOB, MASK, PHOTO, START, Service


def rows(photo: list[Any], job: list[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    service = Service()
    session: dict[str, Any] = {}
    made: dict[str, Any] = {}
    for event in photo:
        session = service.happen(session, [event], None)
    for event in job:
        made = service.happen(made, [event], JOB)
    return session, made


SESSION_ROW, JOB_ROW = rows(HAPPY_PHOTO, HAPPY_JOB)


@given(st.permutations(list((SESSION_ROW | JOB_ROW).items())), st.integers(0, 8))
def test_any_order_of_storage_tells_the_same_story(items: list[Any], cut: int) -> None:
    told = story.happenings(dict(items[:cut]), dict(items[cut:]))
    assert [it.detail_type for it in told] == [it.detail_type for it in HAPPY_PHOTO + HAPPY_JOB]


@given(st.permutations(HAPPY_JOB))
def test_equal_times_fall_back_to_the_order_of_the_contract(events: list[Any]) -> None:
    _, row = rows([], events)
    same = {name: entry | {"at": START.isoformat()} for name, entry in row.items()}
    assert [it.detail_type for it in story.happenings(same)] == [it.detail_type for it in HAPPY_JOB]


def test_other_attributes_of_a_row_are_no_events() -> None:
    assert story.happenings({"user_id": "u", "created_at": START.isoformat(), "mask_source": "v"}) == []


def test_a_happening_has_the_events_data_and_nothing_of_the_row() -> None:
    first = story.happenings(JOB_ROW)[0]
    assert {*first.as_json()} == {"detail-type", "at", "data"}
    assert {*first.data} == {"photo", "mask", "options"}


def states(session: dict[str, Any], job: dict[str, Any]) -> dict[str, str]:
    return {stage.name: stage.state for stage in story.stages(START, session, START, job)}


def test_the_stages_of_a_job_that_goes_well() -> None:
    session, job = rows(
        HAPPY_PHOTO, [*HAPPY_JOB, UserNotified(channel="email", notified_of="Mesh Completed")]
    )
    stages = story.stages(START, session, START, job)
    assert {stage.state for stage in stages} == {"done"}
    notes = {stage.name: stage.note for stage in stages}
    assert notes == {
        "photo": "1024 x 768 px",
        "embedding": "classical",
        "mask": "10.0% of the photo",
        "reconstruction": "20,000 Gaussians, relief",
        "mesh": "200 triangles, watertight",
        "mail": "by email",
    }


def test_what_runs_has_run_since_what_came_before_it() -> None:
    session, job = rows(HAPPY_PHOTO[:1], HAPPY_JOB[:2])
    stages = {stage.name: stage for stage in story.stages(START, session, START, job)}
    assert states(session, job) == {
        "photo": "done",
        "embedding": "running",
        "mask": "done",
        "reconstruction": "running",
        "mesh": "waiting",
        "mail": "waiting",
    }
    asked = story.moment(job["reconstruction_requested"]["at"])
    assert stages["reconstruction"].seconds(asked + timedelta(seconds=5)) == 5
    assert stages["mesh"].seconds(asked) is None


def test_a_stage_that_failed_says_why() -> None:
    session, job = rows([ImageRejected.because("image_corrupt")], [MaskRejected.because("mask_corrupt")])
    assert states(session, job)["photo"] == states(session, job)["mask"] == "failed"
    _, job = rows([], [*HAPPY_JOB[:4], MeshingFailed.because("surface_missing")])
    mesh, mail = story.stages(START, {}, START, job)[4:]
    assert (mesh.state, mesh.note) == ("failed", "The reconstruction has no closed surface.")
    assert mail.state == "running"


def test_a_mail_about_the_photo_is_not_the_jobs_mail() -> None:
    told = UserNotified(channel="email", notified_of="Embedding Failed")
    session, job = rows([HAPPY_PHOTO[0], EmbeddingFailed.because("endpoint_unavailable"), told], HAPPY_JOB)
    assert states(session, job)["embedding"] == "failed"
    assert states(session, job)["mail"] == "running"


def test_a_job_timed_out_where_it_stood() -> None:
    _, waiting = rows([], [*HAPPY_JOB[:2], JobTimedOut.because("job_timed_out")])
    assert states({}, waiting)["reconstruction"] == "failed"
    assert states({}, waiting)["mesh"] == "waiting"
    _, late = rows([], [*HAPPY_JOB[:2], JobTimedOut.because("job_timed_out"), *HAPPY_JOB[2:]])
    assert states({}, late)["reconstruction"] == states({}, late)["mesh"] == "done"


FAILED_LATE = [
    [*HAPPY_JOB, MeshingFailed.because("surface_missing")],
    [*HAPPY_JOB[:3], ReconstructionFailed.because("inference_failed"), *HAPPY_JOB[3:]],
    [*HAPPY_JOB[:4], MeshingFailed.because("surface_missing"), HAPPY_JOB[4]],
    [*HAPPY_JOB[:2], ReconstructionFailed.because("inference_failed"), *HAPPY_JOB[2:]],
    [*HAPPY_JOB, JobTimedOut.because("job_timed_out")],
]


@pytest.mark.parametrize("events", FAILED_LATE)
def test_the_read_model_decides_between_contradicting_ends(events: list[Any]) -> None:
    _, job = rows([], events)
    said = states({}, job)
    if read_model.job_state(job) == "completed":
        assert said["reconstruction"] == said["mesh"] == "done"
    else:
        assert [said["reconstruction"], said["mesh"]] in (["failed", "waiting"], ["done", "failed"])
    assert said["mail"] == "running"


@pytest.mark.parametrize("failure", [EmbeddingFailed, EmbeddingTimedOut])
def test_and_between_those_of_a_photo(failure: type[Failure]) -> None:
    for at in (2, 3):
        events = [*HAPPY_PHOTO[:at], failure.because("inference_timed_out"), *HAPPY_PHOTO[at:]]
        session, _ = rows(events, [])
        expected = "done" if read_model.session_state(session) == "ready" else "failed"
        assert states(session, {})["embedding"] == expected


def test_a_photo_that_needs_no_embedding() -> None:
    session, _ = rows([ImageUploaded(photo=PHOTO, intent=Intent.DIRECT)], [])
    embedding = story.stages(START, session)[1]
    assert (embedding.state, embedding.seconds()) == ("done", 0)


def test_another_attempt_is_seen() -> None:
    again = ReconstructionRetryScheduled.because(
        "inference_timed_out", attempt=2, photo=PHOTO, mask=MASK, options=Options()
    )
    _, job = rows([], [*HAPPY_JOB[:2], again])
    reconstruction = story.stages(START, {}, START, job)[3]
    assert reconstruction.state == "running"
    assert reconstruction.note.startswith("attempt 2: ")


def test_engines_are_named_once() -> None:
    assert [engine["name"] for engine in story.engines(SESSION_ROW, JOB_ROW)] == ["classical", "relief"]
