"""Writes to a folder what the segmenter `classical` makes of a picture, and the Python client's masks.

`embed.py FOLDER [PHOTO [coarse]]`: a photo of its own: no masks; `coarse`: a tensor for previews, too.
"""

import json
import sys
from pathlib import Path

import numpy as np
from gen3d.clicks import Clicks
from gen3d_inference.engines import Photo
from gen3d_inference.engines.classical import ClassicalSegmenter
from gen3d_inference.tasks import manifest
from PIL import Image
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


BLOCK = 16


def main(folder: Path, photo: Path | None = None, *, coarse: bool = False) -> None:
    picture = _drawn() if photo is None else np.asarray(Image.open(photo).convert("RGB"))
    segmenter = ClassicalSegmenter()
    embedding = segmenter.embed(picture)
    if coarse:
        embedding.tensors["coarse_superpixels"] = _in_blocks(embedding.tensors["superpixels"])
    tensors, graph = save(embedding.tensors), embedding.decoder["decode"]
    text = manifest(segmenter.engine, embedding, picture.shape[1], picture.shape[0]).model_dump_json()
    (folder / "manifest.json").write_text(text)
    (folder / "embedding.safetensors").write_bytes(tensors)
    (folder / "decode.onnx").write_bytes(graph)
    if photo is None:
        cases = _cases(Clicks(text.encode(), tensors, {"decode": graph}))
        (folder / "cases.json").write_text(json.dumps(cases))


def _in_blocks(superpixels: np.ndarray) -> np.ndarray:
    """Each block of px belongs to the superpixel of its first one: masks with edges like stairs."""
    return superpixels[..., ::BLOCK, ::BLOCK].repeat(BLOCK, -2).repeat(BLOCK, -1)


def _drawn() -> Photo:
    """A red disc and a blue square on light grey."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    photo = np.stack([200 + x // 8, 205 + y // 8, np.full_like(x, 210)], axis=-1).astype(np.uint8)
    photo[(x - 60) ** 2 + (y - 70) ** 2 < 35**2] = (190, 40, 40)
    photo[(abs(x - 150) < 30) & (abs(y - 90) < 35)] = (30, 90, 160)
    return photo


def _cases(clicks: Clicks) -> list[dict[str, object]]:
    cases = []
    for prompt in PROMPTS:
        boxes = [prompt["box"]] if "box" in prompt else []
        (found,) = clicks.segment(prompt.get("points", []), boxes)
        masks = [found.mask(candidate) for candidate in range(4)]
        rows = ["".join("#" if inside else "." for inside in mask.ravel()) for mask in masks]
        cases.append(prompt | {"scores": found.scores.tolist(), "masks": rows})
    return cases


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]), coarse=sys.argv[3:] == ["coarse"])
