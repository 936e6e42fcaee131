"""How fast this machine is just now, for goals in CPU seconds that were set on another.

The yardstick is `import open3d` as a plain install does it, plots and all. It needed 0.85 CPU seconds where
the goals were set, so a goal of 6 CPU seconds is one of 7.1 yardsticks.
"""

from __future__ import annotations

import statistics
import subprocess
import sys

REFERENCE = 0.85
_ROUNDS = 3
_SCRIPT = "import time; begun = time.process_time(); import open3d; print(time.process_time() - begun)"


def yardstick() -> float:
    """CPU seconds of `import open3d` now, the median of a few."""
    return statistics.median(
        float(subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, check=True).stdout)
        for _ in range(_ROUNDS)
    )
