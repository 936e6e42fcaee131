"""Masks of clicks and boxes against the truth: `python -m benchmarks.clicks`, a part of `make bench`.

1. Photos of scenes with true masks, if there are any in ../shared/eval: the overlap after 1, 3 and 5 clicks
   and from the true bounding box, for ours and for OpenCV's GrabCut in the same run.
2. Product photos, the demo's and ten that we render: the overlap after one click.
3. Seconds of embedding, milliseconds of decoding and file sizes at 1024 px, with one thread.

Prints tables, and writes out/bench/clicks.json.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
from gen3d_inference.engines import MaskArray, Photo
from gen3d_inference.engines.classical import ClassicalSegmenter
from gen3d_local.cloud import ROOT
from gen3d_local.demo_scene import SCENE
from PIL import Image
from rich.console import Console
from rich.table import Table
from safetensors.numpy import save

from benchmarks.click_protocol import (
    CLICKS,
    Click,
    Clicks,
    Predictor,
    box_of,
    innermost,
    interaction,
    overlap,
)
from benchmarks.grabcut import GrabCut
from benchmarks.product_photos import photos

SCENES = ROOT.parent / "shared" / "eval"
RESULT = ROOT / "out" / "bench" / "clicks.json"
RATIO_GOAL, PRODUCT_GOAL = 1.25, 0.95
EMBED_GOAL_SECONDS, DECODE_GOAL_MS, FILE_GOAL_BYTES = 3.0, 20.0, 3_000_000
_EMBEDDINGS, _DECODINGS = 3, 60

console = Console()


def main() -> None:
    cv2.setNumThreads(1)
    found: dict[str, Any] = {"machine": f"{platform.machine()}, {os.cpu_count()} CPUs"}
    if SCENES.is_dir():
        found["scenes"] = scenes = _scenes()
        _print_scenes(scenes)
    else:
        console.print(f"There are no photos with true masks in {SCENES}: that part is left out.")
    found["products"] = products = dict(_products())
    _print_products(products)
    found["cost"] = cost = _cost()
    _print_cost(cost)
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(found, indent=2) + "\n")


def scene_masks(folder: Path) -> tuple[Photo, list[MaskArray]]:
    """A folder's photo and its true masks."""
    photo = np.asarray(Image.open(folder / "image.jpg").convert("RGB"))
    paths = sorted(folder.glob("*.png"), key=lambda path: int(path.stem))
    return photo, [np.asarray(Image.open(path).convert("L")) > 0 for path in paths]


def _scenes() -> dict[str, Any]:
    """Mean overlaps by method: after each click, and from the box alone."""
    clicked: dict[str, list[list[float]]] = {"ours": [], "GrabCut": []}
    boxed: dict[str, list[float]] = {"ours": [], "GrabCut": []}
    for folder in sorted(path for path in SCENES.iterdir() if path.is_dir()):
        photo, masks = scene_masks(folder)
        ours, theirs = Clicks(photo), GrabCut(photo)
        methods: dict[str, tuple[Predictor, Predictor]] = {
            "ours": (ours.mask, ours.mask),
            "GrabCut": (theirs.mask, theirs.box_mask),
        }
        for name, (from_clicks, from_box) in methods.items():
            clicked[name] += [list(interaction(from_clicks, truth)) for truth in masks]
            boxed[name] += [overlap(from_box(box_of(truth)), truth) for truth in masks]
    return {
        name: {
            "masks": len(boxed[name]),
            "clicks": np.mean(clicked[name], axis=0).round(4).tolist(),
            "box": round(statistics.mean(boxed[name]), 4),
        }
        for name in clicked
    }


def _products() -> Iterator[tuple[str, float]]:
    """The overlap after one click in the innermost place, by photo."""
    demo = np.asarray(Image.open(SCENE / "photo.jpg").convert("RGB"))
    truth = np.asarray(Image.open(SCENE / "mask.png").convert("L")) > 0
    for name, photo, mask in [("the demo's bottle", demo, truth), *photos()]:
        x, y, _ = innermost(mask)
        yield name, round(overlap(Clicks(photo).mask([Click(x + 0.5, y + 0.5, 1)]), mask), 4)


