"""Test vectors of the mask maths (masks.py) for other languages: `python -m gen3d.mask_vectors` writes them.

Each vector: logits [h][w], width, height, threshold; and the mask as rows of `#` (inside) and `.`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from gen3d.masks import Logits, mask_of

FILE = Path(__file__).parents[1] / "vectors" / "masks.json"


def vectors() -> list[dict[str, Any]]:
    """Each part of the maths on its own, and all of it together."""
    rng = np.random.default_rng(7)
    corner = _logits([[4, -4], [-4, -4]])
    ring = np.full((8, 8), 2.0, np.float32)
    pierced = np.full((24, 24), 3.0, np.float32)
    pierced[5:7, 5:6] = -3  # as large as a hole may be that is filled: 2 px
    pierced[10, 10] = pierced[11, 11] = -3  # joined over a corner only: two holes
    pierced[15:18, 15:18] = -3
    open_to_the_side = np.full((24, 24), 3.0, np.float32)
    open_to_the_side[12, 0] = -3
    ring[2:6, 2:6] = -2
    smooth = np.cumsum(np.cumsum(rng.normal(size=(12, 16)), axis=0), axis=1).astype(np.float32)
    return [
        _vector("one px up to many", _logits([[1]]), 3, 2),
        _vector("the same size", corner, 2, 2),
        _vector("up by a whole number", corner, 8, 8),
        _vector("up by a broken number, wide", corner, 7, 3),
        _vector("down", smooth, 5, 4, float(np.median(smooth))),
        _vector("a threshold of its own", corner, 9, 9, 1.5),
        _vector("what equals the threshold is outside", _logits([[0, 1]]), 2, 1),
        _vector("a large hole stays", ring, 16, 16),
        _vector("small holes are filled", pierced, 24, 24),
        _vector("a notch is no hole", open_to_the_side, 24, 24),
        _vector("nothing", _logits([[-1, -1]]), 4, 4),
        _vector("a landscape", smooth, 40, 30, float(np.median(smooth))),
    ]


def text() -> str:
    lines = ",\n".join(json.dumps(vector) for vector in vectors())
    return f"[\n{lines}\n]\n"


def _logits(rows: list[list[float]]) -> Logits:
    return np.array(rows, np.float32)


def _vector(name: str, logits: Logits, width: int, height: int, threshold: float = 0.0) -> dict[str, Any]:
    rounded = logits.astype(np.float64).round(3).astype(np.float32)
    threshold = round(threshold, 3)
    mask = mask_of(rounded, width, height, threshold)
    return {
        "name": name,
        "logits": [[round(float(value), 3) for value in row] for row in rounded],
        "width": width,
        "height": height,
        "threshold": threshold,
        "mask": ["".join("#" if inside else "." for inside in row) for row in mask],
    }


def main() -> int:
    """Write the file; with --check only say whether it is what this code gives."""
    if "--check" in sys.argv[1:]:
        if FILE.read_text() == text():
            return 0
        print(f"{FILE} is out of date: run python -m gen3d.mask_vectors", file=sys.stderr)
        return 1
    FILE.write_text(text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
