"""A session of Gen3D: one photo, its clicks and its jobs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from gen3d_events import read_model
from gen3d_events.models import JobOptions

from gen3d import story
from gen3d.errors import NoMask, PhotoRejected, SessionFailed
from gen3d.job import Job
from gen3d.polling import DEFAULT_WAIT_SECONDS, News, polls
from gen3d.prompts import Box, Point, check_prompts
from gen3d.transfers import Progress, read_picture

if TYPE_CHECKING:
    from gen3d.clicks import Clicks, Segmentation
    from gen3d.masks import MaskArray
    from gen3d.sdk import Gen3D


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
    def purge_at(self) -> datetime | None:
        """Until when it can be restored, if it is deleted."""
        return story.moment(self.view["purge_at"]) if "purge_at" in self.view else None

    @property
    def events(self) -> read_model.Row:
        return dict(self.view["events"])

    @property
    def _news(self) -> News:
        return self._gen3d.live.of(self.id)

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
            **({"purge_at": self.view["purge_at"]} if self.purge_at else {}),
            "jobs": [job.id for job in self.jobs],
        }

    def wait_accepted(self, timeout: float = DEFAULT_WAIT_SECONDS) -> Self:
        """Until the photo has passed its checks: from then on jobs can be made. Raises PhotoRejected."""
        for _ in polls(timeout, f"The photo of {self.id} is still unchecked.", self._news):
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
        for _ in polls(timeout, f"The photo of {self.id} is still being prepared.", self._news):
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


def _mask_content(mask: Path | bytes | MaskArray) -> bytes:
    if isinstance(mask, Path):
        return read_picture(mask, "mask_too_heavy")
    if isinstance(mask, bytes):
        return mask
    from gen3d.masks import png

    return png(mask)
