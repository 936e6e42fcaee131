"""No process outlives its parent, however the parent ended."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from gen3d_inference.preflight import NEEDS
from gen3d_local.children import LOCAL, Child, ChildFailed, clean_environment, poll
from gen3d_local.state import free_port

SECONDS = 20.0

# Starts a grandchild, writes both process ids, and serves a 200.
FAMILY = """
import http.server, os, signal, subprocess, sys
{before}
grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response({status}); self.end_headers(); self.wfile.write(b"as told")
server = http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
open(os.environ["PIDS"], "w").write(f"{{os.getpid()}} {{grandchild.pid}}")
server.serve_forever()
"""

PARENT = """
import sys
from pathlib import Path
from gen3d_local.children import Child, clean_environment
child = Child("family", "family", clean_environment(**{variables!r}), Path({log!r}))
print(child.pid, flush=True)
sys.stdin.read()
"""


class Family:
    """A module whose process has a child of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.pids = folder / "pids"
        self.log = folder / "family.log"
        self.variables = {"PORT": str(self.port), "PIDS": str(self.pids), "PYTHONPATH": str(folder)}
        self.write()

    def write(self, before: str = "", status: int = 200) -> None:
        (self.folder / "family.py").write_text(FAMILY.format(before=before, status=status))

    def start(self) -> Child:
        return Child("family", "family", clean_environment(**self.variables), self.log)

    def gone(self) -> bool:
        """Whether all its processes have ended. Only meaningful once they have started."""
        return not any(_runs(int(pid)) for pid in self.pids.read_text().split())


@pytest.fixture
def family(tmp_path: Path) -> Iterator[Family]:
    made = Family(tmp_path)
    yield made
    for pid in made.pids.read_text().split() if made.pids.exists() else []:
        if _runs(int(pid)):
            os.kill(int(pid), signal.SIGKILL)


def _runs(pid: int) -> bool:
    """Whether the process is there and not only waiting to be buried."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("before", ["", "signal.signal(signal.SIGTERM, signal.SIG_IGN)"])
def test_stop_ends_the_whole_family(family: Family, before: str) -> None:
    family.write(before)
    child = family.start()
    child.wait_ready(family.port, "/", SECONDS)
    child.stop(seconds=0.5)

    assert poll(family.gone, SECONDS)
    child.stop()


def test_a_killed_parent_takes_the_family_along(family: Family) -> None:
    script = PARENT.format(variables=family.variables, log=str(family.log))
    parent = subprocess.Popen(
        [sys.executable, "-c", script], cwd=LOCAL, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert poll(family.pids.exists, SECONDS)
    parent.kill()
    parent.communicate()

    assert poll(family.gone, SECONDS)


def test_a_child_that_ends_is_told_with_its_log(family: Family) -> None:
    family.write(before="sys.exit('the disk is full')")
    child = family.start()
    with pytest.raises(ChildFailed, match=r"(?s)family ended while starting.*the disk is full"):
        child.wait_ready(family.port, "/", SECONDS)
    child.stop()


def test_a_child_that_says_it_cannot_is_believed(family: Family) -> None:
    family.write(status=500)
    child = family.start()
    with pytest.raises(ChildFailed, match="cannot become ready: as told"):
        child.wait_ready(family.port, "/", SECONDS)
    child.stop()


def test_a_child_that_never_answers_is_given_up(family: Family) -> None:
    child = family.start()
    with pytest.raises(ChildFailed, match="was not ready"):
        child.wait_ready(free_port(), "/", 0.2)
    child.stop()


def test_what_children_write_is_private(family: Family) -> None:
    child = family.start()
    child.wait_ready(family.port, "/", SECONDS)
    child.stop()
    assert family.pids.stat().st_mode & 0o777 == 0o600


def test_children_see_nothing_of_the_persons_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "HTTP_PROXY", "PYTHONPATH"):
        monkeypatch.setenv(name, "theirs")
    environment = clean_environment(OURS="1")

    assert "theirs" not in environment.values()
    assert (environment["OURS"], environment["PATH"]) == ("1", os.environ["PATH"])
    assert environment["AWS_CONFIG_FILE"] == os.devnull


def test_a_persons_settings_of_the_models_reach_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that the server's sources name, but for the template's parameters and what only `weights` reads."""
    sources = (LOCAL.parent / "container" / "gen3d_inference").rglob("*.py")
    read = {name for path in sources for name in re.findall(r'"(GEN3D_\w+)"', path.read_text())}
    read |= {f"GEN3D_{engine.upper()}_PYTHON" for engine in NEEDS}
    read -= {"GEN3D_SEGMENTER", "GEN3D_RECONSTRUCTOR", "GEN3D_HF_SECRET"}
    assert {"GEN3D_TASKS", "GEN3D_DETECTOR", "GEN3D_WEIGHTS", "GEN3D_SAM3_TEXT_PYTHON"} < read
    for name in read:
        monkeypatch.setenv(name, "mine")
    monkeypatch.setenv("GEN3D_PASSWORD", "secret")
    environment = clean_environment()
    assert {name for name in environment if environment[name] == "mine"} == read
    assert "secret" not in environment.values()
    assert clean_environment(GEN3D_TASKS="both")["GEN3D_TASKS"] == "both"
