"""Every few minutes: tell of rows whose deadline has passed, and purge sessions whose grace is over.

An upload whose check died at every try is rejected and its claim released, so that the row waits for another.
A file of an inbox is photo and mask of two rows, and rejected once.
What the API did and died before telling of is told here.

The event's id follows from the row and its deadline, so telling again, until it is folded, is harmless.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from gen3d_events.event import Event
from gen3d_events.ids import originate
from gen3d_events.models import EmbeddingTimedOut, ImageRejected, JobTimedOut, MaskRejected
from gen3d_events.observability import context_keys, logger, metrics, observed
from gen3d_events.publisher import publish
from gen3d_events.read_model import Row

from gen3d_upload import history, outbox, rows
from gen3d_upload.history import due_at, waits
from gen3d_upload.purge import purge


def timed_out(row: Row, now: datetime) -> Event | None:
    """What to tell of a row at `now`: nothing if it is not overdue."""
    due = due_at(row)
    if due is None or due >= now:
        return None
    user_id, session_id, job_id = rows.ids(row)
    detail = f"due at {due.isoformat()}"
    event: Event
    if waits(row):
        event = (MaskRejected if job_id else ImageRejected).because("internal_error", detail)
    elif job_id:
        event = JobTimedOut.because("job_timed_out", detail)
    else:
        event = EmbeddingTimedOut.because("embedding_timed_out", detail)
    cause_id = f"{job_id or session_id}@{due.isoformat()}"
    return originate(event.about(user_id, session_id, job_id), cause_id=cause_id, at=due)


def _look(_event: dict[str, Any], _context: Any) -> dict[str, int]:
    now = datetime.now(UTC)
    done: Counter[str] = Counter()
    broken: list[Exception] = []
    for listed in rows.overdue(now):
        _, session_id, job_id = rows.ids(listed)
        with context_keys("attend", correlation_id=session_id, session_id=session_id, job_id=job_id):
            try:
                # The index may be behind the table.
                row = rows.get(*rows.ids(listed))
                if row is None:
                    continue
                if what := _attend(row, now):
                    done[what] += 1
                    logger.info(what, due_at=row.get("due_at"))
                else:
                    rows.postpone(row)
            except Exception as error:  # one that fails must not keep the others
                logger.exception("not attended")
                broken.append(error)
    metrics.add_metric(name="TimedOut", unit=MetricUnit.Count, value=done["timed out"])
    logger.info("looked", told=done["timed out"], again=done["told again"], purged=done["purged"])
    if broken:
        raise ExceptionGroup(f"{len(broken)} of the rows that were due", broken)
    return {"told": done["timed out"], "again": done["told again"], "purged": done["purged"]}


def _attend(row: Row, now: datetime) -> str | None:
    """What was done about a row that may be due."""
    user_id, session_id, job_id = rows.ids(row)
    session = rows.get(user_id, session_id) if job_id else row
    if session is None or (job_id and history.deleted(session)):  # gone, or hidden, and so are its jobs
        return None if session else _without_session(row)
    if event := _untold(row, session):
        publish([event])
        return "told again"
    if history.deleted(row):
        over = datetime.fromisoformat(row["purge_at"]) <= now
        return "purged" if over and purge(row) else None
    event = timed_out(row, now)
    if event is None:
        return None
    if job_id and waits(row) and waits(session):  # a file of an inbox: the session's rejection tells of it
        _release(row)
        return "released"
    publish([event])
    if waits(row):
        _release(row)
    return "timed out"


def _without_session(job: Row) -> str | None:
    """A job that was made while its session was purged goes too, lest it is looked at for ever."""
    if not rows.is_buried(rows.ids(job)[1]):
        return None
    rows.remove(*rows.ids(job))
    return "removed"


def _release(row: Row) -> None:
    kind = rows.awaited(row)
    rows.release(*rows.ids(row), kind, row.get(f"{kind}_source", ""))


def _untold(row: Row, session: Row) -> Event | None:
    if not outbox.untold_since(row):
        return None
    if not rows.is_job(row):
        return outbox.of_session(row)
    photo = history.photo(session)
    return outbox.of_job(row, photo) if photo else None


handler = observed(_look)
