"""The `gen3d` command.

Exit codes: 0 done; 1 the photo, the mask or the job was refused or failed; 2 wrong usage; 3 the service
cannot be reached or signed in to; 130 interrupted.
"""

from __future__ import annotations

import json
import os
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from gen3d import dlq, making, misbehave, place, report
from gen3d import doctor as examination
from gen3d.console import (
    FAILED,
    Api,
    Command,
    JobId,
    Json,
    SessionId,
    connected,
    err,
    out,
    reported,
    writing,
)
from gen3d.errors import JobFailed
from gen3d.story import causes

if TYPE_CHECKING:
    from gen3d_local.cloud import Cloud

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="A photo and a click become Gaussian splats and a clean mesh.",
    epilog="Exit codes: 0 done, 1 refused or failed, 2 usage, 3 no connection or sign-in, 130 interrupted.",
)


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

    with reported():
        place.up(detach, port, ready)


@app.command()
def down() -> None:
    """Stop the local cloud. Its sessions are kept."""
    with reported():
        out.print("Stopped." if place.down() else "No local cloud is running.")


@app.command()
def doctor(
    mend: Annotated[
        bool, typer.Option("--mend", help="As root, install the system libraries that are missing.")
    ] = False,
) -> None:
    """Check that everything with native parts loads; print the lines that mend what does not."""
    if (remedies := _examined()) and mend and all(examination.mend(remedy) for remedy in remedies):
        remedies = _examined()
    if remedies:
        err.print("\nRun:")
        for remedy in remedies:
            err.print(f"  {remedy}", highlight=False, soft_wrap=True)
        raise typer.Exit(FAILED)


def _examined() -> list[str]:
    """Prints what was found; the lines that mend it."""
    remedies: dict[str, None] = {}
    for finding in examination.examine():
        mark = "[green]✓[/green]" if finding.well else "[red]✗[/red]"
        said = f"{finding.version:<10}{finding.purpose}" if finding.well else escape(finding.problem)
        out.print(f"{mark} {finding.what:<13}{said}", highlight=False, soft_wrap=True)
        if not finding.well:
            remedies[finding.remedy] = None
    return list(remedies)


app.command(cls=Command, options_metavar="PHOTO (--point | --box | --mask) ... [OPTIONS]")(making.reconstruct)


@app.command()
def sessions(
    deleted: Annotated[
        bool, typer.Option("--deleted", help="Those that are deleted and can be restored.")
    ] = False,
    as_json: Json = False,
    api: Api = None,
) -> None:
    """List your sessions, newest first."""
    with reported(as_json), connected(api) as gen3d:
        found = list(gen3d.sessions(deleted=deleted))
        if as_json:
            print(json.dumps({"sessions": [session.summary() for session in found]}))
        else:
            out.print(report.sessions_table(found))


@app.command(cls=Command, options_metavar="[SESSION] [OPTIONS]")
def jobs(
    session_id: Annotated[
        str | None, typer.Argument(metavar="SESSION", help="Default: all sessions.")
    ] = None,
    as_json: Json = False,
    api: Api = None,
) -> None:
    """List the jobs of a session, or all."""
    with reported(as_json), connected(api) as gen3d:
        chosen = [gen3d.session(session_id)] if session_id else gen3d.sessions()
        found = [job for session in chosen for job in session.jobs]
        if as_json:
            print(json.dumps({"jobs": [job.summary() for job in found]}))
        else:
            out.print(report.jobs_table(found))


@app.command(cls=Command, options_metavar="JOB [OPTIONS]")
def show(
    job_id: JobId,
    out_dir: Annotated[
        Path | None, typer.Option("--out", file_okay=False, help="Download its files into this folder.")
    ] = None,
    as_json: Json = False,
    api: Api = None,
) -> None:
    """Show a job's stages, the tree of its events (times in UTC) and its files; download them if --out is
    given."""
    with reported(as_json), connected(api) as gen3d:
        job = gen3d.job(job_id)
        paths: dict[str, Path] = {}
        if out_dir:
            with writing(out_dir):
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
        if out_dir:
            report.print_files(out, paths)
        else:
            report.print_sizes(out, job.summary()["files"])


@app.command(cls=Command, options_metavar="SESSION [OPTIONS]")
def delete(session_id: SessionId, as_json: Json = False, api: Api = None) -> None:
    """Delete a session with its jobs and files. For a while it can be restored."""
    with reported(as_json), connected(api) as gen3d:
        purge_at = gen3d.delete(session_id)
        if as_json:
            print(json.dumps({"session_id": session_id, "purge_at": purge_at.isoformat()}))
        else:
            until = f"{purge_at.astimezone():%d %b %Y %H:%M}"
            out.print(
                f"Deleted. Until {until} it can be brought back: gen3d restore {session_id}", soft_wrap=True
            )


@app.command(cls=Command, options_metavar="SESSION [OPTIONS]")
def restore(session_id: SessionId, as_json: Json = False, api: Api = None) -> None:
    """Bring a deleted session back."""
    with reported(as_json), connected(api) as gen3d:
        session = gen3d.restore(session_id)
        print(json.dumps(session.summary())) if as_json else out.print(f"{session.id} is back.")


@app.command(cls=Command, options_metavar="SESSION|JOB NAME [OPTIONS]")
def rename(
    some_id: Annotated[str, typer.Argument(metavar="SESSION|JOB")],
    name: Annotated[str, typer.Argument(metavar="NAME", help='"" for none.')],
    as_json: Json = False,
    api: Api = None,
) -> None:
    """Give a session or a job another name."""
    with reported(as_json), connected(api) as gen3d:
        found = gen3d.job(some_id) if some_id.startswith("job_") else gen3d.session(some_id)
        renamed = found.rename(name.strip() or None)
        if as_json:
            print(json.dumps(renamed.summary()))
        else:
            called = f"is called {escape(renamed.name)}" if renamed.name else "has no name"
            out.print(f"{renamed.id} {called}.", soft_wrap=True, highlight=False)


app.command(cls=Command, options_metavar="JOB [OPTIONS]")(making.retry)


@app.command()
def token(api: Api = None) -> None:
    """Print an ID token, for curl: -H "Authorization: $(gen3d token)"."""
    with reported(), connected(api) as gen3d:
        print(gen3d.tokens())


app.command()(misbehave.command(out, reported))
app.add_typer(dlq.commands(out, reported), name="dlq")


def main() -> None:
    app()
