"""The endpoint's server with engines that remember: each computes once and then answers at once.

So what the benchmark measures is everything around the models. Runs in the laptop cloud in the place of
`gen3d_inference.server`, and is in no image.
"""

from __future__ import annotations

import os

from gen3d_events.models import Quality
from gen3d_inference.engines import Embedding, MaskArray, Photo, choose_reconstructor, choose_segmenter
from gen3d_inference.ply import Splats
from gen3d_inference.server import serve
from gen3d_inference.tasks import Workshop


class StoredSegmenter:
    """The chosen segmenter's first embedding, for every photo."""

    def __init__(self) -> None:
        self._segmenter = choose_segmenter(os.environ)
        self._stored: Embedding | None = None
        self.engine = self._segmenter.engine

    def embed(self, photo: Photo) -> Embedding:
        self._stored = self._stored or self._segmenter.embed(photo)
        return self._stored


class StoredReconstructor:
    """The chosen reconstructor's first splats, for every photo and mask."""

    def __init__(self) -> None:
        self._reconstructor = choose_reconstructor(os.environ)
        self._stored: Splats | None = None
        self.engine = self._reconstructor.engine

    def reconstruct(self, photo: Photo, mask: MaskArray, quality: Quality, seed: int) -> Splats:
        self._stored = self._stored or self._reconstructor.reconstruct(photo, mask, quality, seed)
        return self._stored


if __name__ == "__main__":
    workshop = Workshop(StoredSegmenter(), StoredReconstructor(), os.environ["MODEL_BUCKET"])
    serve(workshop, "127.0.0.1", int(os.environ["PORT"]))
