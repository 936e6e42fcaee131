"""What a freshly loaded engine computes before it counts as ready."""

from __future__ import annotations

import numpy as np
from gen3d_events.models import Quality

from gen3d_inference.engines import Detector, MaskArray, Photo, Reconstructor, Segmenter

_LIGHT = np.array([-0.5, -0.5, 0.7])


def embed_once(segmenter: Segmenter) -> None:
    # What the weight-free engine does goes with a photo's shape; for a model each costs the same.
    segmenter.embed(ball(height=80)[0])


def reconstruct_once(reconstructor: Reconstructor) -> None:
    reconstructor.reconstruct(*ball(), Quality.FAST, seed=0)


def detect_once(detector: Detector) -> None:
    detector.detect(ball()[0], "ball", most=1)


def ball(width: int = 320, height: int = 240) -> tuple[Photo, MaskArray]:
    """A lit red ball before a wall that darkens downwards, and its mask: something that has a shape."""
    radius = height / 3
    row, column = np.mgrid[0:height, 0:width]
    x, y = (column - width / 2) / radius, (row - height / 2) / radius
    mask = x**2 + y**2 < 1
    normal = np.stack([x, y, np.sqrt(np.clip(1 - x**2 - y**2, 0, None))], axis=-1)
    light = 0.25 + 0.75 * np.clip(normal @ _LIGHT, 0, 1)
    wall = np.repeat((230 - 90 * row / height)[..., None], 3, axis=-1)
    photo = np.where(mask[..., None], light[..., None] * (210, 60, 50), wall)
    return photo.astype(np.uint8), mask
