"""Runs a module as a process that ends when its parent ends, even where the parent was killed.

`python -m gen3d_local.guard FD MODULE`: FD is the read end of a pipe whose write end only the parent holds,
so the pipe closes with the parent. The module's process group then gets SIGTERM and, if need be, SIGKILL.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time

GRACE_SECONDS = 10.0


def main() -> None:
    pipe, module = int(sys.argv[1]), sys.argv[2]
    threading.Thread(target=_end_with, args=(pipe,), name="guard", daemon=True).start()
    sys.argv = [module]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _end_with(pipe: int) -> None:
    os.read(pipe, 1)  # nothing is ever written: this returns when the pipe closes
    os.killpg(0, signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
