"""What happened, told in order, whatever the order in which it was stored."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from gen3d import story
from gen3d_events import read_model
from gen3d_events.event import Event
from gen3d_events.models import (
    EmbeddingFailed,
    EmbeddingTimedOut,
    Failure,
    ImageRejected,
    ImageUploaded,
    InferenceFailed,
    Intent,
    JobTimedOut,
    MaskRejected,
    MeshingFailed,
    NotificationFailed,
    ReconstructionFailed,
    ReconstructionRetryScheduled,
    ReconstructionStarted,
    UserNotified,
)
from gen3d_events.models import JobOptions as Options
from gen3d_events.samples import samples
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
    assert {*first.as_json()} == {"detail-type", "at", "event_id", "cause", "data"}
    assert {*first.data} == {"photo", "mask", "options"}


# --- causes ----------------------------------------------------------------------------------------------


def row(*told: tuple[Event, int, str]) -> dict[str, Any]:
    """The row of events that are told in these seconds, each with its id, because of `cause`."""
    found: dict[str, Any] = {}
    for event, second, cause in told:
        metadata = samples["Mesh Completed"].metadata.model_copy(
            update={
                "event_id": f"{second:026d}",
                "occurred_at": START + timedelta(seconds=second),
                "causation_id": cause,
            }
        )
        found = read_model.fold(found, event.with_metadata(metadata))
    return found


def outline(branches: list[story.Branch]) -> list[Any]:
    """Each event's name, followed by the outline of what it led to if it led to anything."""
    found: list[Any] = []
    for branch in branches:
        found.append(branch.happening.detail_type)
        if branch.effects:
            found.append(outline(list(branch.effects)))
    return found


def id_of(second: int) -> str:
    return f"{second:026d}"


DUE = START + timedelta(minutes=10)
ASKED = ReconstructionStarted(inference_id="rec-1", due_at=DUE)
PASSED = InferenceFailed(inference_id="rec-1", task="reconstruct", input_key="k", status="Failed")
AGAIN = samples["Reconstruction Retry Scheduled"]
RETRIED = [
    (samples["Reconstruction Requested"], 1, "bucket/incoming/u/s/j/mask?versionId=v"),
    (ASKED, 2, id_of(1)),
    (PASSED, 5, "rec-1:Failed"),
    (AGAIN, 6, id_of(5)),
    (ReconstructionStarted(inference_id="rec-2", attempt=2, due_at=DUE + timedelta(hours=1)), 7, id_of(6)),
    (PASSED.model_copy(update={"inference_id": "rec-2", "attempt": 2}), 9, "rec-2:Failed"),
    (ReconstructionFailed.because("inference_failed"), 10, id_of(9)),
    (UserNotified(channel="email", notified_of="Reconstruction Failed"), 11, id_of(10)),
]


def test_each_event_stands_below_its_cause() -> None:
    assert outline(story.causes(row(*RETRIED))) == [
        "Reconstruction Requested",
        [
            "Reconstruction Started",
            [
                "Inference Failed",
                [
                    "Reconstruction Retry Scheduled",
                    [
                        "Reconstruction Started",
                        ["Inference Failed", ["Reconstruction Failed", ["User Notified"]]],
                    ],
                ],
            ],
        ],
    ]


@given(st.permutations(list(row(*RETRIED).items())))
def test_the_tree_does_not_depend_on_the_order_of_storage(items: list[Any]) -> None:
    assert story.causes(dict(items)) == story.causes(row(*RETRIED))


def test_seconds_count_from_the_cause_and_a_root_has_none() -> None:
    (root,) = story.causes(row(*RETRIED))
    (asked,) = root.effects
    (answered,) = asked.effects
    assert (root.seconds, asked.seconds, answered.seconds) == (None, 1.0, 3.0)
    assert answered.effects[0].note == "inference_out_of_memory  attempt 2"


def test_a_time_out_stands_below_the_deadline_that_passed() -> None:
    late = (JobTimedOut.because("job_timed_out"), 700, f"{JOB}@{DUE.isoformat()}")
    assert outline(story.causes(row(RETRIED[0], RETRIED[1], late))) == [
        "Reconstruction Requested",
        ["Reconstruction Started", ["Job Timed Out"]],
    ]


def test_what_has_no_known_cause_is_a_root() -> None:
    """Rows of an earlier version do not say what the causes were."""
    told = story.causes(SESSION_ROW, {"mesh_completed": JOB_ROW["mesh_completed"]})
    assert [branch.seconds for branch in told] == [None] * len(told)
    assert [branch.happening for branch in told] == story.happenings(
        SESSION_ROW, {"mesh_completed": JOB_ROW["mesh_completed"]}
    )


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


def test_a_mail_about_a_refused_mask_is_not_that_of_the_end() -> None:
    about_mask = UserNotified(channel="email", notified_of="Mask Rejected")
    refused = NotificationFailed.because("notification_failed", channel="email", notified_of="Mesh Completed")
    _, job = rows([], [about_mask, *HAPPY_JOB])
    assert states({}, job)["mail"] == "running"
    _, job = rows([], [about_mask, *HAPPY_JOB, refused])
    assert states({}, job)["mail"] == "failed"


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
