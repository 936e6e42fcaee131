"""The `gen3d` command.

Exit codes: 0 done; 1 the photo, the mask or the job was refused or failed; 2 wrong usage; 3 the service
cannot be reached or signed in to; 130 interrupted.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from gen3d_events.codes import codes
from gen3d_events.models import JobOptions, Quality
from rich.console import Console
from rich.markup import escape
from typer.core import TyperCommand

from gen3d import dlq, misbehave, place, report
from gen3d import doctor as examination
from gen3d.errors import Gen3DError, JobFailed, SignInFailed, Unreachable, WrongUsage
from gen3d.prompts import Box, Point, check_prompts
from gen3d.sdk import Gen3D, Job, Session
from gen3d.story import causes

if TYPE_CHECKING:
    from gen3d_local.cloud import Cloud

FAILED, MISUSED, CUT_OFF = 1, 2, 3

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="A photo and a click become Gaussian splats and a clean mesh.",
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


def _numbers(text: str, option: str, form: str) -> list[float]:
    """The numbers of `1,2,3`. Raises BadParameter."""
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = []
    if not all(map(math.isfinite, found)) or len(found) not in {
        len(it.split(",")) for it in form.split(" or ")
    }:
        raise typer.BadParameter(f"{text} is not of the form {form}.", param_hint=option)
    return found


def _point(text: str) -> Point:
    x, y, *label = _numbers(text, "--point", "X,Y or X,Y,0")
    if label not in ([], [0], [1]):
        raise typer.BadParameter(
            f"{text}: after X,Y comes 1 for the object or 0 for what is none of it.", param_hint="--point"
        )
    return x, y, int(label[0]) if label else 1


def _box(text: str) -> Box:
    x0, y0, x1, y1 = _numbers(text, "--box", "X0,Y0,X1,Y1")
    return x0, y0, x1, y1


@app.command(cls=_Command, options_metavar="PHOTO (--point | --box | --mask) ... [OPTIONS]")
def reconstruct(
    photo: Annotated[
        Path,
        typer.Argument(
            metavar="PHOTO", exists=True, dir_okay=False, readable=True, help="JPEG, PNG or WebP."
        ),
    ],
    point: Annotated[
        list[str] | None,
        typer.Option(metavar="X,Y[,0]", help="A place on the object, or with ,0 one beside it. Repeatable."),
    ] = None,
    box: Annotated[
        list[str] | None,
        typer.Option(metavar="X0,Y0,X1,Y1", help="Around an object. Several boxes are several objects."),
    ] = None,
    mask: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            readable=True,
            help="PNG of the upright photo's size, in place of points and boxes.",
        ),
    ] = None,
    candidate: Annotated[
        int, typer.Option(min=0, max=3, help="0: the decoder's choice; from 1, a part, to 3, the whole.")
    ] = 0,
    preview: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", dir_okay=False, help="Write a picture of the mask over the photo, and stop."
        ),
    ] = None,
    quality: Annotated[
        Quality,
        typer.Option(
            parser=_quality, metavar="|".join(Quality), help="More splats and triangles, or sooner."
        ),
    ] = Quality.BALANCED,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="The same seed gives the same.")] = 42,
    out_dir: Annotated[
        Path | None,
        typer.Option(
            "--out", file_okay=False, help="Default: out/ and the photo's name; in it a folder for each box."
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(help="What the object is called.")] = None,
    as_json: Json = False,
    api: Api = None,
) -> None:
    """Upload PHOTO, find the object at the points or in the boxes, follow the job, download what it made.

    Points are in pixels of the upright photo, from its upper left corner.
    """
    points, boxes = [_point(it) for it in point or ()], [_box(it) for it in box or ()]
    if mask and (points or boxes):
        raise typer.BadParameter("give either a mask or points and boxes.", param_hint="--mask")
    if mask and preview:
        raise typer.BadParameter(
            "shows what points and boxes choose; there is a mask.", param_hint="--preview"
        )
    progress = report.Progress(err)
    about: dict[str, Any] = {}
    with _reported(as_json, about), _connected(api) as gen3d:
        if preview:
            _preview(gen3d, photo, points, boxes, candidate, preview, progress, about)
            print(json.dumps(about) if as_json else preview)
            return
        directory = out_dir or Path("out") / photo.stem
        _make_folder(directory)
        steps = gen3d.reconstruct(
            photo,
            mask,
            JobOptions(quality=quality, seed=seed),
            points=points,
            boxes=boxes,
            candidate=candidate,
            name=name,
            on_progress=progress.uploading,
        )
        _deliver(*_follow(steps, progress, about), directory, as_json)


def _deliver(session: Session, jobs: list[Job], directory: Path, as_json: bool) -> None:
    """Download each job that ended well, several into folders of their own; then raise what went wrong with
    the first that did not."""
    folders = [directory / str(n) for n in range(1, len(jobs) + 1)] if len(jobs) > 1 else [directory]
    summaries = []
    for job, folder in zip(jobs, folders, strict=True):
        if job.state != "completed":
            continue
        with _writing(folder):
            paths = job.download(folder)
        summaries.append(job.summary() | {"directory": str(folder.resolve())})
        if not as_json:
            report.print_label(out, session, job)
            report.print_files(out, paths)
    for number, job in enumerate(jobs, 1):
        if len(jobs) > 1 and job.state != "completed":
            err.print(f"Of object {number} there is no mesh:")
        job.check()
    if as_json:
        print(json.dumps(summaries[0] if len(jobs) == 1 else {"jobs": summaries}))


def _preview(
    gen3d: Gen3D,
    photo: Path,
    points: list[Point],
    boxes: list[Box],
    candidate: int,
    target: Path,
    progress: report.Progress,
    about: dict[str, Any],
) -> None:
    from PIL import Image, ImageOps

    from gen3d.masks import over_photo

    check_prompts(points, boxes)
    if target.suffix.lower() not in Image.registered_extensions():
        raise WrongUsage(f"{target} does not end as a picture does.", "Name it .png or .jpg.")
    _make_folder(target.parent)
    session = gen3d.create_session(photo, on_progress=progress.uploading)
    about |= {"session_id": session.id}
    with progress.shown():
        for _ in session.watch_ready():
            progress.update(session.stages()[:2])
    found = session.segment(points, boxes)
    masks = [it.mask(candidate) for it in found]
    with Image.open(photo) as picture, _writing(target):
        over_photo(ImageOps.exif_transpose(picture), masks, points).save(target)
    about |= {
        "preview": str(target.resolve()),
        "objects": [
            {"coverage": round(float(mask.mean()), 4), "scores": [round(float(s), 3) for s in it.scores]}
            for mask, it in zip(masks, found, strict=True)
        ],
    }
    err.print(f"{session.id}: " + "; ".join(f"{it['coverage']:.1%} of the photo" for it in about["objects"]))


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
    """Show a job's stages and the tree of its events (times in UTC); download its files if --out is given."""
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
        out.print()
        out.print(report.tree_table(causes(session.events, job.events)))
        out.print()
        report.print_label(out, session, job)
        if job.problem:
            report.print_error(out, JobFailed.from_problem(job.problem))
        report.print_files(out, paths)


