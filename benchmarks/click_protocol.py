"""How masks of clicks are measured: a photo to click, the overlap, and where the next click goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from gen3d.clicks import Decoder
from gen3d.masks import Logits, mask_of
from gen3d_inference.engines import MaskArray, Photo, Segmenter
from gen3d_inference.engines.classical import ClassicalSegmenter
from gen3d_inference.tasks import manifest
from scipy.ndimage import distance_transform_edt

CLICKS = (1, 3, 5)
"""Numbers of clicks after which the overlap is reported."""


class Click(NamedTuple):
    """x and y in px of the photo; label as the decoder takes it: 1 object, 0 background, 2 and 3 corners."""

    x: float
    y: float
    label: int


Predictor = Callable[[Sequence[Click]], MaskArray]
"""From all clicks so far to the mask at the photo's size."""


class Clicks:
    """A photo that can be clicked in its own px, decoded as a client does it."""

    def __init__(self, photo: Photo, segmenter: Segmenter | None = None) -> None:
        self.height, self.width = photo.shape[:2]
        segmenter = segmenter or ClassicalSegmenter()
        self.embedding = segmenter.embed(photo)
        self.manifest = manifest(segmenter.engine, self.embedding, self.width, self.height)
        self.decoder = Decoder(self.manifest, self.embedding.tensors, self.embedding.decoder)

    def logits(self, clicks: Sequence[Click], earlier: Logits | None = None) -> Logits:
        """The candidates' logits, float32 [4, h, w]. earlier [h, w]: logits of a mask made before."""
        given = np.array(clicks, np.float32).reshape(-1, 3)
        scale = np.array(
            [self.manifest.input_width / self.width, self.manifest.input_height / self.height], np.float32
        )
        masks: Logits = self.decoder.decode(given[:, :2] * scale, given[:, 2], earlier)["masks"][0]
        return masks

    def mask(self, clicks: Sequence[Click], candidate: int = 0) -> MaskArray:
        """The mask at the photo's size; it may be empty."""
        logits = self.logits(clicks)[candidate]
        return mask_of(logits, self.width, self.height, self.manifest.mask_threshold)


def overlap(mask: MaskArray, truth: MaskArray) -> float:
    """Intersection over union, 0..1."""
    return float((mask & truth).sum() / max(int((mask | truth).sum()), 1))


def innermost(region: MaskArray) -> tuple[int, int, float]:
    """x and y in px of the place farthest from the region's edge, and how far that is."""
    depth = distance_transform_edt(region)
    y, x = np.unravel_index(int(depth.argmax()), region.shape)
    return int(x), int(y), float(depth.max())


def box_of(mask: MaskArray) -> list[Click]:
    """The mask's bounding box as two corners, in px; the far corner lies beyond the last px."""
    ys, xs = np.nonzero(mask)
    return [
        Click(float(xs.min()), float(ys.min()), 2),
        Click(float(xs.max() + 1), float(ys.max() + 1), 3),
    ]


def interaction(predict: Predictor, truth: MaskArray, clicks: int = CLICKS[-1]) -> Iterator[float]:
    """The overlap after each click. The first click goes to the innermost place of the truth; each next one
    to the innermost place of the larger wrong region: on the object where it was missed, away from the object
    where the background was taken."""
    x, y, _ = innermost(truth)
    made = [_middle(x, y, 1)]
    for _ in range(clicks):
        mask = predict(made)
        yield overlap(mask, truth)
        made.append(_correction(mask, truth))


def _correction(mask: MaskArray, truth: MaskArray) -> Click:
    missed_x, missed_y, missed = innermost(truth & ~mask)
    taken_x, taken_y, taken = innermost(mask & ~truth)
    return _middle(missed_x, missed_y, 1) if missed >= taken else _middle(taken_x, taken_y, 0)


def _middle(x: int, y: int, label: int) -> Click:
    return Click(x + 0.5, y + 0.5, label)
