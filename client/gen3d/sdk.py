"""Gen3D in Python: a photo and a mask become Gaussian splats and a mesh.

    with Gen3D("https://example.org/api", "ada@example.org", "...") as gen3d:
        session = gen3d.create_session(Path("chair.jpg"))
        (chair,) = session.segment(points=[(512, 300, 1), (40, 40, 0)])
        job = session.create_job(chair.mask(), JobOptions(quality=Quality.HIGH))
        job.wait(on_event=print)
        job.download(Path("out/chair"))

What can be expected to go wrong raises a `gen3d.errors.Gen3DError`; a file of yours that cannot be read or
written raises OSError as always.
"""

from __future__ import annotations

import json
import mimetypes
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import httpx
from gen3d_events import read_model
from gen3d_events.event import JobId, SessionId
from gen3d_events.models import JobOptions
from pydantic import TypeAdapter, ValidationError

from gen3d import story
from gen3d.errors import (
    DeadlineExceeded,
    Gen3DError,
    JobFailed,
    MaskRejected,
    NoMask,
    PhotoRejected,
    SessionFailed,
    SignInFailed,
    WrongUsage,
)
from gen3d.http import Api, TokenProvider, is_loopback
from gen3d.prompts import Box, Point, check_prompts
from gen3d.transfers import Progress, fetch_content, fetch_file, post_file

if TYPE_CHECKING:
    from gen3d.clicks import Clicks, Segmentation
    from gen3d.masks import MaskArray

DEFAULT_WAIT_SECONDS = 3600.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.2, 1.0

MAX_BYTES = 20 * 1024 * 1024
"""Of a photo or a mask."""

_SESSION_ID, _JOB_ID = TypeAdapter[str](SessionId), TypeAdapter[str](JobId)

OnEvent = Callable[[story.Happening], None]


