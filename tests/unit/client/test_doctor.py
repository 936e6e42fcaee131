"""The doctor names what is missing and the line that installs it."""

from __future__ import annotations

from pathlib import Path

import pytest
from gen3d import doctor
from gen3d.cli import app
from typer.testing import CliRunner


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


def test_everything_here_loads() -> None:
    assert [finding.what for finding in doctor.examine() if not finding.well] == []


@pytest.mark.parametrize(
    ("package", "native"),
    [
        ("PIL", "PIL._imaging"),
        ("cryptography", "cryptography.hazmat.bindings._rust"),
        ("safetensors", "safetensors._safetensors_rust"),
    ],
)
def test_a_package_without_its_native_part(broken: Path, package: str, native: str) -> None:
    (broken / "sitecustomize.py").write_text(f"import sys; sys.modules[{native!r}] = None")
    finding = doctor.load(package, *doctor.MODULES[package])
    assert native in finding.problem
    assert finding.remedy == doctor.PIP_LINE


def test_a_missing_package() -> None:
    finding = doctor.load("gen3d_nowhere", "nothing")
    assert "No module named" in finding.problem
    assert finding.remedy == doctor.PIP_LINE


def test_a_missing_system_library(broken: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    message = "libGL.so.1: cannot open shared object file: No such file or directory"
    (broken / "half_there.py").write_text(f"raise ImportError({message!r})")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    finding = doctor.load("half_there", "splats")
    assert finding.remedy.startswith("sudo apt-get install -y ")
    assert "libgl1" in finding.remedy.split()
    assert not doctor.mend(finding.remedy)  # it would ask for a password


@pytest.mark.parametrize("installs", [True, False])
def test_root_installs_what_is_missing(
    broken: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], installs: bool
) -> None:
    """A stand-in for apt-get, which writes the module that could not be loaded."""
    half_there = broken / "open3d.py"
    half_there.write_text("raise ImportError('libGL.so.1: cannot open shared object file: No such file')")
    apt_get = broken / "apt-get"
    apt_get.write_text(
        f"#!/bin/sh\necho apt-get $*\n{f': > {half_there}' if installs else '[ $1 = update ]'}\n"
    )
    apt_get.chmod(0o755)
    monkeypatch.setenv("PATH", str(broken), prepend=":")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(doctor, "MODULES", {"open3d": doctor.MODULES["open3d"]})
    done = CliRunner().invoke(app, ["doctor", "--mend"])
    assert (done.exit_code == 0) is installs
    assert "apt-get install -y libgl1" in capfd.readouterr().out
    assert ("Run:" in done.output) is not installs


def test_a_library_that_ends_the_process(broken: Path) -> None:
    (broken / "deadly.py").write_text("import os; os._exit(132)")
    finding = doctor.load("deadly", "splats")
    assert not finding.well
    assert "132" in finding.problem