@app.command(cls=_Command, options_metavar="SESSION [OPTIONS]")
def delete(
    session_id: Annotated[str, typer.Argument(metavar="SESSION")], as_json: Json = False, api: Api = None
) -> None:
    """Delete a session with its jobs and files. For a while it can be restored."""
    with _reported(as_json), _connected(api) as gen3d:
        purge_at = gen3d.delete(session_id)
        if as_json:
            print(json.dumps({"session_id": session_id, "purge_at": purge_at.isoformat()}))
        else:
            until = f"{purge_at.astimezone():%d %b %Y %H:%M}"
            out.print(
                f"Deleted. Until {until} it can be brought back: gen3d restore {session_id}", soft_wrap=True
            )


@app.command(cls=_Command, options_metavar="SESSION [OPTIONS]")
def restore(
    session_id: Annotated[str, typer.Argument(metavar="SESSION")], as_json: Json = False, api: Api = None
) -> None:
    """Bring a deleted session back."""
    with _reported(as_json), _connected(api) as gen3d:
        session = gen3d.restore(session_id)
        print(json.dumps(session.summary())) if as_json else out.print(f"{session.id} is back.")


@app.command(cls=_Command, options_metavar="SESSION|JOB NAME [OPTIONS]")
def rename(
    some_id: Annotated[str, typer.Argument(metavar="SESSION|JOB")],
    name: Annotated[str, typer.Argument(metavar="NAME", help='"" for none.')],
    as_json: Json = False,
    api: Api = None,
) -> None:
    """Give a session or a job another name."""
    with _reported(as_json), _connected(api) as gen3d:
        found = gen3d.job(some_id) if some_id.startswith("job_") else gen3d.session(some_id)
        renamed = found.rename(name.strip() or None)
        if as_json:
            print(json.dumps(renamed.summary()))
        else:
            called = f"is called {escape(renamed.name)}" if renamed.name else "has no name"
            out.print(f"{renamed.id} {called}.", soft_wrap=True, highlight=False)


