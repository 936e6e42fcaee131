from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from itertools import combinations, permutations
from pathlib import Path
from random import Random
from typing import Any

import pytest
from gen3d_events import read_model
from gen3d_events.event import Event, event_from_envelope
from gen3d_events.models import Intent
from gen3d_events.samples import samples
from hypothesis import given
from hypothesis import strategies as st

VECTORS = json.loads((Path(read_model.__file__).parents[1] / "vectors/state.json").read_text())

OF_A_SESSION = [event for event in samples.values() if event.metadata.job_id is None]
OF_A_JOB = [event for event in samples.values() if event.metadata.job_id is not None]


def folded(events: Iterable[Event]) -> read_model.Row:
    row: read_model.Row = {}
    for event in events:
        row = read_model.fold(row, event)
    return row


def later(event: Event, **fields: Any) -> Event:
    """Another event of the same type, with a greater id."""
    about = event.metadata
    metadata = about.model_copy(
        update={"event_id": "7" + about.event_id[1:], "occurred_at": about.occurred_at + timedelta(hours=1)}
    )
    return event.model_copy(update=fields).with_metadata(metadata)


@pytest.mark.parametrize("events", [OF_A_SESSION, OF_A_JOB], ids=["session", "job"])
def test_any_two_events_commute(events: list[Event]) -> None:
    """If each pair of steps commutes on every row, all permutations come to one row."""
    everything = folded(events)
    for one, two in permutations([*events, *map(later, events)], 2):
        for row in ({}, everything):
            assert read_model.fold(read_model.fold(row, one), two) == read_model.fold(
                read_model.fold(row, two), one
            )


def test_all_permutations_of_a_sessions_story_fold_to_one_row() -> None:
    story = OF_A_SESSION[:7]
    assert len({json.dumps(folded(order), sort_keys=True) for order in permutations(story)}) == 1


@given(st.randoms(use_true_random=False), st.sampled_from([OF_A_SESSION, OF_A_JOB]))
def test_order_and_repetition_do_not_matter(random: Random, events: list[Event]) -> None:
    second = [later(event, attempt=2) for event in events if "attempt" in type(event).model_fields]
    told = [*events, *second, *random.choices(events, k=5)]
    random.shuffle(told)
    assert folded(told) == folded([*events, *second])


def test_the_first_of_two_events_counts() -> None:
    first = samples["Mesh Completed"]
    second = later(first, vertices=5)
    assert folded([second, first]) == folded([first, second]) == folded([first])


def test_the_last_of_two_rejections_counts() -> None:
    first = samples["Image Rejected"]
    second = later(first, code="image_corrupt")
    assert folded([second, first]) == folded([first, second]) == folded([second])


@pytest.mark.parametrize("name", ["Image Rejected", "Mask Rejected"])
def test_of_two_rejections_the_one_told_last_counts_whatever_their_causes(name: str) -> None:
    """What is overdue is told of with a later id than the answer to the upload has, which may yet come."""
    given_up = later(samples[name], code="internal_error")
    about = samples[name].metadata
    last = about.model_copy(update={"occurred_at": given_up.metadata.occurred_at + timedelta(seconds=1)})
    reason = samples[name].with_metadata(last)
    assert folded([given_up, reason]) == folded([reason, given_up]) == folded([reason])


def test_an_event_sets_one_attribute_of_its_own() -> None:
    attributes = [read_model.attribute(event) for event in samples.values()]
    assert len(set(attributes)) == len(samples)
    for event, attribute in zip(samples.values(), attributes, strict=True):
        assert set(read_model.fold({"created_at": "now"}, event)) == {"created_at", attribute}


@pytest.mark.parametrize(
    ("event", "attempt", "attribute"),
    [
        ("Reconstruction Started", 1, "reconstruction_started"),
        ("Reconstruction Started", 3, "reconstruction_started_3"),
        ("Reconstruction Retry Scheduled", 2, "reconstruction_retry_scheduled_2"),
        ("Reconstruction Completed", 2, "reconstruction_completed"),
    ],
)
def test_what_there_is_of_each_attempt_is_numbered(event: str, attempt: int, attribute: str) -> None:
    assert read_model.attribute(samples[event].model_copy(update={"attempt": attempt})) == attribute


def test_a_job_that_succeeds_at_its_second_attempt_goes_on() -> None:
    row = folded(
        [
            samples["Reconstruction Requested"],
            samples["Reconstruction Started"],
            samples["Reconstruction Retry Scheduled"],
            later(samples["Reconstruction Started"], attempt=2),
            later(samples["Reconstruction Completed"], attempt=2),
        ]
    )
    assert read_model.job_state(row) == "meshing"


def test_the_first_final_word_on_a_stage_counts() -> None:
    uploaded, failed, done = (
        samples[name] for name in ("Image Uploaded", "Embedding Failed", "Embedding Completed")
    )
    assert read_model.session_state(folded([uploaded, failed, later(done)])) == "failed"
    assert read_model.session_state(folded([uploaded, later(failed), done])) == "ready"


