"""`python -m gen3d_local up|down|status`: the laptop cloud without the client."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from gen3d_local import cloud
from gen3d_local.state import State

NOT_RUNNING = "No laptop cloud is running."


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 done, 1 failed, 3 not running (status)."""
    parser = argparse.ArgumentParser(prog="python -m gen3d_local", description=__doc__)
    parser.add_argument("command", choices=["up", "down", "status"])
    parser.add_argument("--state", type=Path, default=cloud.STATE, help="folder that keeps everything")
    parser.add_argument("--port", type=int, help="port of site and API (8000 at first, then the last one)")
    parser.add_argument("--detach", action="store_true", help="return when it is ready")
    chosen = parser.parse_args(arguments)
    try:
        return _run(chosen)
    except cloud.CloudFailed as failure:
        print(failure, file=sys.stderr)
        return 1


def _run(chosen: argparse.Namespace) -> int:
    if chosen.command == "up":
        cloud.up(chosen.detach, chosen.state, chosen.port, ready=_say)
        return 0
    if chosen.command == "down":
        print("Stopped." if cloud.down(chosen.state) else NOT_RUNNING)
        return 0
    found = cloud.running(chosen.state)
    if found is None:
        print(NOT_RUNNING, file=sys.stderr)
        return 3
    _say(found)
    return 0


def _say(ready: cloud.Cloud) -> None:
    secret = State(Path(ready.state)).user
    print(f"Gen3D: {ready.url}   sign in as {ready.user.email}; the password is in {secret}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
