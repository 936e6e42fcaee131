"""`python -m gen3d_inference preflight`, with engines that run here and the double of SAM 3D Objects."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gen3d_inference.__main__ import main
from gen3d_inference.engines import Embedding, Photo
from gen3d_inference.engines.classical import ClassicalSegmenter
from gen3d_inference.ply import Splats, from_ply, to_ply
from gen3d_inference.preflight import Example, _embedded, judged
from PIL import Image

from tests.unit.inference.sam3d_environment import environment, make_upstream, make_weights

WEIGHT_FREE = {"GEN3D_SEGMENTER": "classical", "GEN3D_RECONSTRUCTOR": "relief"}
SECONDS = 200


Outcome = tuple[subprocess.CompletedProcess[str], dict[str, Any]]
Run = Callable[..., Outcome]


def command(folder: Path, arguments: Sequence[str]) -> list[str]:
    return ["preflight", "--report", str(folder / "report.json"), *arguments]


def report(folder: Path) -> Any:
    file = folder / "report.json"
    return json.loads(file.read_text()) if file.exists() else {}


def process(folder: Path, *arguments: str, **settings: str) -> Outcome:
    """The command as a process."""
    done = subprocess.run(
        [sys.executable, "-m", "gen3d_inference", *command(folder, arguments)],
        env={"PYTHONPATH": "container:events", **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    return done, report(folder)


@pytest.fixture
def preflight(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """The same within this process, which has loaded what it needs."""

    def run(folder: Path, *arguments: str, **settings: str) -> Outcome:
        argv = command(folder, arguments)
        capfd.readouterr()
        with monkeypatch.context() as here:
            here.setattr(os, "environ", settings)
            with pytest.raises(SystemExit) as ended:
                main(argv)
        status = ended.value.code
        said = capfd.readouterr()
        if isinstance(status, str):  # as Python itself does
            return subprocess.CompletedProcess(argv, 1, said.out, f"{said.err}{status}\n"), report(folder)
        return subprocess.CompletedProcess(argv, int(status or 0), *said), report(folder)

    return run


def states(report: dict[str, Any]) -> dict[str, str]:
    return {check["name"]: check["state"] for check in report["checks"]}


def test_the_engines_of_this_machine_pass(tmp_path: Path) -> None:
    row, column = np.mgrid[0:160, 0:240]
    disc = np.hypot(column - 120, row - 80) < 60
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side: 160 wide and 240 high when upright
    photo, mask, output = tmp_path / "photo.jpg", tmp_path / "mask.png", tmp_path / "splat.ply"
    Image.fromarray(np.where(disc[..., None], (200, 40, 40), 240).astype(np.uint8)).save(photo, exif=exif)
    Image.fromarray(np.rot90(disc, -1)).save(mask)
    given = ("--image", str(photo), "--mask", str(mask), "--output", str(output))
    done, found = process(tmp_path, *given, **WEIGHT_FREE)
    assert done.returncode == 0, done.stdout
    assert found["passed"]
    assert states(found) == {
        "settings": "ok",
        "classical: packages": "ok",
        "relief: packages": "ok",
        "classical: load": "ok",
        "classical: result": "ok",
        "relief: load": "ok",
        "relief: result": "ok",
        "server": "ok",
    }
    assert len(from_ply(output.read_bytes())) > 10_000
    assert "passed; " in done.stdout


def test_json_is_all_that_is_printed(preflight: Run, tmp_path: Path) -> None:
    done, found = preflight(tmp_path, "--json", GEN3D_TASKS="reconstruct", **WEIGHT_FREE)
    assert json.loads(done.stdout) == found
    assert "classical: load" not in states(found)


@pytest.mark.parametrize("seed", ["-5", "1.5", "2147483648", "x"])
def test_a_seed_that_no_job_can_have_is_refused_before_anything_runs(
    preflight: Run, tmp_path: Path, seed: str
) -> None:
    done, found = preflight(tmp_path, f"--seed={seed}", **WEIGHT_FREE)
    assert done.returncode == 2
    assert "a whole number from 0 to 2147483647" in done.stderr
    assert not found


def test_sam3d_passes_with_its_double(preflight: Run, tmp_path: Path) -> None:
    python, weights = make_upstream(tmp_path / "upstream"), make_weights(tmp_path / "weights")
    settings = environment(weights, GEN3D_SAM3D_PYTHON=str(python), GEN3D_TASKS="reconstruct")
    done, found = preflight(tmp_path, **settings)
    assert done.returncode == 0, done.stdout + done.stderr
    details = {check["name"]: check["detail"] for check in found["checks"]}
    assert "torch 2.5.1+double" in details["sam3d: packages"]
    assert details["sam3d: GPU"] == "Double, 44.0 GiB, CUDA 12.1"
    assert "ss_generator.ckpt" in details["sam3d: files of sam-3d-objects"]
    assert "4 files are what the manifest says" in details["sam3d: sha256"]
    assert "31.0 GiB of VRAM" in details["sam3d: result"]
    shown = {number for check in found["checks"] for number in check["criteria"]}
    assert shown == {2, 3, 5, 7, 8, 12}


def test_what_is_missing_fails_by_name_and_the_rest_is_still_looked_at(
    preflight: Run, tmp_path: Path
) -> None:
    settings = {"GEN3D_WEIGHTS": str(tmp_path / "none"), **WEIGHT_FREE, "GEN3D_RECONSTRUCTOR": "sam3d"}
    done, told = preflight(tmp_path, **settings)
    assert done.returncode == 1
    found = states(told)
    assert found["classical: result"] == "ok"
    assert [name for name, state in found.items() if state != "ok"] == [
        "sam3d: packages",
        "sam3d: GPU",
        "sam3d: files of moge",
        "sam3d: files of sam-3d-objects",
        "sam3d: files of torch",
        "sam3d: sha256",
        "sam3d: load",
        "sam3d: result",
    ]
    assert "missing: torch" in done.stdout
    assert "Fetch the weights" in done.stdout


def test_settings_and_pictures_that_cannot_be_used_are_said_so(preflight: Run, tmp_path: Path) -> None:
    done, found = preflight(tmp_path)
    assert done.returncode == 1
    assert states(found) == {"settings": "failed"}
    assert "GEN3D_SEGMENTER is not set" in done.stdout
    (tmp_path / "photo.png").write_bytes(b"no photo")
    given = ("--image", str(tmp_path / "photo.png"), "--mask", str(tmp_path / "mask.png"))
    done, _ = preflight(tmp_path, *given, **WEIGHT_FREE)
    assert done.returncode == 1
    assert "The photo or the mask cannot be used" in done.stderr


@pytest.mark.parametrize("option", ["--output", "--report"])
@pytest.mark.parametrize(
    ("name", "why"), [("none/file", "No such file or directory"), ("folder", "Is a directory")]
)
def test_what_cannot_be_written_is_said_before_anything_runs(
    preflight: Run, tmp_path: Path, option: str, name: str, why: str
) -> None:
    (tmp_path / "folder").mkdir()
    done, _ = preflight(tmp_path, option, str(tmp_path / name), **WEIGHT_FREE)
    assert done.returncode == 2
    assert f"{tmp_path / name} cannot be written: {why}" in done.stderr
    assert not done.stdout


def test_an_earlier_result_does_not_pass_for_a_new_one(preflight: Run, tmp_path: Path) -> None:
    splats = tmp_path / "splat.ply"
    splats.write_bytes(b"ply of yesterday")
    lacking = {**WEIGHT_FREE, "GEN3D_RECONSTRUCTOR": "sam3d", "GEN3D_WEIGHTS": str(tmp_path)}
    preflight(tmp_path, "--output", str(splats), GEN3D_TASKS="reconstruct", **lacking)
    assert splats.read_bytes() == b""


@pytest.mark.parametrize(("count", "state"), [(1, "failed"), (100, "warning"), (2000, "ok")])
def test_a_result_is_judged_by_its_size(count: int, state: str) -> None:
    splats = Splats(
        np.zeros((count, 3), np.float32),
        np.ones((count, 3), np.float32),
        np.tile(np.array([1, 0, 0, 0], np.float32), (count, 1)),
        np.ones(count, np.float32),
        np.ones((count, 3), np.float32),
    )
    assert judged(to_ply(splats))[0] == state


@pytest.mark.parametrize(
    ("values", "state"), [(np.full(1 << 20, 5), "failed"), ([5, np.nan], "failed"), ([5, 6], "ok")]
)
def test_an_embedding_that_says_nothing_fails(values: Any, state: str) -> None:
    """In half precision, of which a million values have no sum."""

    class Flat:
        engine = ClassicalSegmenter.engine

        def embed(self, photo: Photo) -> Embedding:
            return Embedding({"image_embed": np.asarray(values, np.float16)}, (1, 1), (1, 1), "none", {})

    (check,) = _embedded(Flat(), Example.of(None, None, 0, None))
    assert check.state == state
    assert check.detail.endswith("; flat: image_embed") == (state == "failed")


def test_what_is_no_ply_fails() -> None:
    state, text = judged(b"x" * 200_000)
    assert state == "failed"
    assert "no PLY file" in text
