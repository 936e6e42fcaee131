"""Writes to a folder what the classical segmenter makes of a small picture, and masks by the Python client."""

import json
import sys
from pathlib import Path

import numpy as np
from gen3d.clicks import Clicks
from gen3d_inference.engines.classical import ClassicalSegmenter
from gen3d_inference.tasks import manifest
from safetensors.numpy import save

WIDTH, HEIGHT = 200, 150
PROMPTS = [
    {"points": [[60, 70, 1]]},
    {"points": [[60, 70, 1], [150, 90, 0]]},
    {"points": [[150, 90, 1]]},
    {"points": [[150, 90, 1], [60, 70, 1], [10, 10, 0]]},
    {"box": [110, 50, 190, 130]},
    {"points": [[60, 70, 1]], "box": [20, 30, 100, 110]},
]


def main(folder: Path) -> None:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    photo = np.stack([200 + x // 8, 205 + y // 8, np.full_like(x, 210)], axis=-1).astype(np.uint8)
    photo[(x - 60) ** 2 + (y - 70) ** 2 < 35**2] = (190, 40, 40)
    photo[(abs(x - 150) < 30) & (abs(y - 90) < 35)] = (30, 90, 160)
    segmenter = ClassicalSegmenter()
    embedding = segmenter.embed(photo)
    tensors, graph = save(embedding.tensors), embedding.decoder["decode"]
    text = manifest(segmenter.engine, embedding, WIDTH, HEIGHT).model_dump_json()
    clicks = Clicks(text.encode(), tensors, {"decode": graph})
    cases = []
    for prompt in PROMPTS:
        boxes = [prompt["box"]] if "box" in prompt else []
        (found,) = clicks.segment(prompt.get("points", []), boxes)
        masks = [found.mask(candidate) for candidate in range(4)]
        cases.append(
            prompt
            | {
                "scores": [float(score) for score in found.scores],
                "masks": ["".join("#" if inside else "." for inside in mask.ravel()) for mask in masks],
            }
        )
    (folder / "manifest.json").write_text(text)
    (folder / "embedding.safetensors").write_bytes(tensors)
    (folder / "decode.onnx").write_bytes(graph)
    (folder / "cases.json").write_text(json.dumps(cases))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
