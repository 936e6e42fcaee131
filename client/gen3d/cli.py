"""The `gen3d` command.

Exit codes: 0 done; 1 the photo, the mask or the job was refused or failed; 2 wrong usage; 3 the service
cannot be reached or signed in to; 130 interrupted.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from gen3d_events.models import JobOptions, Quality
from rich.console import Console
from rich.markup import escape
from typer.core import TyperCommand

from gen3d import doctor as examination
from gen3d import place, report
from gen3d.errors import Gen3DError, JobFailed, SignInFailed, Unreachable, WrongUsage
from gen3d.sdk import Gen3D, Job, Session

if TYPE_CHECKING:
    from gen3d_local.cloud import Cloud

FAILED, MISUSED, CUT_OFF = 1, 2, 3

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="A photo and a mask become Gaussian splats and a clean mesh.",
    epilog="Exit codes: 0 done, 1 refused or failed, 2 usage, 3 no connection or sign-in, 130 interrupted.",
)
out = Console()
err = Console(stderr=True)

Api = Annotated[
    str | None,
    typer.Option("--api", metavar="URL", help="Default: the local cloud if it runs, else $GEN3D_API."),
]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object on stdout, and nothing else there.")
]


class _Command(TyperCommand):
    """Its `options_metavar` is the whole usage line: arguments first, and without typer's braces."""

    def collect_usage_pieces(self, ctx: object) -> list[str]:
        return [self.options_metavar or ""]


@app.callback(invoke_without_command=True)
def root(
    show_version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    if show_version:
        out.print(f"gen3d {version('gen3d')}", highlight=False)
        raise typer.Exit


@app.command()
def up(
    detach: Annotated[
        bool, typer.Option("--detach", help="Return when it runs, and leave it running.")
    ] = False,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Of the site and the API; remembered.")
    ] = None,
) -> None:
    """Start the local cloud: the whole system on this machine."""

    def ready(cloud: Cloud) -> None:
        out.print(
            f"Gen3D runs on {cloud.url}  (API: {cloud.url}/api, mail: {cloud.url}/mail)", soft_wrap=True
        )
        ours = cloud.pid == os.getpid()
        if not (ours or detach):
            out.print("It was running already.")
        out.print("Stop it with Ctrl-C." if ours else "Stop it with: gen3d down")

    with _reported():
        place.up(detach, port, ready)


@app.command()
def down() -> None:
    """Stop the local cloud. Its sessions are kept."""
    with _reported():
        out.print("Stopped." if place.down() else "No local cloud is running.")


@app.command()
def doctor() -> None:
    """Check that everything with native parts loads; print the lines that mend what does not."""
    remedies: dict[str, None] = {}
    for finding in examination.examine():
        mark = "[green]✓[/green]" if finding.well else "[red]✗[/red]"
        said = f"{finding.version:<10}{finding.purpose}" if finding.well else escape(finding.problem)
        out.print(f"{mark} {finding.what:<13}{said}", highlight=False, soft_wrap=True)
        if not finding.well:
            remedies[finding.remedy] = None
    if remedies:
        err.print("\nRun:")
        for remedy in remedies:
            err.print(f"  {remedy}", highlight=False, soft_wrap=True)
        raise typer.Exit(FAILED)


def _quality(text: str) -> Quality:
    if text not in list(Quality):
        raise typer.BadParameter(f"{text} is not one of {', '.join(Quality)}.")
    return Quality(text)


