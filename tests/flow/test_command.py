"""The `gen3d` command against the local cloud that it finds by itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from gen3d_local.cloud import Cloud
from PIL import Image

from tests.unit.client import clickable

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


@pytest.fixture
def discs(tmp_path: Path) -> Path:
    path = tmp_path / "discs.png"
    Image.fromarray(clickable.picture()).save(path)
    return path


def test_two_boxes_are_two_objects_of_one_session(command: Run, discs: Path, tmp_path: Path) -> None:
    boxes = [f"--box={','.join(map(str, box))}" for box in (clickable.RED_BOX, clickable.BLUE_BOX)]
    made = command("reconstruct", discs, *boxes, "--quality", "fast", "--json")
    assert made.returncode == 0, made.stderr
    red, blue = json.loads(made.stdout)["jobs"]
    assert red["session_id"] == blue["session_id"]
    assert red["job_id"] != blue["job_id"]
    for number, centre in (("1", clickable.RED), ("2", clickable.BLUE)):
        folder = tmp_path / "out" / "discs" / number
        assert (folder / "mesh.glb").read_bytes().startswith(b"glTF")
        with Image.open(folder / "mask.png") as image:
            mask = np.asarray(image) > 0
        true = clickable.disc(centre)
        assert (mask & true).sum() > 0.9 * (mask | true).sum()


def test_a_preview_before_the_job(command: Run, discs: Path, tmp_path: Path) -> None:
    place = "{},{}".format(*clickable.BLUE)
    shown = command("reconstruct", discs, "--point", place, "--preview", "blue.jpg")
    assert shown.returncode == 0, shown.stderr
    with Image.open(tmp_path / "blue.jpg") as image:
        assert image.size == (clickable.WIDTH, clickable.HEIGHT)
    session = shown.stderr.strip().rpartition("\n")[2].partition(":")[0]
    assert command("jobs", session).stdout.count("job_") == 0


def test_a_mask_that_does_not_fit(command: Run, photo: Path) -> None:
    refused = command("reconstruct", photo, "--mask", photo, "--json")
    assert refused.returncode == 1
    assert json.loads(refused.stdout)["problem"]["code"] == "mask_unsupported"


def test_the_local_password_is_not_sent_elsewhere(command: Run) -> None:
    elsewhere = command("sessions", "--api", "http://127.0.0.1:9/api")
    assert elsewhere.returncode == 3
    assert "GEN3D_PASSWORD" in elsewhere.stderr
