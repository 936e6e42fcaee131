"""What the command shows a person: live progress, tables, and a job's end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner
from rich.table import Column, Table
from rich.text import Text

from gen3d.errors import Gen3DError
from gen3d.job import Job
from gen3d.session import Session
from gen3d.story import Branch, Stage, engines

WEIGHT_FREE = "weight-free: made without a trained model, good for trying the system out, not for judging it"

OF_PHOTO = 2
"""The first stages, which all jobs of a session share."""

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


def tree_table(branches: Iterable[Branch]) -> Table:
    """One line an event, below its cause: UTC time, seconds since the cause, name, note."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    for _ in range(2):
        table.add_column(no_wrap=True, justify="right", style="dim")
    table.add_column(overflow="fold")
    for branch in branches:
        for lead, it in _drawn(branch):
            after = "" if it.seconds is None else f"+{it.seconds:.2f} s"
            line = Text(lead, "dim")
            line.append(it.happening.detail_type, "red" if "code" in it.happening.data else "")
            line.append(f"  {it.note}" if it.note else "", "dim")
            table.add_row(f"{it.happening.at:%H:%M:%S}", after, line)
    return table


def _drawn(branch: Branch, lead: str = "", below: str = "") -> Iterator[tuple[str, Branch]]:
    """A branch and all below it, each with the lines that lead to it."""
    yield lead, branch
    for effect in branch.effects:
        last = effect is branch.effects[-1]
        yield from _drawn(effect, f"{below}{'└ ' if last else '├ '}", f"{below}{'  ' if last else '│ '}")


def all_stages(session: Session, jobs: Sequence[Job]) -> list[Stage]:
    """Those of the photo, then those of each job, numbered where there are several."""
    if len(jobs) < 2:
        return session.stages(*jobs)
    of_photo = session.stages()[:OF_PHOTO]
    numbered = [
        replace(stage, name=f"{stage.name} {number}")
        for number, job in enumerate(jobs, 1)
        for stage in session.stages(job)[OF_PHOTO:]
    ]
    return of_photo + numbered


def job_ids(jobs: Sequence[Job]) -> dict[str, str | list[str]]:
    """For a script: `job_id`, or `job_ids` where there are several."""
    ids = [job.id for job in jobs]
    if not ids:
        return {}
    return {"job_id": ids[0]} if len(ids) == 1 else {"job_ids": ids}


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
    table = _table("session")
    for session in sessions:
        count = len(session.jobs)
        about = [
            session.name,
            f"{count} job{'' if count == 1 else 's'}" if count else None,
            f"can be restored until {session.purge_at.astimezone():%d %b %Y %H:%M}"
            if session.purge_at
            else None,
        ]
        table.add_row(session.id, _date(session.created_at), _state(session, about))
    return table


def jobs_table(jobs: Iterable[Job]) -> Table:
    table = _table("job")
    for job in jobs:
        about = [job.name, job.view["options"]["quality"]]
        table.add_row(job.id, _date(job.created_at), _state(job, about))
    return table


def print_files(console: Console, paths: dict[str, Path]) -> None:
    """Size and path of what was downloaded."""
    print_sizes(console, {str(path): path.stat().st_size for path in paths.values()})


def print_sizes(console: Console, sizes: Mapping[str, int]) -> None:
    """Size in bytes and name, the name last, so that it is never cut and can be copied."""
    for name, size in sizes.items():
        console.print(f"{size:>12,} bytes  {escape(name)}", soft_wrap=True, highlight=False)


def print_label(console: Console, session: Session, job: Job) -> None:
    """Which engines computed the result, and a plain word where one of them is no trained model."""
    if used := engines(session.events, job.events):
        names = ", ".join(f"{it['name']} {it['version']}" for it in used)
        console.print(f"engines: {escape(names)}", soft_wrap=True)
    if job.weight_free:
        console.print(f"[yellow]{WEIGHT_FREE}[/yellow]", soft_wrap=True)


def print_error(console: Console, error: Gen3DError) -> None:
    console.print(f"[red]{escape(error.message)}[/red] [dim]({error.code})[/dim]", soft_wrap=True)
    if error.hint:
        console.print(escape(error.hint), soft_wrap=True)


def _table(identity: str) -> Table:
    """Fits 80 columns with nothing cut: an id of 30, a date of 12, and the longest state and code of 33."""
    return Table(
        Column(identity, no_wrap=True),
        Column("created", no_wrap=True),
        Column("state", overflow="fold"),
        box=None,
        header_style="bold",
        padding=(0, 2, 0, 0),
        pad_edge=False,
    )


def _date(created: datetime) -> str:
    return f"{created:%d %b %H:%M}" if created.year == datetime.now(UTC).year else f"{created:%d %b %Y}"


def _state(of: Session | Job, about: Iterable[str | None]) -> Text:
    """The state, with the code of what went wrong; below it what there is to tell of `about`."""
    problem = f": {of.problem['code']}" if of.problem else ""
    styles = {"completed": "green", "ready": "green", "failed": "red", "timed_out": "red"}
    text = Text()
    text.append(of.state.replace("_", " ") + problem, styles.get(of.state, "red" if problem else ""))
    if known := " · ".join(it for it in about if it):
        text.append(f"\n{known}", "dim")
    return text
