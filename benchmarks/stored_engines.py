"""The endpoint's server with engines that remember: each computes once for a size of photo and then
answers at once.

So what the benchmark measures is everything around the models. Runs in the laptop cloud in the place of
`gen3d_inference.server`, and is in no image.
"""

from __future__ import annotations

import os

from gen3d_events.models import Quality
from gen3d_inference.engines import (
    Embedding,
    MaskArray,
    Photo,
    Reconstruction,
    reconstructor_maker,
    segmenter_maker,
)
from gen3d_inference.lifecycle import Models
from gen3d_inference.server import serve


class StoredSegmenter:
    """The chosen segmenter's first embedding, for every photo of its size."""

    def __init__(self) -> None:
        self._segmenter = segmenter_maker(os.environ)()
        self._stored: dict[tuple[int, ...], Embedding] = {}
        self.engine = self._segmenter.engine

    def embed(self, photo: Photo) -> Embedding:
        if photo.shape not in self._stored:
            self._stored[photo.shape] = self._segmenter.embed(photo)
        return self._stored[photo.shape]


class StoredReconstructor:
    """The chosen reconstructor's first splats, for every photo of its size, whatever the mask."""

    def __init__(self) -> None:
        self._reconstructor = reconstructor_maker(os.environ)()
        self._stored: dict[tuple[int, ...], Reconstruction] = {}
        self.engine = self._reconstructor.engine

    def reconstruct(self, photo: Photo, mask: MaskArray, quality: Quality, seed: int) -> Reconstruction:
        if photo.shape not in self._stored:
            self._stored[photo.shape] = self._reconstructor.reconstruct(photo, mask, quality, seed)
        return self._stored[photo.shape]


if __name__ == "__main__":
    models = Models(StoredSegmenter, StoredReconstructor, os.environ["MODEL_BUCKET"])
    serve(models, "127.0.0.1", int(os.environ["PORT"]))
