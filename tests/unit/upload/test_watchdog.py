from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from gen3d_events import ids
from gen3d_events.event import Event
from gen3d_events.samples import JOB, NOON, SESSION, USER, samples
from gen3d_upload import outbox, rows, watchdog
from gen3d_upload.history import STEP, due_at

from tests.unit.logs import logged
from tests.unit.upload.conftest import Context

Published = Callable[[], list[Event]]
READY = ("Image Uploaded", "Embedding Completed")
"""What a session heard that waits for nothing any more."""

pytestmark = pytest.mark.usefixtures("table", "s3")


@pytest.fixture(autouse=True)
def session(table: Any, s3: Any) -> None:
    rows.create(USER, SESSION)
    rows.create(USER, SESSION, JOB, options={})


def look() -> int:
    answer: dict[str, int] = watchdog.handler({}, Context())
    return answer["told"]


def fold(*names: str) -> None:
    for name in names:
        rows.fold(samples[name])


def test_what_is_overdue_is_told_of(published: Published) -> None:
    fold("Image Uploaded", "Embedding Started", "Reconstruction Requested", "Reconstruction Started")
    assert look() == 2
    told = {event.detail_type: event for event in published()}
    assert {name: (event.metadata.session_id, event.metadata.job_id) for name, event in told.items()} == {
        "Embedding Timed Out": (SESSION, None),
        "Job Timed Out": (SESSION, JOB),
    }
    assert told["Job Timed Out"].metadata.causation_id == samples["Job Timed Out"].metadata.causation_id


def test_its_log_names_session_and_job(published: Published) -> None:
    fold("Reconstruction Requested", "Reconstruction Started")
    with logged() as lines:
        look()
    (line,) = (line for line in lines if line["message"] == "timed out")
    assert (line["correlation_id"], line["session_id"], line["job_id"]) == (SESSION, SESSION, JOB)


@pytest.mark.usefixtures("published")
def test_it_counts_what_it_tells_of(capsys: pytest.CaptureFixture[str]) -> None:
    """In CloudWatch's embedded format: the success rate of reconstructions knows nothing of it."""
    fold("Reconstruction Requested", "Reconstruction Started")
    look()
    (line,) = (json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line)
    assert line["TimedOut"] == [1]


def test_it_is_told_with_the_same_id_until_it_is_folded(published: Published) -> None:
    fold("Reconstruction Requested", "Reconstruction Started")
    assert (look(), look()) == (1, 1)
    first, second = published()
    assert first.metadata.event_id == second.metadata.event_id
    rows.fold(first)
    assert look() == 0


@pytest.mark.parametrize("end", ["Mesh Completed", "Meshing Failed", "Reconstruction Failed"])
def test_what_has_ended_is_left_alone(published: Published, end: str) -> None:
    fold("Reconstruction Requested", "Reconstruction Started", end)
    assert look() == 0
    assert published() == []


def test_what_waits_for_a_person_is_left_alone(published: Published) -> None:
    fold("Image Uploaded", "Embedding Completed", "Mask Rejected")
    assert look() == 0


@pytest.mark.parametrize("job_id", [None, JOB])
@pytest.mark.parametrize("accepted", [False, True])
def test_an_upload_that_died_is_rejected_and_leaves_room_for_another(
    published: Published, monkeypatch: pytest.MonkeyPatch, job_id: str | None, accepted: bool
) -> None:
    kind: rows.Upload = "mask" if job_id else "photo"
    if job_id:
        fold(*READY)
    with monkeypatch.context() as earlier:
        earlier.setattr(rows, "_now", lambda: NOON)
        assert rows.claim(USER, SESSION, job_id, kind, "1")
    if accepted:
        rows.accept(USER, SESSION, job_id, kind, "1", facts={"any": "facts"})
    fold("Mask Rejected" if job_id else "Image Rejected")
    row = rows.get(USER, SESSION, job_id)
    assert row
    assert due_at(row) == NOON + STEP
    assert look() == 1
    (event,) = published()
    assert event.detail_type == ("Mask Rejected" if job_id else "Image Rejected")
    assert (event.metadata.session_id, event.metadata.job_id) == (SESSION, job_id)
    assert event.detail()["data"]["code"] == "internal_error"
    rows.fold(event)
    assert look() == 0
    assert rows.claim(USER, SESSION, job_id, kind, "2")


