"""Does everything load that has native parts? pip cannot install the system libraries that Open3D needs."""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

MODULES: dict[str, tuple[str, ...]] = {
    "numpy": ("arrays",),
    "scipy": ("geometry of the weight-free engine", "scipy.ndimage", "scipy.sparse.linalg", "scipy.spatial"),
    "PIL": ("photos and masks", "PIL._imaging", "PIL._imagingcms", "PIL._webp"),
    "onnx": ("the click decoder's file", "onnx.onnx_cpp2py_export"),
    "onnxruntime": ("decoders of clicks",),
    "safetensors": ("embeddings", "safetensors._safetensors_rust"),
    "open3d": ("splats to mesh",),
    "manifold3d": ("closed meshes",),
    "DracoPy": ("compressed GLB files",),
    "pxr": ("USDZ files", "pxr.Sdf", "pxr.Usd", "pxr.UsdGeom", "pxr.UsdShade", "pxr.Vt"),
    "cryptography": ("the laptop cloud's tokens", "cryptography.hazmat.bindings._rust"),
    "pydantic": ("the contract", "pydantic_core"),
}
"""What each package is for, and its native modules where importing the package alone may not load them."""
PYTHON = (3, 11)
PIP_LINE = "python -m pip install --require-hashes -r requirements/dev.txt"

_DEBIAN = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libX11.so.6": "libx11-6",
    "libgomp.so.1": "libgomp1",
    "libidn2.so.0": "libidn2-0",
    "libstdc++.so.6": "libstdc++6",
    "libudev.so.1": "libudev1",
    "libusb-1.0.so.0": "libusb-1.0-0",
}
_MISSING_LIBRARY = re.compile(r"(lib[\w.+-]+\.so[\w.]*): cannot open shared object file")


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `remedy` is the line to run where it is not well, `problem` says why."""

    what: str
    purpose: str
    version: str = ""
    problem: str = ""
    remedy: str = ""

    @property
    def well(self) -> bool:
        return not self.problem


def examine() -> Iterator[Finding]:
    """Python's version, then each native library, loaded in a process of its own (a bad one may crash it)."""
    here = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info[:2] == PYTHON:
        yield Finding("python", "everything", here)
    else:
        yield Finding("python", "everything", here, "Gen3D needs Python 3.11.", "make PYTHON=python3.11 demo")
    for module, (purpose, *native) in MODULES.items():
        yield load(module, purpose, *native)


def load(module: str, purpose: str, *native: str) -> Finding:
    """Whether `module` and its `native` modules can be imported, and what to do if not."""
    script = f"import {', '.join((module, *native))}; print(getattr({module}, '__version__', ''))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode == 0:
        return Finding(module, purpose, done.stdout.strip())
    said = done.stderr.strip().splitlines() or [f"loading it ends the process ({done.returncode})"]
    if missing := _MISSING_LIBRARY.search(done.stderr):
        return Finding(module, purpose, problem=said[-1], remedy=_apt_line(missing[1]))
    return Finding(module, purpose, problem=said[-1], remedy=PIP_LINE)


def mend(remedy: str) -> bool:
    """Runs the line if it installs system libraries and needs no password; whether it did, with success."""
    if not remedy.startswith("apt-get "):
        return False
    done = subprocess.run(["bash", "-c", f"apt-get update -qq && {remedy}"], check=False)  # noqa: S603, S607
    return done.returncode == 0


def _apt_line(library: str) -> str:
    """Installs the library that was named and every other known one that is missing, in one go."""
    wanted = {_DEBIAN.get(library, library)} | {deb for name, deb in _DEBIAN.items() if not _loads(name)}
    return f"{'' if os.geteuid() == 0 else 'sudo '}apt-get install -y {' '.join(sorted(wanted))}"


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
