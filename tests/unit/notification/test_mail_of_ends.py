"""Of all that is said of how a job or an embedding ended, what the person is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

import pytest
from gen3d_events import read_model
from gen3d_events.event import Event
from gen3d_events.ids import caused, new_job_id, new_session_id, originate
from gen3d_events.models import (
    UserNotified,
)
from gen3d_events.samples import samples
from gen3d_notification import ledger
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.notification.mailing import Post, moved, tell

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def story(said: Mapping[str, int]) -> dict[str, Event]:
    """Events of one new session and job, each said so many ms after noon. A mesh, or the failure to make one,
    has the splats as its cause, and so in its id the time at which they were told of."""
    session_id, job_id = new_session_id(), new_job_id()

    def at(event: Event, milliseconds: int) -> Event:
        update = {"occurred_at": NOON + timedelta(milliseconds=milliseconds)}
        return event.with_metadata(event.metadata.model_copy(update=update))

    def originated(name: str) -> Event:
        about = samples[name].about("somebody", session_id, None if name.startswith("Embedding") else job_id)
        return at(originate(about, cause_id=name, at=NOON), said.get(name, 0))

    splats = originated("Reconstruction Completed")
    return {
        name: at(caused(samples[name], splats, "meshing", 0), milliseconds)
        if name in ("Mesh Completed", "Meshing Failed")
        else originated(name)
        for name, milliseconds in said.items()
    }


def told_of(post: Post, events: Iterable[Event]) -> list[str]:
    """What the person is told of, when mail hears of these events."""
    told = [one for event in events for one in tell(post, event)]
    assert all(isinstance(one, UserNotified) for one in told)
    return [one.notified_of for one in told if isinstance(one, UserNotified)]


@pytest.fixture
def alone(post: Post, monkeypatch: pytest.MonkeyPatch) -> Post:
    """The person, without an operator."""
    monkeypatch.setenv("ADMIN_EMAIL", "")
    return post


EMBEDDED, EMBEDDING_FAILED, EMBEDDING_OVERDUE = (
    "Embedding Completed",
    "Embedding Failed",
    "Embedding Timed Out",
)
RECONSTRUCTED, RECONSTRUCTION_FAILED = "Reconstruction Completed", "Reconstruction Failed"
MESHED, MESHING_FAILED, OVERDUE = "Mesh Completed", "Meshing Failed", "Job Timed Out"
STATES = {
    RECONSTRUCTION_FAILED: "failed",
    MESHING_FAILED: "failed",
    MESHED: "completed",
    OVERDUE: "timed_out",
}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_in_any_order_the_last_mail_says_how_the_job_ended(post: Post, data: st.DataObject) -> None:
    """Whenever each was said, some in the same ms, and in whatever order mail hears of all, or of three."""
    said = {name: data.draw(st.integers(0, 4), name) for name in (RECONSTRUCTED, *STATES)}
    for answer in (MESHED, MESHING_FAILED):
        said[answer] += said[RECONSTRUCTED]
    heard = data.draw(st.permutations(list(said)).flatmap(lambda order: st.sampled_from([order, order[:3]])))
    events = story(said)
    told = [name for name in heard if ledger.hear(events[name])]
    row: read_model.Row = {}
    for name in {RECONSTRUCTED, *heard} if MESHED in heard else heard:
        row = read_model.fold(row, events[name])
    state = read_model.job_state(row)
    if state in ("completed", "failed"):
        assert STATES[told[-1]] == state
    assert len(told) == len(set(told))


ONE_MAIL = {
    (RECONSTRUCTED, MESHED, MESHING_FAILED): [MESHED],
    (RECONSTRUCTED, RECONSTRUCTION_FAILED, MESHED): [MESHED],
    (RECONSTRUCTED, MESHED, RECONSTRUCTION_FAILED): [MESHED],
    (RECONSTRUCTED, RECONSTRUCTION_FAILED, MESHING_FAILED): [MESHING_FAILED],
    (RECONSTRUCTED, RECONSTRUCTION_FAILED, OVERDUE): [OVERDUE],
    (RECONSTRUCTED, MESHING_FAILED, MESHED): [MESHING_FAILED],
    (RECONSTRUCTION_FAILED, RECONSTRUCTED, MESHED): [RECONSTRUCTION_FAILED],
    (RECONSTRUCTION_FAILED, RECONSTRUCTED, MESHING_FAILED): [RECONSTRUCTION_FAILED],
    (EMBEDDED, EMBEDDING_FAILED): [],
    (EMBEDDING_FAILED, EMBEDDED): [EMBEDDING_FAILED],
}
NO_TIME_OUT_AFTER_AN_END = {
    (RECONSTRUCTED, MESHED, OVERDUE): [MESHED],
    (RECONSTRUCTION_FAILED, OVERDUE): [RECONSTRUCTION_FAILED],
    (RECONSTRUCTED, MESHING_FAILED, OVERDUE): [MESHING_FAILED],
    (EMBEDDED, EMBEDDING_OVERDUE): [],
    (EMBEDDING_FAILED, EMBEDDING_OVERDUE): [EMBEDDING_FAILED],
}
A_TIME_OUT_IS_NO_END = {
    (OVERDUE, RECONSTRUCTED, MESHED): [OVERDUE, MESHED],
    (OVERDUE, RECONSTRUCTION_FAILED): [OVERDUE, RECONSTRUCTION_FAILED],
    (OVERDUE, RECONSTRUCTED, MESHING_FAILED): [OVERDUE, MESHING_FAILED],
    (EMBEDDING_OVERDUE, EMBEDDING_FAILED): [EMBEDDING_OVERDUE, EMBEDDING_FAILED],
    (EMBEDDING_OVERDUE, EMBEDDED): [EMBEDDING_OVERDUE],
}


@pytest.mark.parametrize("expected", [ONE_MAIL, NO_TIME_OUT_AFTER_AN_END, A_TIME_OUT_IS_NO_END])
def test_who_hears_in_order_is_told_what_counts(
    alone: Post, expected: dict[tuple[str, ...], list[str]]
) -> None:
    for said, told in expected.items():
        events = story({name: order for order, name in enumerate(said)})
        assert told_of(alone, events.values()) == told, said


HEARD_TOO_LATE = {
    (MESHING_FAILED, MESHED): {RECONSTRUCTED: 0, MESHED: 1, MESHING_FAILED: 2},
    (MESHED, MESHING_FAILED): {RECONSTRUCTED: 0, MESHING_FAILED: 1, MESHED: 2},
    (MESHED, RECONSTRUCTION_FAILED): {RECONSTRUCTION_FAILED: 0, RECONSTRUCTED: 1, MESHED: 2},
    (RECONSTRUCTION_FAILED, MESHED): {RECONSTRUCTED: 0, RECONSTRUCTION_FAILED: 1, MESHED: 2},
}
"""What counts comes last, after what does not, and when each was said."""


def test_what_counts_is_told_though_it_is_heard_too_late(alone: Post) -> None:
    for heard, said in HEARD_TOO_LATE.items():
        events = story(said)
        assert told_of(alone, [events[name] for name in heard]) == list(heard)
        assert told_of(alone, [events[name] for name in heard]) == [heard[-1]], "only that is repeated"


def test_of_two_events_of_a_type_the_first_that_is_heard_is_told(alone: Post) -> None:
    event = story({OVERDUE: 0})[OVERDUE]
    other = event.with_metadata(event.metadata.model_copy(update={"event_id": "0" * 26}))
    assert told_of(alone, [event, other, event]) == [OVERDUE, OVERDUE]


def test_on_restoration_no_time_out_is_told_that_an_end_followed(alone: Post) -> None:
    events = story({OVERDUE: 0, RECONSTRUCTED: 1, MESHED: 2, EMBEDDING_OVERDUE: 0, EMBEDDED: 1})
    about = events[MESHED].metadata
    deleted, restored = (
        event.with_metadata(event.metadata.model_copy(update={"session_id": about.session_id}))
        for event in (moved("Session Deletion Requested", 0), moved("Session Restored", 1))
    )
    heard = [events[name] for name in (OVERDUE, EMBEDDING_OVERDUE, EMBEDDED, MESHED)]
    assert told_of(alone, [deleted, *heard]) == []
    assert told_of(alone, [restored]) == [MESHED]
