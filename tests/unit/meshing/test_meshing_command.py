"""`python -m gen3d_meshing` on a splat file, and what it loads."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from gen3d_meshing.__main__ import main

from tests.unit.meshing.solids import SOLIDS, noisy_splat


def test_a_file_is_meshed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    splat = tmp_path / "splat.ply"
    splat.write_bytes(noisy_splat(SOLIDS["torus"], 5000))
    out = tmp_path / "a" / "b"
    assert main([str(splat), "--out", str(out), "--quality", "fast"]) == 0
    assert {path.name for path in out.iterdir()} == {
        "mesh.glb",
        "mesh.draco.glb",
        "preview.png",
        "stats.json",
    }
    assert json.loads((out / "stats.json").read_text())["quality"] == "fast"
    assert "genus 1" in capsys.readouterr().out


def test_a_damaged_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    splat = tmp_path / "splat.ply"
    splat.write_bytes(b"ply\n")
    assert main([str(splat), "--out", str(tmp_path / "out")]) == 1
    assert "not a PLY file" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_missing_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none.ply"), "--out", str(tmp_path)]) == 1
    assert "none.ply" in capsys.readouterr().err


def test_the_pipeline_loads_neither_browser_viewers_nor_aws() -> None:
    unwanted = ("dash", "plotly", "IPython", "flask", "scipy", "boto3")
    script = f"import sys, gen3d_meshing.pipeline; print([n for n in {unwanted} if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": ":".join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