@pytest.mark.parametrize("ids", ["0A", "A0"])
def test_of_two_answers_to_one_cause_the_one_published_first_counts(ids: str) -> None:
    """Their ids have the cause's time, so a hash decides which is the smaller."""
    started, failed, done = (
        samples[name] for name in ("Reconstruction Completed", "Meshing Failed", "Mesh Completed")
    )
    at = failed.metadata.occurred_at
    for first, second, state in ((failed, done, "failed"), (done, failed, "completed")):
        events = [
            event.with_metadata(
                event.metadata.model_copy(
                    update={
                        "event_id": digit + event.metadata.event_id[1:],
                        "occurred_at": at + timedelta(milliseconds=5 * order),
                    }
                )
            )
            for order, (event, digit) in enumerate(zip((first, second), ids, strict=True))
        ]
        for order in permutations([started, *events]):
            assert read_model.job_state(folded(order)) == state


LAST_WORDS = {
    "mesh_completed": "completed",
    "reconstruction_failed": "failed",
    "meshing_failed": "failed",
    "job_timed_out": "timed_out",
    "embedding_completed": "ready",
    "embedding_failed": "failed",
    "embedding_timed_out": "timed_out",
}


@pytest.mark.parametrize(
    ("events", "state"), [(OF_A_SESSION, read_model.session_state), (OF_A_JOB, read_model.job_state)]
)
def test_the_last_word_says_the_state(events: list[Event], state: Callable[[read_model.Row], str]) -> None:
    uploaded = [event for event in events if event.detail_type == "Image Uploaded"]
    ends = [event for event in events if read_model.attribute(event) in LAST_WORDS]
    for count in range(len(ends) + 1):
        for chosen in combinations([*ends, *map(later, ends)], count):
            row = folded([*uploaded, *chosen])
            word = read_model.last_word(row)
            assert LAST_WORDS.get(word or "") == (state(row) if word else None)
            assert bool(word) == bool(chosen)


SESSION_STATES = {
    "nothing yet": ("awaiting_photo", None),
    "photo rejected": ("awaiting_photo", "image_too_small"),
    "another photo accepted": ("preparing", None),
    "embedding": ("preparing", None),
    "embedded": ("ready", None),
    "embedding failed": ("failed", "model_unavailable"),
    "embedding overdue": ("timed_out", "embedding_timed_out"),
    "embedded after all": ("ready", None),
    "failed after all": ("failed", "model_unavailable"),
    "a failure after the result": ("ready", None),
}
JOB_STATES = {
    "nothing yet": ("awaiting_mask", None),
    "mask rejected": ("awaiting_mask", "mask_size_mismatch"),
    "another mask accepted": ("queued", None),
    "queued": ("queued", None),
    "reconstructing": ("reconstructing", None),
    "waiting for the second attempt": ("reconstructing", None),
    "meshing is due": ("meshing", None),
    "meshing": ("meshing", None),
    "completed": ("completed", None),
    "completed and told": ("completed", None),
    "reconstruction failed": ("failed", "inference_failed"),
    "meshing failed": ("failed", "surface_missing"),
    "overdue": ("timed_out", "job_timed_out"),
    "completed after all": ("completed", None),
    "failed after all": ("failed", "inference_failed"),
    "a failure after the result": ("completed", None),
    "a failure is final": ("failed", "inference_failed"),
    "only the end was seen": ("completed", None),
}


@pytest.mark.parametrize(("kind", "expected"), [("session", SESSION_STATES), ("job", JOB_STATES)])
def test_the_shared_vectors_say_what_is_meant(
    kind: str, expected: Mapping[str, tuple[str, str | None]]
) -> None:
    said = {
        vector["story"]: (vector["state"], vector["problem"] and vector["problem"]["code"])
        for vector in VECTORS[kind]
    }
    assert said == expected


@pytest.mark.parametrize("kind", ["session", "job"])
def test_this_implementation_passes_the_shared_vectors(kind: str) -> None:
    state = {"session": read_model.session_state, "job": read_model.job_state}[kind]
    for vector in VECTORS[kind]:
        row = folded(told(reversed(vector["events"])))
        assert (state(row), read_model.problem(row)) == (vector["state"], vector["problem"]), vector["story"]
    assert folded(told(VECTORS["fold"]["events"])) == VECTORS["fold"]["row"]


def told(names: Iterable[str]) -> list[Event]:
    return [event_from_envelope({"detail-type": name, "detail": VECTORS["events"][name]}) for name in names]


def test_a_photo_that_needs_no_clicks_makes_its_session_ready() -> None:
    uploaded = samples["Image Uploaded"].model_copy(update={"intent": Intent.DIRECT})
    assert read_model.session_state(folded([uploaded])) == "ready"
