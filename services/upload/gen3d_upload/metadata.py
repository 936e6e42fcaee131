"""`metadata.json`: a session as the architecture document describes it, with a list of its jobs.

It is for people and tools that look into the bucket; Gen3D itself never reads it back. It holds no address.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError
from gen3d_events import aws, keys
from gen3d_events.read_model import Row, job_state, problem, session_state

from gen3d_upload import rows
from gen3d_upload.history import Stage, deleted, job_stages, last, session_stages

MAX_TRIES = 5
_BYTES_PER_MB = 1_000_000
MAX_ROWS_KEPT = 1000
KEPT_SECONDS = 60.0
_OVERTAKEN = {"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"}


class MetadataBusy(RuntimeError):
    """Others wrote the same metadata.json at every try."""


@dataclass
class _Written:
    """What this process wrote last of a session: its rows by item_id, read when the clock was `read_at`."""

    etag: str
    rows: dict[str, Row]
    read_at: float


_written: dict[str, _Written] = {}
"""By key of the file, the oldest first."""


def render(session: Row, jobs: list[Row]) -> dict[str, Any]:
    """The document. `status`, `interaction`, `reconstruction` and `mask_info` are those of the newest job."""
    newest = jobs[-1] if jobs else None
    photo = session.get("image_uploaded", {}).get("photo", {})
    return _present(
        session_id=session["item_id"],
        user_id=session["user_id"],
        name=session.get("name"),
        created_at=session["created_at"],
        status=job_state(newest) if newest else session_state(session),
        stages=_present(
            initialization=_present(
                **_times(session_stages(session).get("embedding")),
                embedding_size_mb=_megabytes(session.get("embedding_completed")),
            ),
            **(_job_part(session, newest) if newest else {}),
        ),
        image_info=_present(
            original_filename=session.get("filename"),
            width=photo.get("width"),
            height=photo.get("height"),
            format=photo["format"].upper() if photo else None,
        ),
        mask_info=_mask_info(newest) if newest else None,
        problem=problem(session),
        jobs=[
            _present(
                job_id=rows.ids(job)[2],
                name=job.get("name"),
                created_at=job["created_at"],
                status=job_state(job),
                options=job["options"],
                stages=_job_part(session, job),
                mask_info=_mask_info(job),
                problem=problem(job),
            )
            for job in jobs
        ],
    )


def _job_part(session: Row, job: Row) -> dict[str, Any]:
    stages = job_stages(job)
    clickable, masked = session.get("embedding_completed", {}).get("at"), stages["mask"].completed_at
    if masked and not (clickable and _moment(clickable) <= _moment(masked)):
        clickable = masked = None  # the mask was made elsewhere, so nobody clicked here
    splats, mesh = last(job, "reconstruction_completed"), last(job, "mesh_completed")
    return _present(
        interaction=_present(
            started_at=clickable,
            completed_at=masked,
            num_clicks=job.get("clicks"),
            num_refinements=job.get("refinements"),
        ),
        reconstruction=_present(
            **_times(stages.get("reconstruction")),
            mesh_size_mb=_megabytes(splats),
            num_points=splats["gaussians"] if splats else None,
        ),
        meshing=_present(
            **_times(stages.get("meshing")),
            mesh_size_mb=_megabytes(mesh["files"].get("mesh.glb")) if mesh else None,
            num_vertices=mesh["vertices"] if mesh else None,
            num_triangles=mesh["triangles"] if mesh else None,
        ),
    )


def _mask_info(job: Row) -> dict[str, Any] | None:
    if "reconstruction_requested" not in job:
        return None
    mask = job["reconstruction_requested"]["mask"]
    return {"num_pixels": mask["pixels"], "coverage_percent": round(100 * mask["coverage"], 2)}


def _times(stage: Stage | None) -> dict[str, Any]:
    if stage is None:
        return {}
    times = _present(**stage._asdict())
    times.pop("seconds", None)
    if stage.started_at and stage.completed_at:
        duration = _moment(stage.completed_at) - _moment(stage.started_at)
        times["duration_sec"] = round(duration.total_seconds(), 3)
    return times


def _moment(at: str) -> datetime:
    return datetime.fromisoformat(at)


def _megabytes(file: dict[str, Any] | None) -> float | None:
    return round(file["bytes"] / _BYTES_PER_MB, 3) if file else None


def _present(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None and value != {}}


def heard(row: Row) -> None:
    """The row of a session or job has changed to this, as far as this process knows."""
    user_id, session_id, _ = rows.ids(row)
    if written := _written.get(_key(user_id, session_id)):
        written.rows[row["item_id"]] = row


def write(user_id: str, session_id: str, *, reread: bool = True) -> None:
    """Render the session, and put that unless somebody else did since its rows were read; then again.

    reread: not for whoever writes after each event of a job that it has `heard` of. Then the rows need no
    reading while the file is as it was written last: of what it lacks, somebody else has heard, and has yet
    to write. Events of the session itself may tell of what nobody has heard, or nobody could write while it
    was deleted. Raises MetadataBusy after MAX_TRIES.
    """
    key = _key(user_id, session_id)
    for _ in range(MAX_TRIES):
        written = _written.pop(key, None)
        etag = {"IfMatch": written.etag} if written else _unchanged(key)
        if written is None or reread or time.monotonic() - written.read_at > KEPT_SECONDS:
            written = _read(user_id, session_id)
        session = written.rows.get(session_id)
        if session is None or deleted(session):
            return
        jobs = [written.rows[item_id] for item_id in sorted(written.rows) if item_id != session_id]
        body = json.dumps(render(session, jobs), indent=2).encode()
        try:
            put = aws.client("s3").put_object(
                Bucket=os.environ["DATA_BUCKET"],
                Key=key,
                Body=body,
                ContentType="application/json",
                **etag,
            )
            written.etag = put["ETag"]
            _keep(key, written)
            return
        except ClientError as error:
            if error.response["Error"]["Code"] not in _OVERTAKEN:
                raise
    raise MetadataBusy(key)


def _key(user_id: str, session_id: str) -> str:
    return f"{keys.session_prefix(user_id, session_id)}metadata.json"


def _read(user_id: str, session_id: str) -> _Written:
    read_at = time.monotonic()
    found = rows.session(user_id, session_id)
    every = [found[0], *found[1]] if found else []
    return _Written("", {row["item_id"]: row for row in every}, read_at)


def _keep(key: str, written: _Written) -> None:
    _written[key] = written
    while sum(len(it.rows) for it in _written.values()) > MAX_ROWS_KEPT:
        del _written[next(iter(_written))]


def _unchanged(key: str) -> dict[str, str]:
    """The condition that the object is what it is now. Taken before the read of what is written."""
    try:
        return {"IfMatch": aws.client("s3").head_object(Bucket=os.environ["DATA_BUCKET"], Key=key)["ETag"]}
    except ClientError as error:
        if aws.is_missing(error):
            return {"IfNoneMatch": "*"}
        raise
