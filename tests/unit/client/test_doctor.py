"""The doctor names what is missing and the line that installs it."""

from __future__ import annotations

from pathlib import Path

import pytest
from gen3d import doctor


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


def test_a_missing_system_library(broken: Path) -> None:
    message = "libGL.so.1: cannot open shared object file: No such file or directory"
    (broken / "half_there.py").write_text(f"raise ImportError({message!r})")
    finding = doctor.load("half_there", "splats")
    assert finding.remedy.startswith("sudo apt-get install -y ")
    assert "libgl1" in finding.remedy.split()


def test_a_library_that_ends_the_process(broken: Path) -> None:
    (broken / "deadly.py").write_text("import os; os._exit(132)")
    finding = doctor.load("deadly", "splats")
    assert not finding.well
    assert "132" in finding.problem
