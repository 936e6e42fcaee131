"""`python -m gen3d_inference preflight`: does this environment make a real model of a photo?

It tries the engines that GEN3D_SEGMENTER, GEN3D_RECONSTRUCTOR and GEN3D_DETECTOR name for the tasks of
GEN3D_TASKS, with the weights in GEN3D_WEIGHTS, as the server would, prints a table, and writes a report. It
ends with 0 only if nothing failed. Without a photo and a mask it takes a drawn ball.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import UnidentifiedImageError

from gen3d_inference.failures import InferenceError
from gen3d_inference.preflight import Check, Example, checks
from gen3d_inference.telemetry import logger


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m gen3d_inference")
    commands = parser.add_subparsers(dest="command", required=True)
    preflight = commands.add_parser("preflight", description=__doc__, help="prove this environment")
    preflight.add_argument("--image", type=Path, help="a photo")
    preflight.add_argument(
        "--mask", type=Path, help="the mask of an object in it, of the upright photo's size"
    )
    preflight.add_argument("--output", type=Path, help="where the splats go, as PLY")
    preflight.add_argument("--seed", type=_seed, default=42)
    preflight.add_argument(
        "--report", type=Path, default=Path("preflight.json"), help="where the report goes"
    )
    preflight.add_argument("--json", action="store_true", help="print the report instead of the table")
    options = parser.parse_args(arguments)
    if (options.image is None) != (options.mask is None):
        preflight.error("a photo needs a mask, and a mask its photo")
    try:
        example = Example.of(options.image, options.mask, options.seed, options.output)
    except (InferenceError, OSError, UnidentifiedImageError) as error:
        sys.exit(f"The photo or the mask cannot be used: {error}")
    # Known before the models have run for minutes; and no earlier result passes for this one's.
    for path in filter(None, (options.output, options.report)):
        try:
            path.write_bytes(b"")
        except OSError as error:
            preflight.error(f"{path} cannot be written: {error.strerror}")

    done: list[Check] = []
    for check in checks(os.environ, example):
        done.append(check)
        if not options.json:
            print(f"{check.state:8}  {check.name:26}  {check.detail}", flush=True)
    failed = [check.name for check in done if check.state in {"failed", "not run"}]
    report = json.dumps({"passed": not failed, "checks": [check._asdict() for check in done]}, indent=1)
    options.report.write_text(report)
    print(
        report
        if options.json
        else f"{'failed: ' + ', '.join(failed) if failed else 'passed'}; {options.report}"
    )
    sys.exit(1 if failed else 0)


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**31:
        raise argparse.ArgumentTypeError("a whole number from 0 to 2147483647, as a job's")
    return int(text)


if __name__ == "__main__":
    logger.registered_handler.setStream(sys.stderr)  # type: ignore[attr-defined]  # stdout is the report's
    main()
