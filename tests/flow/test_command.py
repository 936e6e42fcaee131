"""The `gen3d` command against the local cloud that it finds by itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from gen3d_local.cloud import Cloud

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def command(cloud: Cloud, tmp_path: Path) -> Run:
    def run(*arguments: str | Path, **changes: str) -> subprocess.CompletedProcess[str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("GEN3D_")}
        return subprocess.run(
            [sys.executable, "-m", "gen3d", *map(str, arguments)],
            env=clean | {"GEN3D_STATE": cloud.state} | changes,
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )

    return run


def test_reconstruct_list_and_show(command: Run, photo: Path, mask: Path, tmp_path: Path) -> None:
    made = command("reconstruct", photo, "--mask", mask, "--quality", "fast", "--seed", "7", "--json")
    assert made.returncode == 0, made.stderr
    job = json.loads(made.stdout)
    assert (job["state"], job["weight_free"]) == ("completed", True)
    assert (tmp_path / "out" / "photo" / "mesh.glb").read_bytes().startswith(b"glTF")
    assert job["job_id"] in command("jobs", job["session_id"]).stdout
    assert job["session_id"] in command("sessions").stdout
    shown = command("show", job["job_id"])
    assert "relief" in shown.stdout
    assert "weight-free" in shown.stdout


def test_a_mask_that_does_not_fit(command: Run, photo: Path) -> None:
    refused = command("reconstruct", photo, "--mask", photo, "--json")
    assert refused.returncode == 1
    assert json.loads(refused.stdout)["problem"]["code"] == "mask_unsupported"


def test_the_local_password_is_not_sent_elsewhere(command: Run) -> None:
    elsewhere = command("sessions", "--api", "http://127.0.0.1:9/api")
    assert elsewhere.returncode == 3
    assert "GEN3D_PASSWORD" in elsewhere.stderr
