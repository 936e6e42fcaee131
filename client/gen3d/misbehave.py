"""`gen3d misbehave`: have the local cloud's endpoint go wrong, to see what becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Annotated

import typer
from rich.console import Console

from gen3d.errors import Unreachable, WrongUsage


def command(out: Console, reported: Callable[[], AbstractContextManager[None]]) -> Callable[..., None]:
    """The command. reported: turns errors into sentences and exit codes."""

    def misbehave(
        kind: Annotated[
            str | None, typer.Argument(metavar="KIND", help="Without one, the kinds are listed.")
        ] = None,
        off: Annotated[
            bool, typer.Option("--off", help="Behave again, and answer what was held back.")
        ] = False,
        times: Annotated[int, typer.Option(min=1, help="For how many requests.")] = 1,
        task: Annotated[str | None, typer.Option(metavar="embed|reconstruct", help="Default: both.")] = None,
        inference_id: Annotated[
            str, typer.Option("--id", help="For an inference id, or those that begin so.")
        ] = "",
        code: Annotated[str, typer.Option(help="With which code failures fail.")] = "inference_failed",
        failure_location: Annotated[
            str,
            typer.Option(metavar="response|top|nowhere", help="Where failures name their object."),
        ] = "response",
        seconds: Annotated[float, typer.Option(min=0, help="How much longer, or later.")] = 3.0,
    ) -> None:
        """Have the endpoint of the local cloud go wrong with its next requests."""
        from gen3d_local import cloud
        from gen3d_local.misbehaviour import KINDS

        with reported():
            if kind is None and not off:
                for name, what in KINDS.items():
                    out.print(f"{name:<24}{what}", highlight=False, soft_wrap=True)
                return
            if kind is not None and off:
                raise WrongUsage("--off takes no KIND.", "Say either a kind or --off.")
            running = cloud.running()
            if running is None:
                raise Unreachable("No local cloud is running.", "Start one with `gen3d up`.")
            if off:
                running.behave()
                out.print("The endpoint behaves.")
                return
            order = {
                "times": times,
                "task": task,
                "inference_id": inference_id,
                "code": code,
                "failure_location": failure_location,
                "seconds": seconds,
            }
            try:
                running.misbehave(str(kind), **order)
            except ValueError as error:
                raise WrongUsage(
                    f"The endpoint cannot be told so: {error}", "See gen3d misbehave --help."
                ) from error
            requests = "The next request" if times == 1 else f"Each of the next {times} requests"
            what = KINDS[kind].replace("--code", code).replace("--seconds", f"{seconds:g} s")  # type: ignore[index]
            out.print(f"{requests} {what}.", highlight=False, soft_wrap=True)

    return misbehave