@app.command(cls=_Command, options_metavar="JOB [OPTIONS]")
def retry(
    job_id: Annotated[str, typer.Argument(metavar="JOB")],
    quality: Annotated[
        Quality | None,
        typer.Option(parser=_quality, metavar="|".join(Quality), help="Default: as the job had it."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**31 - 1, help="Default: as the job had it.")
    ] = None,
    out_dir: Annotated[
        Path | None, typer.Option("--out", file_okay=False, help="Default: out/ and the new job's id.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Default: as the job had it.")] = None,
    as_json: Json = False,
    api: Api = None,
) -> None:
    """Start another job with the mask of JOB, follow it, and download what it made."""
    progress = report.Progress(err)
    about: dict[str, Any] = {}
    with _reported(as_json, about), _connected(api) as gen3d:
        before = gen3d.job(job_id)
        given = {"quality": quality, "seed": seed}
        options = JobOptions.model_validate({k: v for k, v in given.items() if v is not None})
        job = before.retry(options, name)
        directory = out_dir or Path("out") / job.id
        _make_folder(directory)
        steps = gen3d.follow(gen3d.session(job.session_id), [job])
        _deliver(*_follow(steps, progress, about), directory, as_json)


@app.command()
def token(api: Api = None) -> None:
    """Print an ID token, for curl: -H "Authorization: $(gen3d token)"."""
    with _reported(), _connected(api) as gen3d:
        print(gen3d.tokens())


def _follow(
    steps: Iterator[tuple[Session, list[Job]]], progress: report.Progress, about: dict[str, Any]
) -> tuple[Session, list[Job]]:
    """Show the steps of a reconstruction as they happen; `about` learns the ids as soon as they exist."""
    session, jobs = None, list[Job]()
    try:
        with progress.shown():
            for session, jobs in steps:
                about |= {"session_id": session.id} | report.job_ids(jobs)
                progress.update(report.all_stages(session, jobs))
    except KeyboardInterrupt:
        for job in jobs:
            err.print(f"The job goes on. To look at it: gen3d show {job.id}", soft_wrap=True)
        raise
    if session is None:
        raise AssertionError("a reconstruction begins with its session")
    return session, jobs


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
def _reported(as_json: bool = False, about: dict[str, Any] | None = None) -> Iterator[None]:
    """Expected errors become two sentences on stderr, an exit code, and with --json an object on stdout."""
    try:
        yield
    except Gen3DError as error:
        report.print_error(err, error)
        if as_json:
            problem = {"code": error.code, "message": error.message, "hint": error.hint}
            if known := codes.get(error.code):
                problem["error_class"] = known.error_class
            print(json.dumps((about or {}) | {"problem": problem}))
        raise typer.Exit(_exit_code(error)) from error


def _exit_code(error: Gen3DError) -> int:
    match error:
        case WrongUsage():
            return MISUSED
        case Unreachable() | SignInFailed():
            return CUT_OFF
    return FAILED


app.command()(misbehave.command(out, _reported))
app.add_typer(dlq.commands(out, _reported), name="dlq")


def main() -> None:
    app()
