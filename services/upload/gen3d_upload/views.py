"""Rows as the API shows them. Pure: `address` gives a presigned address for a key."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from gen3d_events.inference import EmbeddingManifest
from gen3d_events.models import Engine, JobOptions
from gen3d_events.problem import Problem
from gen3d_events.read_model import Row, job_state, problem, session_state

from gen3d_upload import rows, schema
from gen3d_upload.history import Stage, events, job_stages, last, session_stages

Address = Callable[[str], str]


def session_view(
    session: Row,
    jobs: Iterable[Row],
    address: Address,
    *,
    embedding: schema.EmbeddingView | None = None,
    files: bool = True,
) -> schema.SessionView:
    """A session with its jobs, in the order given; `files=False` leaves the jobs' files out."""
    return schema.SessionView(
        session_id=session["item_id"],
        state=session_state(session),
        created_at=session["created_at"],
        purge_at=session.get("purge_at"),
        name=session.get("name"),
        filename=session.get("filename"),
        problem=_problem(session),
        photo=_photo(session, address),
        embedding=embedding,
        jobs=[job_view(session, job, address, files=files) for job in jobs],
        stages=_stages(session_stages(session)),
        events=events(session),
    )


def embedding_view(
    session: Row, manifest: EmbeddingManifest, address: Address, decoder_address: Address
) -> schema.EmbeddingView:
    """The embedding of a session that has one."""
    completed = session["embedding_completed"]
    return schema.EmbeddingView(
        url=address(completed["embedding_key"]),
        bytes=completed["bytes"],
        manifest_url=address(completed["manifest_key"]),
        decoder=[
            schema.DecoderView(
                role=graph.role, url=decoder_address(graph.key), sha256=graph.sha256, bytes=graph.bytes
            )
            for graph in manifest.decoder
        ],
        engine=Engine.model_validate(completed["engine"]),
    )


def job_view(session: Row, job: Row, address: Address, *, files: bool = True) -> schema.JobView:
    """A job; it is labelled weight-free if the engine of either part is."""
    _, session_id, job_id = rows.ids(job)
    reconstructor = (last(job, "reconstruction_completed") or {}).get("engine")
    segmenter = (last(session, "embedding_completed") or {}).get("engine")
    engines = [engine for engine in (segmenter, reconstructor) if engine]
    return schema.JobView(
        job_id=str(job_id),
        session_id=session_id,
        state=job_state(job),
        created_at=job["created_at"],
        name=job.get("name"),
        options=JobOptions.model_validate(job["options"]),
        problem=_problem(job),
        engine=Engine.model_validate(reconstructor) if reconstructor else None,
        weight_free=any(engine["weight_free"] for engine in engines) if engines else None,
        files={name: _file(file, address) for name, file in job_files(job).items()} if files else {},
        stages=_stages(job_stages(job)),
        events=events(job),
    )


def _photo(session: Row, address: Address) -> schema.PhotoView | None:
    uploaded = last(session, "image_uploaded")
    if uploaded is None:
        return None
    photo = uploaded["photo"]
    return schema.PhotoView(
        width=photo["width"],
        height=photo["height"],
        format=photo["format"],
        bytes=photo["bytes"],
        url=address(photo["key"]),
        thumbnail_url=address(photo["thumbnail_key"]),
    )


def job_files(job: Row) -> dict[str, dict[str, Any]]:
    """`{key, bytes}` by name, as far as they exist."""
    files: dict[str, dict[str, Any]] = {}
    if "bytes" in job.get("mask", {}):  # one that is reused may be known from its event alone
        files["mask.png"] = job["mask"]
    if splats := last(job, "reconstruction_completed"):
        files["splat.ply"] = {"key": splats["splat_key"], "bytes": splats["bytes"]}
    if mesh := last(job, "mesh_completed"):
        files |= mesh["files"]
    return files


def _file(file: dict[str, Any], address: Address) -> schema.FileView:
    return schema.FileView(url=address(file["key"]), bytes=file["bytes"])


def _problem(row: Row) -> Problem | None:
    found = problem(row)
    return Problem(**found) if found else None


def _stages(stages: dict[str, Stage]) -> dict[str, schema.StageView]:
    return {name: schema.StageView(**stage._asdict()) for name, stage in stages.items()}