class Gen3D:
    """One person at one deployment.

    api_url: the site's `/api`, e.g. `https://example.org/api`.
    username, password: of Cognito, used by SRP; or `tokens`, a callable that returns a valid ID token.
    """

    def __init__(
        self,
        api_url: str,
        username: str | None = None,
        password: str | None = None,
        *,
        tokens: TokenProvider | None = None,
        timeout: float = 30.0,
    ) -> None:
        self.api_url = api_url.rstrip("/")
        self._http = httpx.Client(timeout=timeout, trust_env=not is_loopback(self.api_url))
        self._username = username
        self._password = password
        self._given_tokens = tokens

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    @cached_property
    def config(self) -> dict[str, Any]:
        """The deployment's public facts: `{region, user_pool_id, client_id, cognito_endpoint?}`."""
        return Api(self.api_url, None, self._http).get("/config")

    @cached_property
    def tokens(self) -> TokenProvider:
        """The provider of ID tokens. Raises SignInFailed if there is nothing to sign in with."""
        if self._given_tokens:
            return self._given_tokens
        if not (self._username and self._password):
            raise SignInFailed("There is no user name and password.", "Give both, or a token provider.")
        from gen3d.signin import CognitoTokens  # boto3: slow to import, and not needed with `tokens`

        return CognitoTokens(self.config, self._username, self._password)

    @cached_property
    def api(self) -> Api:
        """Signed-in requests to the REST API (docs/api.md)."""
        return Api(self.api_url, self.tokens, self._http)

    def create_session(
        self, photo: Path, name: str | None = None, on_progress: Progress | None = None
    ) -> Session:
        """A new session whose photo (JPEG, PNG or WebP, at most 20 MB) is uploaded but not yet checked."""
        content = _content(photo, "image_too_heavy")
        content_type = mimetypes.guess_type(photo.name)[0]
        request = {"filename": photo.name, "content_type": content_type, "name": name}
        created = self.api.post("/sessions", {k: v for k, v in request.items() if v is not None})
        self.upload(created["upload"], photo.name, content, on_progress)
        return self.session(created["session_id"])

    def reconstruct(
        self,
        photo: Path,
        mask: Path | None = None,
        options: JobOptions | None = None,
        *,
        points: Sequence[Point] = (),
        boxes: Sequence[Box] = (),
        candidate: int = 0,
        name: str | None = None,
        on_progress: Progress | None = None,
        timeout: float = DEFAULT_WAIT_SECONDS,
    ) -> Iterator[tuple[Session, list[Job]]]:
        """From photo to meshes in one go: yields the session and its jobs after each look at them.

        The object is that of `mask`, or of the points, or there is one for each box (see `Session.segment`).
        Ends when every job has ended; `Job.check` raises what went wrong with it.
        Raises WrongUsage, PhotoRejected, SessionFailed, NoMask, DeadlineExceeded; and as every request
        ApiError, TransferFailed, Unreachable, SignInFailed.
        """
        # What is wrong with these is better found before the photo is on its way.
        if mask is None:
            check_prompts(points, boxes)
        masks = [_content(mask)] if mask else []
        session = self.create_session(photo, name, on_progress)
        yield session, []
        yield session.wait_accepted(timeout), []
        if not masks:
            for _ in session.watch_ready(timeout):
                yield session, []
            masks = [it.png(candidate) for it in session.segment(points, boxes)]
        clicks = len(points) + len(boxes) or None
        jobs = [session.create_job(it, options, name, on_progress, clicks=clicks) for it in masks]
        yield from self.follow(session, jobs, timeout)

    def follow(
        self, session: Session, jobs: list[Job], timeout: float = DEFAULT_WAIT_SECONDS
    ) -> Iterator[tuple[Session, list[Job]]]:
        """A session and some of its jobs after each look at them, until every job has ended. Raises
        DeadlineExceeded."""
        for _ in _polls(timeout, f"The jobs of {session.id} are still at work."):
            yield session, jobs
            under_way = [job for job in jobs if not job.ended]
            if not under_way:
                return
            # One request a look, for there is an allowance of requests.
            if len(under_way) > 1 or session.state == "preparing":
                session.refresh()
                views = {view["job_id"]: view for view in session.view["jobs"]}
                for job in under_way:
                    job.view = views.get(job.id, job.view)
            else:
                under_way[0].refresh()

    def session(self, session_id: str) -> Session:
        """The session with this id. Raises WrongUsage where that cannot be one."""
        _check(_SESSION_ID, session_id, "session")
        return Session(self, self.api.get(f"/sessions/{session_id}"))

    def delete(self, session_id: str) -> datetime:
        """Hide a session at once; until when `restore` can bring it back. Raises WrongUsage as `session`."""
        _check(_SESSION_ID, session_id, "session")
        return story.moment(self.api.delete(f"/sessions/{session_id}")["purge_at"])

    def restore(self, session_id: str) -> Session:
        """Take a deletion back. Raises WrongUsage as `session`."""
        _check(_SESSION_ID, session_id, "session")
        return Session(self, self.api.post(f"/sessions/{session_id}/restore", {}))

    def usage(self, month: str | None = None) -> dict[str, Any]:
        """What your sessions and jobs took, in all or of those begun in a month such as "2026-11":
        `{sessions, jobs, gpu_seconds, bytes_stored, estimated_cost_usd}`."""
        return self.api.get("/usage", month=month)

    def sessions(self) -> Iterator[Session]:
        """Every session as the list shows it, newest first; fetched page by page."""
        cursor: str | None = None
        while True:
            page = self.api.get("/sessions", cursor=cursor)
            yield from (Session(self, view) for view in page["sessions"])
            cursor = page.get("cursor")
            if not cursor:
                return

    def job(self, job_id: str) -> Job:
        """The job with this id, searched for in all sessions. Raises WrongUsage where that cannot be one."""
        _check(_JOB_ID, job_id, "job")
        for session in self.sessions():
            for job in session.jobs:
                if job.id == job_id:
                    return job.refresh()
        raise Gen3DError("There is no such job.", "Check the id; `gen3d jobs` lists them.", "job_not_found")

    def upload(
        self, form: dict[str, Any], filename: str, content: bytes, on_progress: Progress | None = None
    ) -> None:
        """Send a file by the presigned POST form `{url, fields}` that the API gave."""
        post_file(self._http, form, filename, content, on_progress)

    def download(self, url: str, target: Path, size: int | None = None) -> None:
        """Fetch an address that the API gave; `target` appears only when complete."""
        fetch_file(self._http, url, target, size)

    def content(self, url: str, name: str, size: int | None = None) -> bytes:
        """What lies at an address that the API gave; `name` is for messages."""
        return fetch_content(self._http, url, name, size)


