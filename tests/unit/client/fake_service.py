"""A small Gen3D over real HTTP: the API's routes, and an S3 of its own that takes forms and gives files.

What the service does next is a script of events; each GET of a session or job lets the next one happen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from itertools import count
from pathlib import Path
from typing import Any

from gen3d_events import read_model
from gen3d_events.event import Event, Metadata
from gen3d_events.models import (
    EmbeddingCompleted,
    EmbeddingStarted,
    Engine,
    ImageUploaded,
    JobOptions,
    Mask,
    MeshCompleted,
    MeshFile,
    MeshingStarted,
    Photo,
    Quality,
    ReconstructionCompleted,
    ReconstructionRequested,
    ReconstructionStarted,
)
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

SESSION = "ses_01J00000000000000000000000"
JOB = "job_01J00000000000000000000001"
START = datetime(2026, 11, 20, 12, tzinfo=UTC)
PURGE_AT = "2026-11-27T12:00:00.000Z"
FILES = {
    "mask.png": b"mask",
    "splat.ply": b"splat" * 9,
    "mesh.glb": b"glTF",
    "preview.png": b"p",
    "stats.json": b"{}",
}

PHOTO = Photo(
    key="users/u/p.jpg", version_id="1", width=1024, height=768, format="jpeg", bytes=9, thumbnail_key="t"
)
MASK = Mask(key="m", version_id="1", width=1024, height=768, pixels=78643, coverage=0.1)
CLASSICAL = Engine(name="classical", version="1", weight_free=True)
RELIEF = Engine(name="relief", version="1", weight_free=True)

HAPPY_PHOTO: list[Event] = [
    ImageUploaded(photo=PHOTO),
    EmbeddingStarted(inference_id="emb-1", due_at=START),
    EmbeddingCompleted(manifest_key="m", embedding_key="e", bytes=1, engine=CLASSICAL, seconds=1),
]
HAPPY_JOB: list[Event] = [
    ReconstructionRequested(photo=PHOTO, mask=MASK),
    ReconstructionStarted(inference_id="rec-1", due_at=START),
    ReconstructionCompleted(
        splat_key="s", bytes=9, gaussians=20000, mask=MASK, options=JobOptions(), engine=RELIEF, seconds=1
    ),
    MeshingStarted(),
    MeshCompleted(
        splat_key="s",
        files={role: MeshFile(key=role, bytes=len(content)) for role, content in FILES.items()},
        vertices=100,
        triangles=200,
        watertight=True,
        quality=Quality.BALANCED,
        engine=RELIEF,
        seconds=1,
    ),
]


@dataclass
class Service:
    """The service behind the fake API; tests change its scripts and read what it was sent."""

    photo_script: list[Event] = field(default_factory=lambda: list(HAPPY_PHOTO))
    job_script: list[Event] = field(default_factory=lambda: list(HAPPY_JOB))
    faults: list[Response] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=lambda: dict(FILES))
    requests: list[str] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    """Idempotency-Key of each request."""
    bodies: dict[str, Any] = field(default_factory=dict)
    uploads: dict[str, bytes] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    config: dict[str, str] = field(default_factory=dict)
    url: str = ""
    session: dict[str, Any] = field(default_factory=dict)
    job: dict[str, Any] | None = None
    _clock: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def api(self) -> str:
        return f"{self.url}/api"

    def happen(self, row: dict[str, Any], script: list[Event], job_id: str | None) -> dict[str, Any]:
        if not script:
            return row
        number = next(self._clock)
        metadata = Metadata(
            event_id=f"{number:026d}",
            occurred_at=START + timedelta(seconds=number),
            session_id=SESSION,
            job_id=job_id,
            user_id="u",
            correlation_id=SESSION,
        )
        return read_model.fold(row, script.pop(0).with_metadata(metadata))

    def session_view(self) -> dict[str, Any]:
        return {
            "session_id": SESSION,
            "state": read_model.session_state(self.session),
            "created_at": START.isoformat(),
            "name": "chair.jpg",
            "events": self.session,
            "jobs": [self.job_view()] if self.job is not None else [],
            "embedding": self.embedding_view() if "embedding.safetensors" in self.files else None,
        }

    def embedding_view(self) -> dict[str, Any]:
        graphs = [name for name in self.files if name.endswith(".onnx")]
        return {
            "url": f"{self.url}/s3/embedding.safetensors",
            "bytes": len(self.files["embedding.safetensors"]),
            "manifest_url": f"{self.url}/s3/manifest.json",
            "decoder": [
                {"role": Path(name).stem, "url": f"{self.url}/s3/{name}", "bytes": len(self.files[name])}
                for name in graphs
            ],
            "engine": CLASSICAL.model_dump(mode="json"),
        }

    def job_view(self) -> dict[str, Any]:
        row = self.job or {}
        done = "mesh_completed" in row
        return {
            "job_id": JOB,
            "session_id": SESSION,
            "state": read_model.job_state(row),
            "created_at": START.isoformat(),
            "options": JobOptions().model_dump(mode="json"),
            "weight_free": True,
            "events": row,
            "files": {
                role: {"url": f"{self.url}/s3/{role}", "bytes": len(FILES[role])} for role in FILES if done
            },
        }

    # --- routes ---

    async def get_config(self, request: Request) -> Response:
        return JSONResponse(self.config)

    async def create_session(self, request: Request) -> Response:
        self.bodies["session"] = await request.json()
        form = {"url": f"{self.url}/s3", "fields": {"key": "photo"}}
        return JSONResponse({"session_id": SESSION, "state": "awaiting_photo", "upload": form}, 201)

    async def create_job(self, request: Request) -> Response:
        self.bodies["job"] = await request.json()
        self.job = {}
        if "mask_of" in self.bodies["job"]:
            return JSONResponse({"job_id": JOB, "session_id": SESSION, "state": "queued"}, 201)
        form = {"url": f"{self.url}/s3", "fields": {"key": "mask"}}
        return JSONResponse(
            {"job_id": JOB, "session_id": SESSION, "state": "awaiting_mask", "upload": form}, 201
        )

    async def get_session(self, request: Request) -> Response:
        if request.path_params["session"] != SESSION:
            return problem(404, "session_not_found")
        self.session = self.happen(self.session, self.photo_script, None)
        if self.job:
            self.job = self.happen(self.job, self.job_script, JOB)
        return JSONResponse(self.session_view())

    async def rename(self, request: Request) -> Response:
        body = await request.json()
        view = self.job_view() if "job" in request.path_params else self.session_view()
        return JSONResponse({k: v for k, v in (view | body).items() if v is not None})

    async def delete_session(self, request: Request) -> Response:
        if request.path_params["session"] != SESSION:
            return problem(404, "session_not_found")
        return JSONResponse({"session_id": SESSION, "purge_at": PURGE_AT}, 202)

    async def restore_session(self, request: Request) -> Response:
        if request.path_params["session"] != SESSION:
            return problem(404, "session_not_found")
        return JSONResponse(self.session_view())

    async def get_job(self, request: Request) -> Response:
        self.job = self.happen(self.job or {}, self.job_script, JOB)
        return JSONResponse(self.job_view())

    async def list_sessions(self, request: Request) -> Response:
        if request.query_params.get("deleted") == "true":
            return JSONResponse({"sessions": [self.session_view() | {"purge_at": PURGE_AT}]})
        page = {"sessions": [self.session_view()]}
        if request.query_params.get("cursor") == "next":
            return JSONResponse(page)
        return JSONResponse({"sessions": [], "cursor": "next"})

    async def take(self, request: Request) -> Response:
        head = f"Content-Type: {request.headers['Content-Type']}\n\n".encode()
        message = message_from_bytes(head + await request.body(), policy=policy.HTTP)
        form = {part.get_param("name", header="Content-Disposition"): part for part in message.iter_parts()}
        self.uploads[form["key"].get_content()] = form["file"].get_content()
        return Response(status_code=204)

    async def give(self, request: Request) -> Response:
        return Response(self.files[request.path_params["role"]])

    def app(self) -> Starlette:
        def route(path: str, handler: Callable[..., Any], method: str = "GET") -> Route:
            async def answer(request: Request) -> Response:
                self.requests.append(f"{method} {request.url.path}")
                self.keys.append(request.headers.get("Idempotency-Key"))
                if self.faults:
                    return self.faults.pop(0)
                if path.startswith("/api/sessions"):
                    self.tokens.add(request.headers.get("Authorization", ""))
                reply: Response = await handler(request)
                return reply

            return Route(path, answer, methods=[method])

        return Starlette(
            routes=[
                route("/api/config", self.get_config),
                route("/api/sessions", self.create_session, "POST"),
                route("/api/sessions", self.list_sessions),
                route("/api/sessions/{session}", self.get_session),
                route("/api/sessions/{session}", self.rename, "PATCH"),
                route("/api/sessions/{session}", self.delete_session, "DELETE"),
                route("/api/sessions/{session}/restore", self.restore_session, "POST"),
                route("/api/sessions/{session}/jobs", self.create_job, "POST"),
                route("/api/sessions/{session}/jobs/{job}", self.rename, "PATCH"),
                route("/api/sessions/{session}/jobs/{job}", self.get_job),
                route("/s3", self.take, "POST"),
                route("/s3/{role}", self.give),
            ]
        )


def problem(status: int, code: str, **headers: str) -> Response:
    body = {"code": code, "error_class": "user", "message": f"{code}.", "hint": "Mend it."}
    return JSONResponse(body, status, headers)
