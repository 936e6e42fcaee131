from __future__ import annotations

import os
import random
from datetime import timedelta
from functools import reduce
from itertools import permutations
from typing import Any

import pytest
from gen3d_events import ids, read_model
from gen3d_events.event import Event
from gen3d_events.read_model import Row
from gen3d_events.samples import JOB, NOON, SESSION, USER, samples
from gen3d_upload import rows
from gen3d_upload.history import due_at, events
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.usefixtures("table")

SOAK = "GEN3D_SOAK" in os.environ
OF_SESSION = [event for event in samples.values() if event.metadata.job_id is None]
OF_JOB = [event for event in samples.values() if event.metadata.job_id]


def again(event: Event, seconds: float, told: float = 0, **changes: Any) -> Event:
    """Another event of the same kind, as a later cause gives it; it may be told later as well, or earlier."""
    at = event.metadata.occurred_at
    metadata = event.metadata.model_copy(
        update={
            "event_id": ids.ulid(at + timedelta(seconds=seconds), b"another one"),
            "occurred_at": at + timedelta(seconds=told),
        }
    )
    return event.model_copy(update=changes).with_metadata(metadata)


def start() -> None:
    rows.create(USER, SESSION, name="Chair")
    rows.create(USER, SESSION, JOB, options={})


def state_of_rows() -> dict[str, Any]:
    found = rows.session(USER, SESSION)
    assert found
    return {
        row["item_id"]: {k: v for k, v in row.items() if k not in {"created_at", "revision"}}
        for row in (found[0], *found[1])
    }


@settings(max_examples=1000 if SOAK else 15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    story=st.lists(st.sampled_from(OF_JOB + OF_SESSION), max_size=12),
    chance=st.randoms(use_true_random=False),
)
def test_the_table_folds_as_the_read_model_does(
    story: list[Event], chance: random.Random, table: Any
) -> None:
    for row in table.scan(TableName="sessions")["Items"]:
        table.delete_item(TableName="sessions", Key={k: row[k] for k in ("user_id", "item_id")})
    start()
    story = story + [
        again(event, chance.choice([-1, 1]), chance.choice([-2, 0, 2]))
        for event in story
        if chance.random() < 0.3
    ]
    chance.shuffle(story)
    wanted: dict[str | None, dict[str, Any]] = {None: {}, JOB: {}}
    while story:
        job_id, batch = story[0].metadata.job_id, story[: chance.randint(1, 5)]
        of_row = [event for event in batch if event.metadata.job_id == job_id]
        wanted[job_id] = reduce(read_model.fold, of_row, wanted[job_id])
        rows.fold(*of_row)
        story = [event for event in batch if event.metadata.job_id != job_id] + story[len(batch) :]
    for job_id, row in wanted.items():
        stored = rows.get(USER, SESSION, job_id)
        assert stored
        assert events(stored) == row
        due = due_at({**stored, **row})
        assert ("due_at" in stored) == (due is not None)
        if due:
            assert stored["due_at"] <= rows._text(due)
        rows.postpone(stored)
        stored = rows.get(USER, SESSION, job_id)
        assert stored
        assert stored.get("due_at") == (due and rows._text(due))
        assert ("due_kind" in stored) == ("due_at" in stored)


def test_every_order_gives_the_same_rows(table: Any) -> None:
    story = [
        samples[name] for name in ("Reconstruction Requested", "Reconstruction Started", "Mesh Completed")
    ]
    seen = []
    for order in permutations([*story, again(story[1], -5, inference_id="rec-earlier")]):
        start()
        for event in order:
            rows.fold(event)
        seen.append(state_of_rows())
        for item in seen[-1]:
            table.delete_item(TableName="sessions", Key={"user_id": {"S": USER}, "item_id": {"S": item}})
    assert all(state == seen[0] for state in seen)


def test_events_of_one_row_are_folded_by_one_write() -> None:
    start()
    row = rows.fold(samples["Reconstruction Requested"], samples["Reconstruction Started"])
    assert row
    assert row["revision"] == 1
    later = rows.fold(*(samples[name] for name in ("Reconstruction Started", "Reconstruction Completed")))
    assert later
    assert later["revision"] == 2  # the first of them was no news
    assert read_model.job_state(later) == "meshing"


