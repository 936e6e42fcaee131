"""What a click costs with SAM 3's decoder, as one graph and as three: `make bench-models`.

At full size, with random weights: their values do not change the time. Natively (ONNX Runtime) and in wasm
(Node with onnxruntime-web, as browsers have it), the two forms in turn. With one thread CPU time is the time
that a click takes, and a busy machine changes it less. Prints a table, and writes out/bench/decoder.json.
`--decoder DIR` takes graphs that are there.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from gen3d_inference.decoder import parity

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "out" / "bench" / "decoder.json"
GOAL = 0.55
"""Of the single graph's time, at up to 3 points."""
POINTS = (1, 3, 8)
REPEATS = 15
_GRAPHS = ("single", "prepare", "decode")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.decoder", description=__doc__)
    parser.add_argument("--decoder", type=Path, help="folder of exported graphs")
    given = parser.parse_args().decoder
    with tempfile.TemporaryDirectory() as folder:
        decoder = given or exported(Path(folder))
        found = {
            "machine": f"{platform.machine()}, {os.cpu_count()} CPUs",
            "native": native(decoder),
            "wasm": wasm(decoder),
        }
    print_table(found)
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(found, indent=2) + "\n")


def exported(folder: Path) -> Path:
    from gen3d_inference.decoder import checkpoint, onnx_files  # noqa: PLC0415  PyTorch, seconds to import

    print("Exporting a decoder of random weights ...", flush=True)
    for name, graph in onnx_files.graphs(onnx_files.rounded(checkpoint.random()), _GRAPHS).items():
        (folder / f"{name}.onnx").write_bytes(graph)
    return folder


def native(folder: Path) -> dict[str, Any]:
    """Milliseconds as `decoder.mjs` tells them."""
    sessions = {name: parity.session((folder / f"{name}.onnx").read_bytes(), threads=1) for name in _GRAPHS}
    given = _photo(sessions["single"])
    prepare = _milliseconds(lambda: parity.run(sessions["prepare"], given))
    given |= parity.run(sessions["prepare"], given)
    random = np.random.default_rng(1)
    clicks = {}
    for count in POINTS:
        clicked = given | {
            "point_coords": (1008 * random.random((1, count, 2))).astype(np.float32),
            "point_labels": np.ones((1, count), np.float32),
        }
        forms = [partial(parity.run, sessions[name], clicked) for name in ("single", "decode")]
        clicks[count] = _summary([[_milliseconds(form) for form in forms] for _ in range(REPEATS)])
    return {"prepare": round(prepare, 1), "clicks": clicks}


def wasm(folder: Path) -> dict[str, Any]:
    script = ROOT / "benchmarks" / "web" / "decoder.mjs"
    command = ["node", str(script), str(folder), ",".join(map(str, POINTS)), str(REPEATS)]
    told = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout)
    return {
        "prepare": round(told["prepare"], 1),
        "clicks": {int(count): _summary(pairs) for count, pairs in told["clicks"].items()},
    }


def print_table(found: dict[str, Any]) -> None:
    print(
        f"CPU ms a click, one thread, {found['machine']}: one graph, three graphs, their ratio (goal {GOAL})"
    )
    for runtime in ("native", "wasm"):
        about = found[runtime]
        print(f"  {runtime:7} {about['prepare']:6.0f} once a photo")
        for count, (single, split, ratio) in about["clicks"].items():
            print(f"  {'':7} {count} points: {single:6.1f} {split:6.1f} {ratio:5.2f}")


def _photo(session: Any) -> dict[str, Any]:
    """Random tensors of a photo, and no earlier mask."""
    random = np.random.default_rng(0)
    given = {}
    for wanted in session.get_inputs():
        if not wanted.name.startswith("point_"):
            kind = np.float16 if "float16" in wanted.type else np.float32
            given[wanted.name] = random.standard_normal(wanted.shape).astype(kind)
    given["has_mask_input"] = np.zeros(1, np.float32)
    return given


def _milliseconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return 1000 * (time.process_time() - started)


def _summary(pairs: list[list[float]]) -> tuple[float, float, float]:
    """Medians of both forms, and of their ratio from pair to pair."""
    single, split = (statistics.median(times) for times in zip(*pairs, strict=True))
    ratio = statistics.median(split / single for single, split in pairs)
    return round(single, 1), round(split, 1), round(ratio, 3)


if __name__ == "__main__":
    main()
