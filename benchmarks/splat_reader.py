"""The reader of splat files beside plyfile and Open3D: `python -m benchmarks.splat_reader`, in `make bench`.

Each turns the same file into float32 arrays: places, colours, opacities, scales, rotations, all checked to be
finite. Nobody waits for a disk: ours has the bytes, as it has them from S3; plyfile maps the file, which
is in the page cache, for it is hundreds of times slower from bytes. CPU seconds, the best of several runs.

Prints a table, and writes out/bench/splat_reader.json.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from gen3d_local.cloud import ROOT
from gen3d_meshing.formats.splat import PROPERTIES
from gen3d_meshing.lean_open3d import o3d
from gen3d_meshing.splat import VALUES, Floats, read_splat
from plyfile import PlyData
from rich.console import Console
from rich.table import Table

RESULT = ROOT / "out" / "bench" / "splat_reader.json"
BINARY, ASCII = 500_000, 100_000
BINARY_GOAL, ASCII_GOAL = 2.0, 5.0
_RUNS = 9

_FIELDS = (VALUES[0:3], VALUES[3:6], VALUES[6:7], VALUES[7:10], VALUES[10:14])

console = Console()


def main() -> None:
    rng = np.random.default_rng(0)
    found = {}
    with TemporaryDirectory() as folder:
        for name, count, goal, content in (
            ("binary, little-endian", BINARY, BINARY_GOAL, _binary("<")),
            ("binary, big-endian", BINARY, BINARY_GOAL, _binary(">")),
            ("ASCII", ASCII, ASCII_GOAL, _ascii),
        ):
            path = Path(folder) / "splat.ply"
            path.write_bytes(content(rng.normal(size=(count, len(PROPERTIES))).astype(np.float32)))
            found[name] = {
                "gaussians": count,
                "goal": goal,
                **{reader: _cpu_seconds(read, path) for reader, read in READERS.items()},
            }
    _print(found)
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(found, indent=2) + "\n")


def _ours(path: Path, content: bytes) -> list[Floats]:
    """All in one array, a row a Gaussian; their range is checked too."""
    return [read_splat(content)[0].values]


def _plyfile(path: Path, content: bytes) -> list[Floats]:
    vertex = PlyData.read(path)["vertex"]
    return _finite(
        [np.stack([vertex[name] for name in names], axis=1, dtype=np.float32) for names in _FIELDS]
    )


def _open3d(path: Path, content: bytes) -> list[Floats]:
    """Open3D puts columns together by their names."""
    point = o3d.t.io.read_point_cloud(path).point
    return _finite([point[name].numpy() for name in ("positions", "f_dc", "opacity", "scale", "rot")])


READERS = {"ours": _ours, "plyfile": _plyfile, "Open3D": _open3d}


def _finite(arrays: list[Floats]) -> list[Floats]:
    if not all(np.isfinite(array).all() for array in arrays):
        raise ValueError("a value is not finite")
    return arrays


def _cpu_seconds(read: Callable[[Path, bytes], list[Floats]], path: Path) -> float:
    content = path.read_bytes()
    seconds = []
    for _ in range(_RUNS):
        start = time.process_time()
        arrays = read(path, content)
        seconds.append(time.process_time() - start)
        assert sum(array.size for array in arrays) % len(VALUES) == 0
    return round(min(seconds), 4)


def _header(encoding: str, count: int) -> bytes:
    lines = ["ply", f"format {encoding} 1.0", f"element vertex {count}"]
    return "\n".join([*lines, *(f"property float {name}" for name in PROPERTIES), "end_header\n"]).encode()


def _binary(order: str) -> Callable[[Floats], bytes]:
    encoding = "binary_little_endian" if order == "<" else "binary_big_endian"
    return lambda rows: _header(encoding, len(rows)) + rows.astype(f"{order}f4").tobytes()


def _ascii(rows: Floats) -> bytes:
    text = io.BytesIO()
    np.savetxt(text, rows, fmt="%.9g")
    return _header("ascii", len(rows)) + text.getvalue()


def _print(found: dict[str, Any]) -> None:
    table = Table(title="Splat PLY to arrays, CPU ms; in brackets how many times slower than ours")
    for column in ("file", "Gaussians", "ours", "plyfile", "goal", "Open3D"):
        table.add_column(column, justify="left" if column == "file" else "right")
    for name, row in found.items():
        times = {reader: row[reader] / row["ours"] for reader in READERS}
        plyfile = f"{1000 * row['plyfile']:.0f} ({times['plyfile']:.1f})"
        table.add_row(
            name,
            f"{row['gaussians']:,}",
            f"{1000 * row['ours']:.0f}",
            plyfile if times["plyfile"] >= row["goal"] else f"[red]{plyfile}[/red]",
            f"{row['goal']:.0f}",
            f"{1000 * row['Open3D']:.0f} ({times['Open3D']:.1f})",
        )
    console.print(table)


if __name__ == "__main__":
    main()
