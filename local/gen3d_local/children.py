"""Child processes of the laptop cloud: each in a group of its own, logging to a file, never outliving us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path

HOST = "127.0.0.1"
LOCAL = Path(__file__).resolve().parents[1]
# Files of the children are for this person only.
PRIVATE = 0o077
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "GEN3D_STATE")
MODELS = ("GEN3D_TASKS", "GEN3D_DETECTOR", "GEN3D_WEIGHTS", "GEN3D_SAM3")
"""What the names of a person's settings of the endpoint's models begin with; these are inherited too. The two
other engines are the template's parameters."""


class ChildFailed(RuntimeError):
    """A child process ended, or did not become ready. The message ends with the last lines of its log."""


def clean_environment(**variables: str) -> dict[str, str]:
    """What a child sees of our environment: nothing of the person's AWS settings, proxies or Python path."""
    inherited = {
        name: value for name, value in os.environ.items() if name in INHERITED or name.startswith(MODELS)
    }
    return {
        **inherited,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        **variables,
    }


class Child:
    """One module running in a process of its own, with all the processes that it starts itself."""

    def __init__(
        self, name: str, module: str, environment: Mapping[str, str], log: Path, keep_open: Sequence[int] = ()
    ) -> None:
        self.name = name
        self._log = log
        watched, self._lifeline = os.pipe()
        try:
            with log.open("wb") as output:
                self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and modules
                    [sys.executable, "-m", "gen3d_local.guard", str(watched), module],
                    cwd=LOCAL,
                    env=dict(environment),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    pass_fds=(watched, *keep_open),
                    start_new_session=True,
                    umask=PRIVATE,
                )
        except OSError:
            os.close(self._lifeline)
            raise
        finally:
            os.close(watched)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    @property
    def log(self) -> Path:
        return self._log

    def tail(self, lines: int = 25) -> str:
        """The last lines of the child's log."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:])

    def wait_ready(self, port: int, path: str, seconds: float) -> None:
        """Return when the child answers 200. Raises ChildFailed when it ends, says 500, or time is over."""
        last = "no answer"

        def answers() -> bool:
            nonlocal last
            if self.ended:
                raise ChildFailed(
                    f"{self.name} ended while starting. Its log {self._log} ends:\n{self.tail()}"
                )
            try:
                status, last = _get(port, path)
            except OSError:
                return False
            if status == HTTPStatus.INTERNAL_SERVER_ERROR:
                raise ChildFailed(f"{self.name} cannot become ready: {last}")
            return status == HTTPStatus.OK

        if not poll(answers, seconds):
            raise ChildFailed(
                f"{self.name} was not ready after {seconds:.0f} s ({last}). "
                f"Its log {self._log} ends:\n{self.tail()}"
            )

    def tell(self, number: signal.Signals) -> None:
        """Send a signal to the child, not to the processes that it has started."""
        if not self.ended:
            self._process.send_signal(number)

    def stop(self, seconds: float = 10.0) -> None:
        """End the child and every process in its group. Safe to call again."""
        self.tell(signal.SIGTERM)
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._kill_group()
            self._process.wait()
            if self._lifeline >= 0:
                os.close(self._lifeline)
                self._lifeline = -1

    def _kill_group(self) -> None:
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return


def poll(condition: Callable[[], bool], seconds: float, every: float = 0.03) -> bool:
    """Whether `condition` became true within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True


def _get(port: int, path: str) -> tuple[int, str]:
    """Status and text. Our own processes speak plain HTTP: no proxies, no certificates."""
    connection = HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", path)
        reply = connection.getresponse()
        return reply.status, reply.read().decode(errors="replace").strip()
    finally:
        connection.close()
