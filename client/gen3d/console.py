"""What the commands share: where they print, their common options, and errors as sentences and exit codes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from gen3d_events.codes import codes
from rich.console import Console
from typer.core import TyperCommand

from gen3d import place, report
from gen3d.errors import Gen3DError, SignInFailed, Unreachable, WrongUsage
from gen3d.sdk import Gen3D

FAILED, MISUSED, CUT_OFF = 1, 2, 3

out = Console()
err = Console(stderr=True)

Api = Annotated[
    str | None,
    typer.Option("--api", metavar="URL", help="Default: the local cloud if it runs, else $GEN3D_API."),
]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object on stdout, and nothing else there.")
]


SessionId = Annotated[str, typer.Argument(metavar="SESSION")]
JobId = Annotated[str, typer.Argument(metavar="JOB")]


class Command(TyperCommand):
    """Its `options_metavar` is the whole usage line: arguments first, and without typer's braces."""

    def collect_usage_pieces(self, ctx: object) -> list[str]:
        return [self.options_metavar or ""]


@contextmanager
def writing(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        raise WrongUsage(f"{directory} cannot be written: {why}.", "Name another folder by --out.") from error


@contextmanager
def connected(api: str | None) -> Iterator[Gen3D]:
    here = place.find(api)
    with Gen3D(here.api_url, here.username, here.password) as gen3d:
        yield gen3d


@contextmanager
def reported(as_json: bool = False, about: dict[str, Any] | None = None) -> Iterator[None]:
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
