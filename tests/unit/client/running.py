"""What the tests of the command run it with."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[3]
ADA, PASSWORD = "ada@example.org", "A-long-1-word"
COMMAND = [sys.executable, "-m", "gen3d"]

Run = Callable[..., subprocess.CompletedProcess[str]]
