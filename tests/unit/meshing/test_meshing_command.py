"""`python -m gen3d_meshing` on a splat file, and what it loads."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from gen3d_meshing.__main__ import main
from gen3d_meshing.preview import SIZE, TURNTABLE_SIZE
from PIL import Image

from tests.unit.meshing.imports import loaded_with
from tests.unit.meshing.solids import SOLIDS, noisy_splat, ply, splat_rows

pytestmark = pytest.mark.usefixtures("small_pictures")

ALWAYS = {"preview.png", "turntable.webp", "stats.json"}


@pytest.fixture
def splat(tmp_path: Path) -> Path:
    path = tmp_path / "splat.ply"
    path.write_bytes(noisy_splat(SOLIDS["torus"], 5000))
    return path


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_file_is_meshed(splat: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "a" / "b"
    assert main([str(splat), "--out", str(out), "--quality", "fast", "--texture", "512"]) == 0
    assert names(out) >= {"mesh.glb", *ALWAYS}
    stats = json.loads((out / "stats.json").read_text())
    assert stats["quality"] == "fast"
    said = capsys.readouterr()
    for path in out.iterdir():
        assert f"{path.stat().st_size:,} bytes  {path}" in said.out
    assert f"{stats['triangles']:,} triangles" in said.out
    assert "genus 1, watertight" in said.out
    assert said.err == ""


def test_the_formats_and_about_the_triangles_that_were_asked_for(splat: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    asked = ["--formats", "stl, ply", "--texture", "none", "--target-triangles", "2000"]
    assert main([str(splat), "--out", str(out), "--quality", "fast", *asked]) == 0
    assert {name for name in names(out) if name.startswith("mesh")} == {"mesh.ply", "mesh.stl"}
    assert 1000 < json.loads((out / "stats.json").read_text())["triangles"] < 2100


def test_on_a_terminal_the_steps_are_shown_and_pictures_are_drawn_in_full(
    splat: Path, tmp_path: Path
) -> None:
    ours, theirs = pty.openpty()
    asked = ["--quality", "fast", "--texture", "none"]
    done = subprocess.run(
        [sys.executable, "-m", "gen3d_meshing", splat, "--out", tmp_path, *asked],
        stdout=subprocess.PIPE,
        stderr=theirs,
        check=True,
    )
    said = os.read(ours, 65536).decode()
    os.close(theirs)
    os.close(ours)
    assert said.index("read ...") < said.index("surface ...") < said.index("glb ...")
    assert said.endswith("\r\x1b[K")
    assert b"..." not in done.stdout
    for name, side in (("preview.png", SIZE), ("turntable.webp", TURNTABLE_SIZE)):
        with Image.open(tmp_path / name) as picture:
            assert picture.size == (side, side)


def test_a_damaged_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    splat = tmp_path / "splat.ply"
    splat.write_bytes(b"ply\n")
    assert main([str(splat), "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr()
    assert f"{splat}: The reconstruction's file is damaged. (splat_invalid)\nnot a PLY file" in said.err
    assert said.out == ""


def test_a_splat_without_a_surface_is_told_with_its_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    sheet = rng.random((2000, 3)) * (1, 1, 0)
    up, grey = np.tile([0.0, 0.0, 1.0], (2000, 1)), np.full((2000, 3), 0.5)
    splat = tmp_path / "sheet.ply"
    splat.write_bytes(ply(splat_rows(sheet, up, grey, rng)))
    assert main([str(splat), "--out", str(tmp_path / "out")]) == 1
    assert "(surface_missing)" in capsys.readouterr().err


def test_a_missing_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none.ply"), "--out", str(tmp_path)]) == 1
    assert capsys.readouterr().err == f"{tmp_path / 'none.ply'}: No such file or directory\n"


def test_a_folder_that_cannot_be_made_is_named_before_the_work(
    splat: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(splat), "--out", str(splat / "out")]) == 1
    assert str(splat) in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--formats", "glb,fbx"], "'glb,fbx' is none of glb, obj, ply, stl, usdz, splat"),
        (["--formats", ""], "is none of"),
        (["--formats", "glb,glb"], "is none of"),
        (["--texture", "100"], "'100' is none of 512, 1024, 2048, none"),
        (["--target-triangles", "3"], "'3' is no number of triangles"),
        (["--target-triangles", "many"], "'many' is no number of triangles"),
        (["--target-triangles", "1000001"], "'1000001' is no number of triangles from 4 to 1,000,000"),
        (["--target-triangles", "9" * 5000], "is no number of triangles"),
        (["--quality", "best"], "invalid choice: 'best'"),
    ],
)
def test_wrong_usage_is_told(
    splat: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    with pytest.raises(SystemExit) as left:
        main([str(splat), "--out", str(tmp_path / "out"), *arguments])
    assert left.value.code == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_pipeline_loads_no_browser_viewers_no_aws_and_no_usd() -> None:
    unwanted = ("dash", "plotly", "IPython", "flask", "scipy", "boto3", "pxr")
    assert loaded_with("gen3d_meshing.pipeline", *unwanted) == []


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts threads as Linux tells them")
def test_the_pipeline_starts_no_threads_as_it_loads() -> None:
    script = "import gen3d_meshing.pipeline, os; print(len(os.listdir('/proc/self/task')))"
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "1\n"
