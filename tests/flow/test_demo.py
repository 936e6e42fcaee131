"""`make demo` without the environment: it ends well, tells what came of it, and leaves nothing running."""

from __future__ import annotations

import re
import subprocess
import sys

import psutil
from gen3d_local import demo

from tests.waiting import eventually


def processes() -> list[str]:
    """Command lines of what belongs to the demo's cloud."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("GEN3D_STATE") == str(demo.STATE):
                found.append(" ".join(process.cmdline()))
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def test_the_demo() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gen3d_local.demo"], capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for stage in ("photo", "embedding", "mask", "reconstruction", "mesh", "mail"):
        assert re.search(rf"^{stage}: done, \d", done.stdout, re.MULTILINE), done.stdout
    distance = re.search(r"true shape: ([\d.]+)%", done.stdout)
    assert distance
    assert float(distance[1]) < 5
    assert "mail to demo@gen3d.example" in done.stdout
    assert "weight-free" in done.stdout
    files = {path.name for path in demo.RESULT.iterdir()}
    assert {"mask.png", "splat.ply", "mesh.glb", "preview.png", "stats.json"} < files
    eventually(lambda: not processes(), what="processes left")
