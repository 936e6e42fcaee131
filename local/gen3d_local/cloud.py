"""Starts, finds and stops the laptop cloud of a state folder."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from gen3d_local.children import LOCAL, PRIVATE, poll
from gen3d_local.state import State
from gen3d_local.supervisor import (
    ROOT,
    STOP_SECONDS,
    Cloud,
    CloudFailed,
    Options,
    Supervisor,
)

__all__ = ["ROOT", "STATE", "Cloud", "CloudFailed", "Options", "down", "running", "running_cloud", "up"]

START_SECONDS = 300.0
STATE = Path(os.environ.get("GEN3D_STATE", ROOT / ".gen3d"))


@contextlib.contextmanager
def running_cloud(folder: Path, options: Options | None = None) -> Iterator[Cloud]:
    """A cloud for the length of a `with` block. Raises CloudFailed."""
    supervisor = Supervisor(folder, options or Options())
    cloud = supervisor.start()
    try:
        yield cloud
    finally:
        supervisor.stop()


def running(state: Path = STATE) -> Cloud | None:
    """The cloud that uses the state folder, or None where none is ready."""
    return Cloud.found(State(state))


def up(
    detach: bool = False,
    state: Path = STATE,
    port: int | None = None,
    ready: Callable[[Cloud], None] = lambda _: None,
) -> Cloud:
    """Start the cloud and call `ready` with it. Raises CloudFailed.

    Detached it goes on in the background. In the foreground this returns when the cloud was
    stopped: by Ctrl-C, SIGTERM or `down`. A cloud that already runs is returned as it is, unless another port
    is asked for.
    """
    if already := running(state):
        if port is not None and not already.url.endswith(f":{port}"):
            raise CloudFailed(
                f"A laptop cloud already runs on {already.url}. To move it, stop it first: gen3d down"
            )
        ready(already)
        return already
    return _detached(state, port, ready) if detach else _foreground(state, port, ready)


def down(state: Path = STATE) -> bool:
    """Stop the cloud; return when all its processes have ended. False if none ran. Raises CloudFailed."""
    cloud = running(state)
    if cloud is None:
        return False
    os.kill(cloud.pid, signal.SIGTERM)
    lock = State(state).lock(STOP_SECONDS)
    if lock is None:
        raise CloudFailed(f"The cloud (process {cloud.pid}) did not stop within {STOP_SECONDS:.0f} s.")
    os.close(lock)
    return True


class _Stopped(BaseException):
    """Somebody asked the foreground cloud to stop."""


def _foreground(folder: Path, port: int | None, ready: Callable[[Cloud], None]) -> Cloud:
    signals = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup has it
        signals.append(signal.SIGHUP)

    def stop_once(*_: object) -> None:
        for number in signals:
            signal.signal(number, signal.SIG_IGN)
        raise _Stopped

    before = {number: signal.signal(number, stop_once) for number in signals}
    supervisor = Supervisor(folder, Options(front_port=port))
    cloud = None
    try:
        cloud = supervisor.start()
        ready(cloud)
        while (child := supervisor.ended()) is None:
            time.sleep(0.3)
        raise CloudFailed(f"The {child.name} ended unexpectedly. Its log: {child.log}")
    except _Stopped:
        if cloud is None:
            raise CloudFailed("Stopped before the cloud was ready.") from None
        return cloud
    finally:
        supervisor.stop()
        for number, handler in before.items():
            signal.signal(number, handler)


def _detached(folder: Path, port: int | None, ready: Callable[[Cloud], None]) -> Cloud:
    kept = State(folder)
    kept.own()
    log = kept.folder / "up.log"
    command = [sys.executable, "-m", "gen3d_local", "up", "--state", str(folder.resolve())]
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [*command, *(["--port", str(port)] if port else [])],
            cwd=LOCAL,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=PRIVATE,
        )
    poll(
        lambda: running(folder) is not None or process.poll() is not None,
        START_SECONDS,
    )
    if (cloud := running(folder)) is None:
        process.terminate()
        process.wait()
        raise CloudFailed(log.read_text().strip())
    ready(cloud)
    return cloud