def _cost() -> dict[str, float]:
    """At the demo's photo, 1024 px: seconds and milliseconds are medians."""
    photo = np.asarray(Image.open(SCENE / "photo.jpg").convert("RGB"))
    seconds = []
    for _ in range(_EMBEDDINGS):
        start = time.process_time()
        embedding = ClassicalSegmenter().embed(photo)
        seconds.append(time.process_time() - start)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    graph = embedding.decoder["decode"]
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    width, height = embedding.mask_size
    fed = embedding.tensors | {
        "point_coords": np.array([[[width / 2, height / 2], [width / 4, height / 4]]], np.float32),
        "point_labels": np.array([[1, 0]], np.float32),
        "mask_input": np.zeros((1, 1, height, width), np.float32),
        "has_mask_input": np.zeros(1, np.float32),
    }
    session.run(None, fed)
    milliseconds = []
    for _ in range(_DECODINGS):
        start = time.perf_counter()
        session.run(None, fed)
        milliseconds.append(1000 * (time.perf_counter() - start))
    return {
        "embed_cpu_seconds": round(statistics.median(seconds), 3),
        "decode_ms": round(statistics.median(milliseconds), 2),
        "embedding_bytes": len(save(embedding.tensors)),
        "decoder_bytes": len(graph),
    }


def _print_scenes(scenes: dict[str, Any]) -> None:
    ours, theirs = scenes["ours"], scenes["GrabCut"]
    table = Table(title=f"Scenes: mean IoU of {ours['masks']} masks")
    for column in ("prompt", "ours", "GrabCut", "ratio", "goal"):
        table.add_column(column, justify="left" if column == "prompt" else "right")
    rows = [(f"{n} clicks", ours["clicks"][n - 1], theirs["clicks"][n - 1], RATIO_GOAL) for n in CLICKS]
    for prompt, own, other, goal in [*rows, ("box alone", ours["box"], theirs["box"], 1.0)]:
        ratio = own / max(other, 1e-9)
        table.add_row(
            prompt, f"{own:.3f}", f"{other:.3f}", _judged(f"{ratio:.2f}", ratio >= goal), f"{goal:.2f}"
        )
    console.print(table)
    rising = ours["clicks"][0] <= ours["clicks"][2] <= ours["clicks"][4]
    console.print(f"The mean {'rises' if rising else 'does not rise'} from 1 to 3 to 5 clicks.")


def _print_products(products: dict[str, float]) -> None:
    table = Table(title=f"Product photos: IoU after one click; goal {PRODUCT_GOAL}")
    table.add_column("photo")
    table.add_column("IoU", justify="right")
    for name, value in products.items():
        table.add_row(name, _judged(f"{value:.3f}", value >= PRODUCT_GOAL))
    console.print(table)


def _print_cost(cost: dict[str, float]) -> None:
    table = Table(title="Cost at 1024 px, one thread")
    for column in ("what", "figure", "goal"):
        table.add_column(column, justify="left" if column == "what" else "right")
    seconds, ms, size = cost["embed_cpu_seconds"], cost["decode_ms"], cost["embedding_bytes"]
    table.add_row(
        "embed, CPU s", _judged(f"{seconds:.2f}", seconds < EMBED_GOAL_SECONDS), f"{EMBED_GOAL_SECONDS:.0f}"
    )
    table.add_row("decode, ms (p50)", _judged(f"{ms:.1f}", ms < DECODE_GOAL_MS), f"{DECODE_GOAL_MS:.0f}")
    table.add_row("embedding file, MB", _judged(f"{size / 1e6:.2f}", size < FILE_GOAL_BYTES), "3")
    table.add_row("decoder file, MB", f"{cost['decoder_bytes'] / 1e6:.2f}", "")
    console.print(table)


def _judged(text: str, good: bool) -> str:
    return text if good else f"[red]{text}[/red]"


if __name__ == "__main__":
    main()
