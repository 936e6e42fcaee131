"""A job of Gen3D: one object of a photo, its state and its files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from gen3d_events import read_model
from gen3d_events.models import JobOptions

from gen3d import story
from gen3d.errors import JobFailed, MaskRejected
from gen3d.polling import DEFAULT_WAIT_SECONDS, polls

if TYPE_CHECKING:
    from gen3d.sdk import Gen3D

OnEvent = Callable[[story.Happening], None]


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
        for _ in polls(timeout, f"{self.id} is still at work.", self._gen3d.live.of(self.session_id)):
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
