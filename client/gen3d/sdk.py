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

import mimetypes
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import httpx
from gen3d_events.event import JobId, SessionId
from gen3d_events.models import JobOptions
from pydantic import TypeAdapter, ValidationError

from gen3d import story
from gen3d.errors import Gen3DError, SignInFailed, WrongUsage
from gen3d.http import Api, TokenProvider, is_loopback
from gen3d.job import Job
from gen3d.polling import DEFAULT_WAIT_SECONDS, polls
from gen3d.prompts import Box, Point, check_prompts
from gen3d.session import Session
from gen3d.transfers import Progress, fetch_content, fetch_file, post_file, read_picture

if TYPE_CHECKING:
    from gen3d.live import Live

_SESSION_ID, _JOB_ID = TypeAdapter[str](SessionId), TypeAdapter[str](JobId)


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
        if "live" in self.__dict__:
            self.live.close()
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

    @cached_property
    def live(self) -> Live:
        """What happens, as it happens."""
        from gen3d.live import Live

        return Live(self.api)

    def create_session(
        self, photo: Path, name: str | None = None, on_progress: Progress | None = None
    ) -> Session:
        """A new session whose photo (JPEG, PNG or WebP, at most 20 MB) is uploaded but not yet checked."""
        content = read_picture(photo, "image_too_heavy")
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
        masks = [read_picture(mask, "mask_too_heavy")] if mask else []
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
        for _ in polls(timeout, f"The jobs of {session.id} are still at work.", self.live.of(session.id)):
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

    def sessions(self, *, deleted: bool = False) -> Iterator[Session]:
        """Every session as the list shows it, newest first, or every deleted one that `restore` can bring
        back; fetched page by page."""
        cursor: str | None = None
        while True:
            page = self.api.get("/sessions", cursor=cursor, deleted="true" if deleted else None)
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


def _check(ids: TypeAdapter[str], text: str, kind: str) -> None:
    """Ids become parts of addresses, so nothing else may pass."""
    try:
        ids.validate_python(text)
    except ValidationError as error:
        raise WrongUsage(
            f"{text} is not the id of a {kind}.",
            f"It is {kind[:3]}_ and 26 digits and capital letters; `gen3d {kind}s` lists yours.",
        ) from error