@app.command(cls=_Command, options_metavar="PHOTO --mask FILE [OPTIONS]")
def reconstruct(
    photo: Annotated[
        Path,
        typer.Argument(
            metavar="PHOTO", exists=True, dir_okay=False, readable=True, help="JPEG, PNG or WebP."
        ),
    ],
    mask: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            readable=True,
            help="PNG of the upright photo's size.",
        ),
    ],
    quality: Annotated[
        Quality,
        typer.Option(
            parser=_quality, metavar="|".join(Quality), help="More splats and triangles, or sooner."
        ),
    ] = Quality.BALANCED,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="The same seed gives the same.")] = 42,
    out_dir: Annotated[
        Path | None, typer.Option("--out", file_okay=False, help="Default: out/ and the photo's name.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="What the object is called.")] = None,
    as_json: Json = False,
    api: Api = None,
) -> None:
    """Upload PHOTO and its mask, follow the job, and download what it made."""
    directory = out_dir or Path("out") / photo.stem
    options = JobOptions(quality=quality, seed=seed)
    progress = report.Progress(err)
    about: dict[str, str] = {}
    with _reported(as_json, about), _connected(api) as gen3d:
        _make_folder(directory)
        steps = gen3d.reconstruct(photo, mask, options, name=name, on_progress=progress.uploading)
        job = _follow(steps, progress, about)
        with _writing(directory):
            paths = job.download(directory)
        if as_json:
            print(json.dumps(job.summary() | {"directory": str(directory.resolve())}))
            return
        report.print_label(out, job)
        report.print_files(out, paths)


@app.command()
def sessions(as_json: Json = False, api: Api = None) -> None:
    """List your sessions, newest first."""
    with _reported(as_json), _connected(api) as gen3d:
        found = list(gen3d.sessions())
        if as_json:
            print(json.dumps({"sessions": [session.summary() for session in found]}))
        else:
            out.print(report.sessions_table(found))


@app.command(cls=_Command, options_metavar="[SESSION] [OPTIONS]")
def jobs(
    session_id: Annotated[
        str | None, typer.Argument(metavar="SESSION", help="Default: all sessions.")
    ] = None,
    as_json: Json = False,
    api: Api = None,
) -> None:
    """List the jobs of a session, or all."""
    with _reported(as_json), _connected(api) as gen3d:
        chosen = [gen3d.session(session_id)] if session_id else gen3d.sessions()
        found = [job for session in chosen for job in session.jobs]
        if as_json:
            print(json.dumps({"jobs": [job.summary() for job in found]}))
        else:
            out.print(report.jobs_table(found))


@app.command(cls=_Command, options_metavar="JOB [OPTIONS]")
def show(
    job_id: Annotated[str, typer.Argument(metavar="JOB")],
    out_dir: Annotated[
        Path | None, typer.Option("--out", file_okay=False, help="Download its files into this folder.")
    ] = None,
    as_json: Json = False,
    api: Api = None,
) -> None:
    """Show a job's stages, and download its files if --out is given."""
    with _reported(as_json), _connected(api) as gen3d:
        job = gen3d.job(job_id)
        paths: dict[str, Path] = {}
        if out_dir:
            with _writing(out_dir):
                paths = job.download(out_dir)
        if as_json:
            print(json.dumps(job.summary()))
            return
        session = gen3d.session(job.session_id)
        out.print(f"{job.id}  {job.state.replace('_', ' ')}", highlight=False)
        out.print(report.stage_table(session.stages(job)))
        report.print_label(out, job)
        if job.problem:
            report.print_error(out, JobFailed.from_problem(job.problem))
        report.print_files(out, paths)


@app.command()
def token(api: Api = None) -> None:
    """Print an ID token, for curl: -H "Authorization: $(gen3d token)"."""
    with _reported(), _connected(api) as gen3d:
        print(gen3d.tokens())


def _follow(
    steps: Iterator[tuple[Session, Job | None]], progress: report.Progress, about: dict[str, str]
) -> Job:
    """Show the steps of a reconstruction as they happen; `about` learns the ids as soon as they exist."""
    job = None
    try:
        with progress.shown():
            for session, job in steps:
                about |= {"session_id": session.id} | ({"job_id": job.id} if job else {})
                progress.update(session.stages(job))
    except KeyboardInterrupt:
        if job:
            err.print(f"The job goes on. To look at it: gen3d show {job.id}", soft_wrap=True)
        raise
    if job is None:
        raise AssertionError("a reconstruction ends with its job")
    return job


def _make_folder(directory: Path) -> None:
    """Make it and try to write in it, so that nobody waits for files that then have no place."""
    with _writing(directory):
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass


@contextmanager
def _writing(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        raise WrongUsage(f"{directory} cannot be written: {why}.", "Name another folder by --out.") from error


@contextmanager
def _connected(api: str | None) -> Iterator[Gen3D]:
    here = place.find(api)
    with Gen3D(here.api_url, here.username, here.password) as gen3d:
        yield gen3d


@contextmanager
def _reported(as_json: bool = False, about: dict[str, str] | None = None) -> Iterator[None]:
    """Expected errors become two sentences on stderr, an exit code, and with --json an object on stdout."""
    try:
        yield
    except Gen3DError as error:
        report.print_error(err, error)
        if as_json:
            problem = {"code": error.code, "message": error.message, "hint": error.hint}
            print(json.dumps((about or {}) | {"problem": problem}))
        raise typer.Exit(_exit_code(error)) from error


def _exit_code(error: Gen3DError) -> int:
    match error:
        case WrongUsage():
            return MISUSED
        case Unreachable() | SignInFailed():
            return CUT_OFF
    return FAILED


def main() -> None:
    app()