@pytest.mark.parametrize("job_id", [None, JOB])
def test_an_upload_that_kills_its_check_is_rejected(
    published: Published, monkeypatch: pytest.MonkeyPatch, job_id: str | None
) -> None:
    kind: rows.Upload = "mask" if job_id else "photo"
    if job_id:
        fold(*READY)
    rows.begin_check(USER, SESSION, job_id, kind)
    assert look() == 0
    rows.release(USER, SESSION, job_id, kind, "1")
    with monkeypatch.context() as earlier:
        earlier.setattr(rows, "_now", lambda: NOON)
        rows.begin_check(USER, SESSION, job_id, kind)
    assert look() == 1
    (event,) = published()
    assert event.detail_type == ("Mask Rejected" if job_id else "Image Rejected")
    assert event.detail()["data"]["code"] == "internal_error"
    rows.fold(event)
    assert look() == 0
    assert rows.claim(USER, SESSION, job_id, kind, "2")


def test_an_upload_that_is_still_tried_is_left_alone(published: Published) -> None:
    rows.claim(USER, SESSION, None, "photo", "1")
    assert look() == 0
    assert not rows.claim(USER, SESSION, None, "photo", "2")


def test_an_accepted_upload_is_overdue_only_as_its_next_step_is() -> None:
    rows.claim(USER, SESSION, None, "photo", "1")
    fold("Image Uploaded", "Embedding Started")
    row = rows.get(USER, SESSION)
    assert row
    due = due_at(row)
    assert due
    assert due < NOON + 2 * STEP
    assert row["due_at"] <= rows._text(due)
    fold("Embedding Completed")
    assert "due_at" not in (rows.get(USER, SESSION) or {})


def test_who_is_looked_at_too_early_is_looked_at_again_when_due(published: Published) -> None:
    hidden = rows.delete(USER, SESSION, timedelta(days=7))
    assert hidden
    event = outbox.of_session(hidden)
    assert event
    rows.fold(event)
    assert [rows.ids(row) for row in rows.overdue(datetime.now(UTC) + STEP)] == [(USER, SESSION, None)]
    assert look() == 0
    assert published() == []
    assert (rows.get(USER, SESSION) or {})["due_at"] == hidden["purge_at"]
    assert not list(rows.overdue(datetime.now(UTC) + STEP))


def test_the_index_is_not_believed(published: Published, monkeypatch: pytest.MonkeyPatch) -> None:
    fold("Reconstruction Requested", "Reconstruction Started")
    stale = list(rows.overdue(NOON + timedelta(days=1)))
    fold("Mesh Completed")
    monkeypatch.setattr(rows, "overdue", lambda now: stale)
    assert look() == 0


def test_many_are_told_of_over_pages(published: Published, table: Any) -> None:
    for number in range(25):
        session = ids.new_session_id()
        event = {"event_id": f"{number}", "at": "2026-01-01T00:00:00Z", "x": "y" * 100_000}
        due = {"due_kind": "due", "due_at": "2026-01-01T01:00:00.000Z"}
        rows.create(USER, session, image_uploaded=event, revision=1, **due)
    assert look() == 25
    assert len(published()) == 25


@pytest.mark.parametrize(
    ("seen", "due"),
    [
        (["Reconstruction Requested"], NOON + timedelta(seconds=95) + STEP),
        (["Reconstruction Requested", "Reconstruction Started"], NOON + timedelta(seconds=4896)),
        (["Reconstruction Started", "Reconstruction Requested"], NOON + timedelta(seconds=4896)),
        (["Reconstruction Started", "Meshing Started"], NOON + timedelta(seconds=112) + STEP),
    ],
)
def test_the_endpoint_may_take_as_long_as_it_said_and_every_other_step_an_hour(
    seen: list[str], due: datetime
) -> None:
    """What was told of last counts, not what was heard of last."""
    fold(*seen)
    row = rows.get(USER, SESSION, JOB)
    assert row
    assert due_at(row) == due


@pytest.mark.parametrize("aside", ["User Notified", "Notification Failed", "Mask Rejected"])
def test_what_is_no_step_moves_no_deadline(aside: str) -> None:
    fold("Reconstruction Requested", "Reconstruction Started")
    event = samples[aside]
    later = event.metadata.model_copy(update={"occurred_at": NOON + timedelta(hours=1), "job_id": JOB})
    rows.fold(event.with_metadata(later))
    row = rows.get(USER, SESSION, JOB)
    assert row
    assert due_at(row) == NOON + timedelta(seconds=4896)


def test_a_timely_row_is_not_told_of() -> None:
    fold("Reconstruction Requested")
    row = rows.get(USER, SESSION, JOB)
    assert row
    due = due_at(row)
    assert due
    assert watchdog.timed_out(row, due) is None
    assert watchdog.timed_out(row, due + timedelta(seconds=1))
