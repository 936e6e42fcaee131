"""What a person's sessions and jobs took. Pure, from their rows; what was purged is not counted any more."""

from __future__ import annotations

from collections.abc import Iterable

from gen3d_events.read_model import Row

from gen3d_upload import schema
from gen3d_upload.history import last, photo
from gen3d_upload.views import job_files

_SECONDS_PER_HOUR = 3600


def usage(
    sessions: Iterable[tuple[Row, list[Row]]], usd_per_hour: float, month: str | None = None
) -> schema.Usage:
    """Of what was begun in `month` ("2026-11", UTC), or of all. usd_per_hour: the price of a GPU's hour."""
    found = schema.Usage(month=month, sessions=0, jobs=0, gpu_seconds=0, bytes_stored=0, estimated_cost_usd=0)
    for session, jobs in sessions:
        if _begun(session, month):
            found.sessions += 1
            found.gpu_seconds += _gpu_seconds(session, "embedding_completed")
            found.bytes_stored += _bytes(photo(session)) + _bytes(last(session, "embedding_completed"))
        for job in jobs:
            if _begun(job, month):
                found.jobs += 1
                found.gpu_seconds += _gpu_seconds(job, "reconstruction_completed")
                own = {name: file for name, file in job_files(job).items() if not _borrowed(name, job)}
                found.bytes_stored += sum(map(_bytes, own.values()))
    found.gpu_seconds = round(found.gpu_seconds, 3)
    found.estimated_cost_usd = round(found.gpu_seconds / _SECONDS_PER_HOUR * usd_per_hour, 4)
    return found


def _begun(row: Row, month: str | None) -> bool:
    return month is None or row["created_at"].startswith(f"{month}-")


def _gpu_seconds(row: Row, result: str) -> float:
    completed = last(row, result)
    return 0 if completed is None or completed["engine"]["weight_free"] else completed["seconds"]


def _borrowed(name: str, job: Row) -> bool:
    """Whether a file lies with another job."""
    return name == "mask.png" and "mask_of" in job


def _bytes(file: Row | None) -> int:
    return file["bytes"] if file else 0
