"""What the command shows a person: live progress, tables, and a job's end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner
from rich.table import Column, Table
from rich.text import Text

from gen3d.errors import Gen3DError
from gen3d.sdk import Job, Session
from gen3d.story import Stage, engines

WEIGHT_FREE = "weight-free: made without a trained model, good for trying the system out, not for judging it"

_SPINNER = Spinner("dots")
_MARKS = {"done": ("✓", "green"), "failed": ("✗", "red"), "waiting": ("·", "dim")}


def stage_table(stages: Sequence[Stage], now: datetime | None = None) -> Table:
    """One line a stage: mark, name, seconds, note."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for stage in stages:
        mark: RenderableType
        if stage.state == "running":
            mark, style = _SPINNER, ""
        else:
            sign, style = _MARKS[stage.state]
            mark = Text(sign, style)
        seconds = stage.seconds(now)
        time = "" if seconds is None else f"{seconds:6.1f} s"
        table.add_row(mark, Text(stage.name, style), Text(time, "dim"), Text(stage.note, "dim"))
    return table


class Progress:
    """Live on a terminal; elsewhere one line when a stage ends. Writes to `console` only."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._stages: Sequence[Stage] = ()
        self._uploading = ""
        self._told: set[str] = set()

    @contextmanager
    def shown(self) -> Iterator[None]:
        if not self._console.is_terminal:
            yield
            return
        with Live(get_renderable=self._render, console=self._console, refresh_per_second=8):
            yield

    def uploading(self, sent: int, total: int) -> None:
        self._uploading = f"uploading {sent / total:.0%} of {total / 1e6:.1f} MB" if sent < total else ""

    def update(self, stages: Sequence[Stage]) -> None:
        self._stages = stages
        if self._console.is_terminal:
            return
        for stage in stages:
            if stage.state in {"done", "failed"} and stage.name not in self._told:
                self._told.add(stage.name)
                self._console.print(
                    f"{stage.name}: {stage.state}, {stage.seconds() or 0:.1f} s  {escape(stage.note)}",
                    soft_wrap=True,
                )

    def _render(self) -> Group:
        return Group(stage_table(self._stages, datetime.now(UTC)), Text(self._uploading, "dim"))


def sessions_table(sessions: Iterable[Session]) -> Table:
    table = _table("session", "created", "state", "name", "jobs")
    for session in sessions:
        table.add_row(
            session.id,
            f"{session.created_at:%Y-%m-%d %H:%M}",
            _state(session.state),
            escape(session.name or ""),
            str(len(session.jobs)),
        )
    return table


def jobs_table(jobs: Iterable[Job]) -> Table:
    table = _table("job", "created", "state", "quality", "name", "problem")
    for job in jobs:
        table.add_row(
            job.id,
            f"{job.created_at:%Y-%m-%d %H:%M}",
            _state(job.state),
            job.view["options"]["quality"],
            escape(job.name or ""),
            job.problem["code"] if job.problem else "",
        )
    return table


def print_files(console: Console, paths: dict[str, Path]) -> None:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for path in paths.values():
        table.add_row(str(path), f"{path.stat().st_size:,} bytes")
    console.print(table)


def print_label(console: Console, job: Job) -> None:
    """Which engines computed the result, and a plain word where one of them is no trained model."""
    if used := engines(job.events):
        names = ", ".join(f"{it['name']} {it['version']}" for it in used)
        console.print(f"engines: {escape(names)}", soft_wrap=True)
    if job.weight_free:
        console.print(f"[yellow]{WEIGHT_FREE}[/yellow]", soft_wrap=True)


def print_error(console: Console, error: Gen3DError) -> None:
    console.print(f"[red]{escape(error.message)}[/red]", soft_wrap=True)
    if error.hint:
        console.print(escape(error.hint), soft_wrap=True)


def _table(identity: str, *others: str) -> Table:
    """Ids are there to be copied, so theirs is the column that is never cut."""
    return Table(
        Column(identity, no_wrap=True, min_width=len("ses_") + 26), *others, box=None, header_style="bold"
    )


def _state(state: str) -> Text:
    styles = {"completed": "green", "ready": "green", "failed": "red", "timed_out": "red"}
    return Text(state.replace("_", " "), styles.get(state, ""))
