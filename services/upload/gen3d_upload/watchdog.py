"""Every few minutes: tell of rows whose deadline has passed.

An upload that has claimed its row and then died at every try is rejected, and its claim released, so that the
row waits for another one.

The event's id follows from the row and its deadline, so telling again, until it is folded, is harmless.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from gen3d_events.event import Event
from gen3d_events.ids import originate
from gen3d_events.models import EmbeddingTimedOut, ImageRejected, JobTimedOut, MaskRejected
from gen3d_events.observability import logger, metrics, observed
from gen3d_events.publisher import publish
from gen3d_events.read_model import Row

from gen3d_upload import rows
from gen3d_upload.history import due_at, waits


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
    told = 0
    for listed in rows.overdue(now):
        # The index may be behind the table.
        row = rows.get(*rows.ids(listed))
        if row and (event := timed_out(row, now)):
            publish([event])
            if waits(row):
                _release(row)
            told += 1
            logger.info("timed out", item_id=row["item_id"])
    metrics.add_metric(name="TimedOut", unit=MetricUnit.Count, value=told)
    logger.info("looked", told=told)
    return {"told": told}


def _release(row: Row) -> None:
    kind = rows.awaited(row)
    rows.release(*rows.ids(row), kind, row[f"{kind}_source"])


handler = observed(_look)
