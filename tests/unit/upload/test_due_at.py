"""`due_at` whatever happens at once: never later than the row is due, and never missing while it is due."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from gen3d_events import ids, read_model
from gen3d_events.event import Event
from gen3d_events.read_model import Row
from gen3d_events.samples import JOB, NOON, SESSION, USER, samples
from gen3d_upload import history, outbox, rows, watchdog
from gen3d_upload import table as table_of_rows
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.upload.conftest import Context

SOAK = "GEN3D_SOAK" in os.environ
NEVER = timedelta(days=36500)
"""A grace that no session of a test outlives."""

Operation = Callable[[], object]

pytestmark = pytest.mark.usefixtures("table", "s3", "published")


# --- when a row is due -----------------------------------------------------------------------------------

DEADLINE = timedelta(seconds=4800)
"""The template's defaults: an hour in the endpoint's queue, a quarter for the work, and five minutes."""


def of_attempt(name: str, attempt: int, minute: int) -> Event:
    """The sample of `name`, told of an attempt `minute` minutes after noon."""
    at = NOON + timedelta(minutes=minute)
    event = samples[name]
    about = event.metadata.model_copy(
        update={"event_id": ids.ulid(at, f"{name}{attempt}".encode().ljust(10)), "occurred_at": at}
    )
    due = {"due_at": at + DEADLINE} if "due_at" in type(event).model_fields else {}
    return event.model_copy(update={"attempt": attempt, **due}).with_metadata(about)


def due_after(events: list[Event]) -> datetime | None:
    row: Row = {"user_id": USER, "item_id": rows.item_id(SESSION, JOB), "created_at": NOON.isoformat()}
    for event in events:
        row = read_model.fold(row, event)
    return history.due_at(row)


def attempts(number: int) -> list[Event]:
    """A job until the endpoint took its `number`-th attempt: each fails in a minute, the next waits one."""
    story = [samples["Reconstruction Requested"], of_attempt("Reconstruction Started", 1, 2)]
    for attempt in range(2, number + 1):
        story.append(of_attempt("Inference Failed", attempt - 1, 2 * attempt - 1))
        story.append(of_attempt("Reconstruction Retry Scheduled", attempt, 2 * attempt - 1))
        story.append(of_attempt("Reconstruction Started", attempt, 2 * attempt))
    return story


@pytest.mark.parametrize("number", [2, 3])
@given(
    strays=st.lists(
        st.tuples(st.sampled_from(["Inference Succeeded", "Inference Failed"]), st.integers(0, 200))
    ),
    chance=st.randoms(use_true_random=False),
)
def test_what_is_told_of_an_attempt_before_moves_no_deadline(
    number: int, strays: list[tuple[str, int]], chance: random.Random
) -> None:
    before = [of_attempt(name, chance.randrange(1, number), at) for name, at in strays]
    events = attempts(number) + before
    chance.shuffle(events)
    assert due_after(events) == NOON + timedelta(minutes=2 * number) + DEADLINE


@pytest.mark.parametrize("answer", ["Inference Succeeded", "Inference Failed"])
def test_the_answer_to_the_attempt_under_way_is_a_step(answer: str) -> None:
    events = [*attempts(2), of_attempt(answer, 2, 30), of_attempt("Inference Succeeded", 1, 40)]
    assert due_after(events) == NOON + timedelta(minutes=30) + history.STEP


def test_a_retry_that_is_scheduled_ends_the_attempt_before() -> None:
    events = [*attempts(1), of_attempt("Reconstruction Retry Scheduled", 2, 20)]
    late = [of_attempt("Inference Succeeded", 1, 50), of_attempt("Reconstruction Started", 1, 60)]
    assert due_after(events + late) == NOON + timedelta(minutes=20) + history.STEP


# --- what a row says of it -----------------------------------------------------------------------------


def start(table: Any) -> None:
    for row in table.scan(TableName="sessions")["Items"]:
        table.delete_item(TableName="sessions", Key={name: row[name] for name in ("user_id", "item_id")})
    rows.create(USER, SESSION)
    rows.create(USER, SESSION, JOB, options={})


def assert_due(job_id: str | None) -> None:
    row = rows.get(USER, SESSION, job_id)
    assert row
    due = history.due_at(row)
    if due:
        assert row.get("due_at", "never") <= rows._text(due)
    rows.postpone(row)
    assert (rows.get(USER, SESSION, job_id) or {}).get("due_at") == (due and rows._text(due))


def told() -> Event:
    row = rows.get(USER, SESSION)
    event = outbox.of_session(row) if row else None
    assert event
    return event


def delete() -> None:
    assert rows.delete(USER, SESSION, NEVER)


def restore() -> None:
    assert rows.restore(USER, SESSION)


# --- one after the other -------------------------------------------------------------------------------


def test_a_check_that_ends_after_its_session_was_deleted_leaves_the_purge_due(table: Any) -> None:
    start(table)
    rows.begin_check(USER, SESSION, None, "photo")
    delete()
    rows.fold(told())
    rows.fold(samples["Image Rejected"])
    rows.release(USER, SESSION, None, "photo", "1")
    assert_due(None)
    assert list(rows.overdue(rows._now() + NEVER + history.STEP))


@pytest.mark.parametrize("begun", ["check", "claim"])
def test_an_upload_that_begins_within_a_fold_stays_due(
    table: Any, monkeypatch: pytest.MonkeyPatch, begun: str
) -> None:
    start(table)
    delete()
    restore()
    keep_due = rows._keep_due

    def interrupted(row: Row) -> None:
        if begun == "check":
            rows.begin_check(USER, SESSION, None, "photo")
        else:
            assert rows.claim(USER, SESSION, None, "photo", "1")
        keep_due(row)

    event = told()
    with monkeypatch.context() as patch:
        patch.setattr(rows, "_keep_due", interrupted)
        rows.fold(event)
    assert "due_at" in (rows.get(USER, SESSION) or {})
    assert_due(None)


@pytest.mark.parametrize("ended", [delete, restore])
def test_an_upload_puts_off_no_end_that_was_not_told_of(table: Any, ended: Operation) -> None:
    start(table)
    delete()
    if ended is restore:
        restore()
    untold = (rows.get(USER, SESSION) or {})["due_at"]
    rows.begin_check(USER, SESSION, None, "photo")
    assert rows.claim(USER, SESSION, None, "photo", "1")
    assert (rows.get(USER, SESSION) or {})["due_at"] == untold
    assert_due(None)


def test_a_row_that_nothing_was_folded_into_is_put_off_too(table: Any) -> None:
    start(table)
    due = rows.create(USER, SESSION, "job_01KAH6ECR007Z9N1BWWN9J5D3R", options={}, **rows.due_now())
    rows.postpone(due)
    assert "due_at" not in (rows.get(*rows.ids(due)) or {})


def test_what_is_removed_before_its_look_stays_gone(table: Any) -> None:
    start(table)
    rows.fold(samples["Reconstruction Started"])
    row = rows.get(USER, SESSION, JOB)
    assert row
    rows.remove(USER, SESSION, JOB)
    rows._keep_due({**row, "due_at": None})
    rows.postpone({**row, "due_at": None})
    assert rows.get(USER, SESSION, JOB) is None


# --- at once -------------------------------------------------------------------------------------------


class Paused(threading.Thread):
    """An operation that stops before each of its calls of the table until it is its turn."""

    here = threading.local()

    def __init__(self, operation: Operation) -> None:
        super().__init__(daemon=True)
        self.operation = operation
        self.turn, self.back = threading.Semaphore(0), threading.Semaphore(0)
        self.over = False
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        self.here.operation = self
        self.turn.acquire()
        try:
            self.operation()
        except Exception as error:
            self.error = error
        self.over = True
        self.back.release()

    def go_on(self) -> None:
        self.turn.release()
        self.back.acquire()

    @classmethod
    def wait(cls) -> None:
        """Of the operation that calls, if one does: let others have their turn."""
        me: Paused | None = getattr(cls.here, "operation", None)
        if me:
            me.back.release()
            me.turn.acquire()


def at_once(operations: list[Operation], chance: random.Random) -> None:
    running = [Paused(operation) for operation in operations]
    while under_way := [one for one in running if not one.over]:
        chance.choice(under_way).go_on()
    for one in running:
        if one.error:
            raise one.error


def of_upload(job_id: str | None) -> list[Operation]:
    about, kind = (USER, SESSION, job_id), rows.awaited({"item_id": rows.item_id(SESSION, job_id)})
    claims = (
        partial(change, *about, kind, source) for source in "ab" for change in (rows.claim, rows.release)
    )
    return [partial(rows.begin_check, *about, kind), *claims]


def tell() -> None:
    """Of the last deletion or restoration, perhaps when there is a later one."""
    row = rows.get(USER, SESSION)
    if row and (event := outbox.of_session(row)):
        rows.fold(event)


def look_early(job_id: str | None) -> None:
    if row := rows.get(USER, SESSION, job_id):
        rows.postpone(row)


OPERATIONS = st.one_of(
    st.sampled_from([*of_upload(None), *of_upload(JOB)]),
    st.sampled_from([partial(rows.delete, USER, SESSION, NEVER), partial(rows.restore, USER, SESSION), tell]),
    st.sampled_from(
        [partial(watchdog.handler, {}, Context()), *(partial(look_early, it) for it in (None, JOB))]
    ),
    st.sampled_from([partial(rows.fold, event) for event in samples.values()]),
)


@settings(max_examples=1000 if SOAK else 25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    story=st.lists(
        st.tuples(st.sampled_from([0, 1, 30, 70]), st.lists(OPERATIONS, min_size=1, max_size=4)), max_size=6
    ),
    chance=st.randoms(use_true_random=False),
)
def test_nothing_is_lost_whatever_happens_at_once(
    story: list[tuple[int, list[Operation]]], chance: random.Random, table: Any
) -> None:
    """Minutes pass between what happens at once. The watchdog's clock is the real one, long after that of the
    rows, so that to it all is overdue."""
    start(table)
    clock: list[datetime] = [NOON]
    call = table_of_rows.call

    def paused(operation: str, **arguments: Any) -> Any:
        Paused.wait()
        return call(operation, **arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "_now", lambda: clock[0])
        patch.setattr(table_of_rows, "call", paused)
        for minutes, operations in story:
            clock[0] += timedelta(minutes=minutes)
            at_once(operations, chance)
    assert_due(None)
    assert_due(JOB)
