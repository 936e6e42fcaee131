"""A photo of two discs on grey with its real embedding, as the endpoint writes it."""

from __future__ import annotations

from functools import cache

import numpy as np
from gen3d_inference.engines.classical import ClassicalSegmenter
from gen3d_inference.tasks import manifest
from numpy.typing import NDArray

WIDTH, HEIGHT = 512, 384
RED, BLUE = (130, 190), (380, 190)
RADIUS = 90
RED_BOX = (30.0, 90.0, 230.0, 290.0)
BLUE_BOX = (280.0, 90.0, 480.0, 290.0)


def disc(centre: tuple[int, int]) -> NDArray[np.bool_]:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    inside: NDArray[np.bool_] = (columns - centre[0]) ** 2 + (rows - centre[1]) ** 2 < RADIUS**2
    return inside


def picture() -> NDArray[np.uint8]:
    photo = np.full((HEIGHT, WIDTH, 3), 190, np.uint8)
    photo[disc(RED)] = (190, 30, 30)
    photo[disc(BLUE)] = (30, 40, 180)
    return photo


@cache
def files() -> dict[str, bytes]:
    """`manifest.json`, `embedding.safetensors` and a file for each graph; made once, for reading only."""
    segmenter = ClassicalSegmenter()
    embedding = segmenter.embed(picture())
    return {
        "manifest.json": manifest(segmenter.engine, embedding, WIDTH, HEIGHT).model_dump_json().encode(),
        "embedding.safetensors": embedding.content,
        **{f"{role}.onnx": graph for role, graph in embedding.decoder.items()},
    }
