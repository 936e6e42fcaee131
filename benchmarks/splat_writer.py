"""The writer of splat files beside upstream's way: `python -m benchmarks.splat_writer`, in `make bench`.

SAM 3D Objects' own class makes a tuple of each Gaussian, has numpy fill a structured array from the list of
them, and hands that to plyfile; so does this, but it computes the logarithms with numpy instead of PyTorch.
Both begin with the same values in memory and end with a file in a temporary folder, and the files must agree.
CPU seconds, in turn, the best of several runs each.

Prints a table, and writes out/bench/splat_writer.json.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from gen3d_inference.ply import PROPERTIES, SH_C0, Splats, write_ply
from gen3d_local.cloud import ROOT
from plyfile import PlyData, PlyElement
from rich.console import Console
from rich.table import Table

RESULT = ROOT / "out" / "bench" / "splat_writer.json"
GAUSSIANS = 842_000
GOAL = 20.0
_RUNS = 5

console = Console()


def main() -> None:
    splats = _splats(GAUSSIANS)
    seconds: dict[str, list[float]] = {name: [] for name in WRITERS}
    with TemporaryDirectory() as folder:
        paths = {name: Path(folder) / f"{name}.ply" for name in WRITERS}
        for _ in range(_RUNS):
            for name, write in WRITERS.items():
                seconds[name].append(_cpu_seconds(write, splats, paths[name]))
        _compare(*paths.values())
    best = {name: min(runs) for name, runs in seconds.items()}
    ratio = best["upstream"] / best["ours"]
    _print(best, ratio)
    found = {"gaussians": GAUSSIANS, "goal": GOAL, "ratio": round(ratio, 1), "cpu_seconds": best}
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(found, indent=2) + "\n")


def _ours(splats: Splats, path: Path) -> None:
    with path.open("wb") as file:
        write_ply(splats, file)


def _upstream(splats: Splats, path: Path) -> None:
    columns = (
        splats.centres,
        np.zeros_like(splats.centres),
        (splats.colours - 0.5) / SH_C0,
        np.log(splats.opacities / (1 - splats.opacities))[:, None],
        np.log(splats.scales),
        splats.rotations,
    )
    elements = np.empty(len(splats), dtype=[(name, "f4") for name in PROPERTIES])
    elements[:] = list(map(tuple, np.concatenate(columns, axis=1)))
    PlyData([PlyElement.describe(elements, "vertex")]).write(path)


WRITERS: dict[str, Callable[[Splats, Path], None]] = {"ours": _ours, "upstream": _upstream}


def _splats(count: int) -> Splats:
    rng = np.random.default_rng(0)
    rotations = rng.normal(size=(count, 4))
    return Splats(
        centres=rng.uniform(-0.5, 0.5, (count, 3)).astype(np.float32),
        scales=rng.uniform(1e-3, 1e-2, (count, 3)).astype(np.float32),
        rotations=(rotations / np.linalg.norm(rotations, axis=1, keepdims=True)).astype(np.float32),
        opacities=rng.uniform(0.01, 0.99, count).astype(np.float32),
        colours=rng.uniform(0, 1, (count, 3)).astype(np.float32),
    )


def _cpu_seconds(write: Callable[[Splats, Path], None], splats: Splats, path: Path) -> float:
    start = time.process_time()
    write(splats, path)
    return round(time.process_time() - start, 4)


def _compare(ours: Path, theirs: Path) -> None:
    size = 4 * GAUSSIANS * len(PROPERTIES)
    one, other = ours.read_bytes(), theirs.read_bytes()
    assert one[:-size] == other[:-size]
    values, expected = (np.frombuffer(data[-size:], "<f4") for data in (one, other))
    np.testing.assert_allclose(values, expected, atol=1e-5)


def _print(best: dict[str, float], ratio: float) -> None:
    table = Table(title=f"{GAUSSIANS:,} Gaussians to a PLY file, CPU seconds")
    for column in ("ours", "upstream's way", "ratio", "goal"):
        table.add_column(column, justify="right")
    told = f"{ratio:.1f}"
    table.add_row(
        f"{best['ours']:.2f}",
        f"{best['upstream']:.2f}",
        told if ratio >= GOAL else f"[red]{told}[/red]",
        f"{GOAL:.0f}",
    )
    console.print(table)


if __name__ == "__main__":
    main()
