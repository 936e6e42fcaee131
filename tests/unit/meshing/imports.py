"""What an import brings along."""

from __future__ import annotations

import subprocess
import sys


def loaded_with(module: str, *names: str) -> list[str]:
    """Those of `names` that a fresh interpreter has loaded once it has imported `module`."""
    script = f"import sys, {module}; print(*(name for name in {names} if name in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": ":".join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()
