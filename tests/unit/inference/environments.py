"""Other Python environments, as an engine has one of its own."""

from __future__ import annotations

import venv
from pathlib import Path

import numpy as np


def make_environment(folder: Path, modules: dict[str, str]) -> Path:
    """The interpreter of a new virtual environment with some modules, by dotted name; it sees the packages
    of this one."""
    venv.create(folder, with_pip=False)
    packages = next(folder.glob("lib/python*/site-packages"))
    (packages / "shared.pth").write_text(str(Path(np.__file__).parents[1]))
    for name, text in modules.items():
        path = packages.joinpath(*name.split(".")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "bin" / "python"