class Session:
    """One photo. `view` is the API's last answer (docs/api.md); `refresh` fetches it again."""

    def __init__(self, gen3d: Gen3D, view: dict[str, Any]) -> None:
        self._gen3d = gen3d
        self.view = view
        self._clicks: Clicks | None = None

    @property
    def id(self) -> str:
        return str(self.view["session_id"])

    @property
    def name(self) -> str | None:
        return self.view.get("name")

    @property
    def created_at(self) -> datetime:
        return story.moment(self.view["created_at"])

    @property
    def events(self) -> read_model.Row:
        return dict(self.view["events"])

    @property
    def state(self) -> read_model.SessionState:
        return read_model.session_state(self.events)

    @property
    def problem(self) -> dict[str, Any] | None:
        return read_model.problem(self.events)

    @property
    def jobs(self) -> list[Job]:
        return [Job(self._gen3d, view) for view in self.view["jobs"]]

    def stages(self, job: Job | None = None) -> list[story.Stage]:
        """The steps from photo to mail with their times, as far as the last answers know."""
        if job is None:
            return story.stages(self.created_at, self.events)
        return story.stages(self.created_at, self.events, job.created_at, job.events)

    def refresh(self) -> Self:
        self.view = self._gen3d.session(self.id).view
        return self

    def rename(self, name: str | None) -> Self:
        """Give it another name, or none."""
        self.view = self._gen3d.api.patch(f"/sessions/{self.id}", {"name": name})
        return self

    def delete(self) -> datetime:
        """Hide it at once; until when `Gen3D.restore` brings it back."""
        return self._gen3d.delete(self.id)

    def summary(self) -> dict[str, Any]:
        """The session without its short-lived addresses."""
        return {
            "session_id": self.id,
            "name": self.name,
            "state": self.state,
            "created_at": self.view["created_at"],
            "problem": self.problem,
            "jobs": [job.id for job in self.jobs],
        }

    def wait_accepted(self, timeout: float = DEFAULT_WAIT_SECONDS) -> Self:
        """Until the photo has passed its checks: from then on jobs can be made. Raises PhotoRejected."""
        for _ in _polls(timeout, f"The photo of {self.id} is still unchecked."):
            if "image_uploaded" in self.events:
                return self
            if self.problem:
                raise PhotoRejected.from_problem(self.problem)
            self.refresh()
        return self

    def wait_ready(self, timeout: float = DEFAULT_WAIT_SECONDS) -> Self:
        """Until the photo can be clicked. Raises PhotoRejected, SessionFailed, DeadlineExceeded."""
        for _ in self.watch_ready(timeout):
            pass
        return self

    def watch_ready(self, timeout: float = DEFAULT_WAIT_SECONDS) -> Iterator[Self]:
        """The session after each look at it, until the photo can be clicked. Raises as `wait_ready` does."""
        self.wait_accepted(timeout)
        for _ in _polls(timeout, f"The photo of {self.id} is still being prepared."):
            yield self
            if self.state == "ready":
                return
            if self.problem and self.state in {"failed", "timed_out"}:
                raise SessionFailed.from_problem(self.problem)
            self.refresh()

    def segment(self, points: Sequence[Point] = (), boxes: Sequence[Box] = ()) -> list[Segmentation]:
        """What the photo's decoder makes of points (x, y, 1 on the object or 0 beside it) and boxes
        (x0, y0, x1, y1), in px of the upright photo. Computed here; waits until the photo is prepared.

        One object for each box, or one of all points where there is none; with several boxes a point counts
        for those that it lies in. Raises WrongUsage, NoMask, and as `wait_ready`.
        """
        check_prompts(points, boxes)
        return self.clicks().segment(points, boxes)

    def clicks(self) -> Clicks:
        """The photo's embedding with its decoder, fetched once. Raises NoMask, and as `wait_ready`."""
        if self._clicks is None:
            from gen3d.clicks import Clicks

            self.wait_ready()
            self.refresh()  # its addresses may have expired
            if not self.view.get("embedding"):
                made = "embedding_completed" in self.events
                raise NoMask.because("embedding_corrupt" if made else "not_clickable")
            view, fetch = self.view["embedding"], self._gen3d.content
            self._clicks = Clicks(
                fetch(view["manifest_url"], "manifest.json"),
                fetch(view["url"], "embedding.safetensors", view["bytes"]),
                {it["role"]: fetch(it["url"], f"{it['role']}.onnx", it["bytes"]) for it in view["decoder"]},
            )
        return self._clicks

    def create_job(
        self,
        mask: Path | bytes | MaskArray,
        options: JobOptions | None = None,
        name: str | None = None,
        on_progress: Progress | None = None,
        *,
        clicks: int | None = None,
    ) -> Job:
        """A new job of this photo with its mask uploaded: a PNG of the upright photo's size, as a file or its
        content, or an array [height, width] that is True inside. clicks: how many made it."""
        content = _mask_content(mask)
        request: dict[str, Any] = {"name": name} if name is not None else {}
        if options:
            request["options"] = options.model_dump(mode="json", exclude_none=True)
        if clicks is not None:
            request["clicks"] = clicks
        created = self._gen3d.api.post(f"/sessions/{self.id}/jobs", request)
        filename = mask.name if isinstance(mask, Path) else "mask.png"
        self._gen3d.upload(created["upload"], filename, content, on_progress)
        return Job(self._gen3d, self._gen3d.api.get(f"/sessions/{self.id}/jobs/{created['job_id']}"))


