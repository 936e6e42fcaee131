"""What a freshly loaded engine computes before it counts as ready."""

from __future__ import annotations

import numpy as np
from gen3d_events.models import Quality

from gen3d_inference.engines import Detector, MaskArray, Photo, Reconstructor, Segmenter

_WIDTH, _HEIGHT, _RADIUS = 320, 240, 80
_LIGHT = np.array([-0.5, -0.5, 0.7])


def embed_once(segmenter: Segmenter) -> None:
    segmenter.embed(ball()[0])


def reconstruct_once(reconstructor: Reconstructor) -> None:
    reconstructor.reconstruct(*ball(), Quality.FAST, seed=0)


def detect_once(detector: Detector) -> None:
    detector.detect(ball()[0], "ball", most=1)


def ball() -> tuple[Photo, MaskArray]:
    """A lit red ball before a wall that darkens downwards, and its mask: something that has a shape."""
    row, column = np.mgrid[0:_HEIGHT, 0:_WIDTH]
    x, y = (column - _WIDTH / 2) / _RADIUS, (row - _HEIGHT / 2) / _RADIUS
    mask = x**2 + y**2 < 1
    normal = np.stack([x, y, np.sqrt(np.clip(1 - x**2 - y**2, 0, None))], axis=-1)
    light = 0.25 + 0.75 * np.clip(normal @ _LIGHT, 0, 1)
    wall = np.repeat((230 - 90 * row / _HEIGHT)[..., None], 3, axis=-1)
    photo = np.where(mask[..., None], light[..., None] * (210, 60, 50), wall)
    return photo.astype(np.uint8), mask