def test_an_event_without_a_row_is_dropped() -> None:
    assert rows.fold(samples["Image Uploaded"]) is None
    assert rows.get(USER, SESSION) is None


def test_of_two_folds_at_once_neither_loses_what_the_other_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between a fold and its write of `due_at`, another fold finishes the job: one look too many."""
    start()
    keep_due = rows._keep_due
    late: list[Row] = []

    def interrupted(row: Row) -> None:
        if not late:
            late.append(row)
            rows.fold(samples["Mesh Completed"])
        keep_due(row)

    monkeypatch.setattr(rows, "_keep_due", interrupted)
    rows.fold(samples["Reconstruction Started"])
    row = rows.get(USER, SESSION, JOB)
    assert row
    assert read_model.job_state(row) == "completed"
    rows.postpone(row)
    assert "due_at" not in (rows.get(USER, SESSION, JOB) or {})


def test_a_fold_that_died_before_its_deadline_is_mended_by_its_repetition(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start()
    with monkeypatch.context() as patch:
        patch.setattr(rows, "_keep_due", lambda row: None)
        rows.fold(samples["Reconstruction Started"])
    assert not list(rows.overdue(NOON + timedelta(days=1)))
    rows.fold(samples["Reconstruction Started"])
    assert [rows.ids(row) for row in rows.overdue(NOON + timedelta(days=1))] == [(USER, SESSION, JOB)]


def looks(*names: str) -> list[tuple[str, str]]:
    """After each event of the job: when it is looked at, and when it is due."""
    start()
    moments = []
    for name in names:
        row = rows.fold(samples[name])
        assert row
        due, kept = due_at(row), rows.get(USER, SESSION, JOB)
        assert due
        assert kept
        moments.append((kept["due_at"], rows._text(due)))
    return moments


def test_an_earlier_look_than_is_due_is_left_as_it_is() -> None:
    (first, _), (then, due) = looks("Reconstruction Requested", "Reconstruction Started")
    assert first == then < due


def test_what_is_due_earlier_than_it_was_is_looked_at_earlier() -> None:
    (first, _), (then, due) = looks("Reconstruction Started", "Meshing Started")
    assert first > then == due


def test_a_late_result_ends_the_deadline_of_a_row_that_timed_out() -> None:
    start()
    for name in ("Reconstruction Requested", "Reconstruction Started"):
        rows.fold(samples[name])
    assert list(rows.overdue(NOON + timedelta(days=1)))
    rows.fold(samples["Job Timed Out"])
    assert not list(rows.overdue(NOON + timedelta(days=1)))


def test_floats_and_deep_values_come_back_as_they_were() -> None:
    value = {"a": 0.157, "b": [1, 2.5, {"c": 1e-7}], "d": None, "e": True, "f": 13_631_890, "g": "x"}
    rows.create(USER, SESSION, deep=value)
    row = rows.get(USER, SESSION)
    assert row
    assert row["deep"] == value


def test_a_session_is_read_with_its_own_jobs_only() -> None:
    start()
    other = ids.new_session_id()
    rows.create(USER, other, options={})
    rows.create(USER, other, ids.new_job_id(), options={})
    found = rows.session(USER, SESSION)
    assert found
    session, jobs = found
    assert (session["item_id"], [job["item_id"] for job in jobs]) == (SESSION, [f"{SESSION}/{JOB}"])
    assert rows.session("somebody else", SESSION) is None
    assert rows.session(USER, "ses_") is None


def test_sessions_are_listed_newest_first_over_many_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "_PAGE", 3)
    made = []
    for number in range(5):
        session = f"ses_{ids.ulid(NOON + timedelta(minutes=number), bytes(10))}"
        rows.create(USER, session)
        jobs = [f"job_{ids.ulid(NOON + timedelta(minutes=number + n), bytes(10))}" for n in range(number)]
        for job in jobs:
            rows.create(USER, session, job, options={})
        made.append((session, [f"{session}/{job}" for job in reversed(jobs)]))
    made.reverse()

    def listed(before: str | None = None) -> list[tuple[str, list[str]]]:
        found = rows.newest_first(USER, before)
        return [(session["item_id"], [job["item_id"] for job in jobs]) for session, jobs in found]

    assert listed() == made
    assert listed(made[1][0]) == made[2:]


def test_a_row_is_created_once() -> None:
    start()
    with pytest.raises(Exception, match="ConditionalCheckFailed"):
        start()