class Job:
    """One object of a photo. `view` is the API's last answer (docs/api.md); `refresh` fetches it again."""

    def __init__(self, gen3d: Gen3D, view: dict[str, Any]) -> None:
        self._gen3d = gen3d
        self.view = view

    @property
    def id(self) -> str:
        return str(self.view["job_id"])

    @property
    def session_id(self) -> str:
        return str(self.view["session_id"])

    @property
    def name(self) -> str | None:
        return self.view.get("name")

    @property
    def created_at(self) -> datetime:
        return story.moment(self.view["created_at"])

    @property
    def events(self) -> read_model.Row:
        return dict(self.view["events"])

    @property
    def state(self) -> read_model.JobState:
        return read_model.job_state(self.events)

    @property
    def problem(self) -> dict[str, Any] | None:
        return read_model.problem(self.events)

    @property
    def ended(self) -> bool:
        """Whether nothing more is to be expected: there is a mesh, or a failure, or the mask was refused."""
        if self.state == "awaiting_mask":
            return self.problem is not None
        return self.state in {"completed", "failed", "timed_out"}

    @property
    def weight_free(self) -> bool:
        """Whether a part of the result comes from an engine without a trained model."""
        return bool(self.view.get("weight_free"))

    def refresh(self) -> Self:
        self.view = self._gen3d.api.get(f"/sessions/{self.session_id}/jobs/{self.id}")
        return self

    def rename(self, name: str | None) -> Self:
        """Give it another name, or none."""
        self.view = self._gen3d.api.patch(f"/sessions/{self.session_id}/jobs/{self.id}", {"name": name})
        return self

    def retry(self, options: JobOptions | None = None, name: str | None = None) -> Job:
        """A new job with this one's mask, name and options, but for those that are set in `options`."""
        changed = options.model_dump(mode="json", exclude_unset=True) if options else {}
        request = {"mask_of": self.id, "options": self.view["options"] | changed}
        if called := name or self.name:
            request["name"] = called
        created = self._gen3d.api.post(f"/sessions/{self.session_id}/jobs", request)
        path = f"/sessions/{self.session_id}/jobs/{created['job_id']}"
        return Job(self._gen3d, self._gen3d.api.get(path))

    def watch(self, timeout: float = DEFAULT_WAIT_SECONDS) -> Iterator[list[story.Happening]]:
        """After each look at the job, what is new since the last one; ends when the mesh is there.

        Raises MaskRejected, JobFailed, DeadlineExceeded.
        """
        told: set[tuple[str, int]] = set()
        for _ in _polls(timeout, f"{self.id} is still at work."):
            seen = {(it.detail_type, it.data.get("attempt", 1)): it for it in story.happenings(self.events)}
            yield [it for key, it in seen.items() if key not in told]
            told |= seen.keys()
            if self.ended:
                self.check()
                return
            self.refresh()

    def check(self) -> Self:
        """Raises MaskRejected or JobFailed if the job has ended without a mesh."""
        if self.problem and self.ended and self.state != "completed":
            kind = MaskRejected if self.state == "awaiting_mask" else JobFailed
            raise kind.from_problem(self.problem)
        return self

    def wait(self, timeout: float = DEFAULT_WAIT_SECONDS, on_event: OnEvent | None = None) -> Self:
        """Until the mesh is there; `on_event` hears of each event once. Raises as `watch` does."""
        for news in self.watch(timeout):
            for happening in news:
                if on_event:
                    on_event(happening)
        return self

    def summary(self) -> dict[str, Any]:
        """The job without its short-lived addresses, as `job.json` holds it."""
        return {
            "job_id": self.id,
            "session_id": self.session_id,
            "name": self.name,
            "state": self.state,
            "created_at": self.view["created_at"],
            "options": self.view["options"],
            "engines": story.engines(self.events),
            "weight_free": self.weight_free,
            "problem": self.problem,
            "files": {role: file["bytes"] for role, file in self.view.get("files", {}).items()},
        }

    def download(self, directory: Path) -> dict[str, Path]:
        """Every file of the job, with `job.json` and `events.jsonl`. Returns the paths by file name."""
        directory.mkdir(parents=True, exist_ok=True)
        self.refresh()
        paths = {role: directory / role for role in self.view["files"]}
        for role, file in self.view["files"].items():
            self._gen3d.download(file["url"], paths[role], file["bytes"])
        paths["job.json"] = directory / "job.json"
        paths["job.json"].write_text(json.dumps(self.summary(), indent=2) + "\n")
        paths["events.jsonl"] = directory / "events.jsonl"
        session = self._gen3d.session(self.session_id)
        lines = (json.dumps(it.as_json()) for it in story.happenings(session.events, self.events))
        paths["events.jsonl"].write_text("".join(f"{line}\n" for line in lines))
        return paths


def _content(path: Path, too_heavy: str = "mask_too_heavy") -> bytes:
    if path.stat().st_size > MAX_BYTES:  # the service refuses it as well, but a session would stay behind
        raise WrongUsage.because(too_heavy)
    content = path.read_bytes()
    if not content:
        raise WrongUsage(f"{path} is empty.", "Choose a file that holds a picture.")
    return content


def _mask_content(mask: Path | bytes | MaskArray) -> bytes:
    if isinstance(mask, Path):
        return _content(mask)
    if isinstance(mask, bytes):
        return mask
    from gen3d.masks import png

    return png(mask)


def _check(ids: TypeAdapter[str], text: str, kind: str) -> None:
    """Ids become parts of addresses, so nothing else may pass."""
    try:
        ids.validate_python(text)
    except ValidationError as error:
        raise WrongUsage(
            f"{text} is not the id of a {kind}.",
            f"It is {kind[:3]}_ and 26 digits and capital letters; `gen3d {kind}s` lists yours.",
        ) from error


def _polls(timeout: float, overdue: str) -> Iterator[None]:
    """Turns of a polling loop: at once, then with growing pauses; raises DeadlineExceeded at the end."""
    deadline = time.monotonic() + timeout
    pause = _FIRST_PAUSE_SECONDS
    while True:
        yield
        left = deadline - time.monotonic()
        if left <= 0:
            raise DeadlineExceeded(overdue, "It goes on without you; look again later.")
        time.sleep(min(pause, left))
        pause = min(pause * 1.15, _LONGEST_PAUSE_SECONDS)
