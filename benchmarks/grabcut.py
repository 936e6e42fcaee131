"""The baseline of `benchmarks.clicks`: OpenCV's GrabCut, from clicks or from a box."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from gen3d_inference.engines import MaskArray, Photo

from benchmarks.click_protocol import Click

_LONG_SIDE = 512
_PROBABLE, _CERTAIN = 40, 5
"""Radii of the discs around a click, in px at the long side above."""
_ITERATIONS = 3


class GrabCut:
    """A photo that can be clicked in its own px."""

    def __init__(self, photo: Photo) -> None:
        self.height, self.width = photo.shape[:2]
        self._scale = _LONG_SIDE / max(self.width, self.height)
        size = (round(self.width * self._scale), round(self.height * self._scale))
        self._small = cv2.resize(photo[..., ::-1].copy(), size, interpolation=cv2.INTER_AREA)

    def mask(self, clicks: Sequence[Click]) -> MaskArray:
        """From clicks: discs around them as probable and certain object or background; all else is probable
        background."""
        labels = np.full(self._small.shape[:2], cv2.GC_PR_BGD, np.uint8)
        places = [(round(c.x * self._scale - 0.5), round(c.y * self._scale - 0.5), c.label) for c in clicks]
        for x, y, label in places:
            if label == 1:
                cv2.circle(labels, (x, y), _PROBABLE, cv2.GC_PR_FGD, -1)
        for x, y, label in places:
            cv2.circle(labels, (x, y), _CERTAIN, cv2.GC_FGD if label == 1 else cv2.GC_BGD, -1)
        return self._cut(labels, (0, 0, 1, 1), cv2.GC_INIT_WITH_MASK)  # which reads no rectangle

    def box_mask(self, box: Sequence[Click]) -> MaskArray:
        """From a box alone: background outside of it."""
        low, high = (np.rint(np.array(corner[:2]) * self._scale).astype(int) for corner in box)
        labels = np.zeros(self._small.shape[:2], np.uint8)
        rectangle = (*low.tolist(), *np.maximum(high - low, 1).tolist())
        return self._cut(labels, rectangle, cv2.GC_INIT_WITH_RECT)

    def _cut(
        self,
        labels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]],
        rectangle: tuple[int, ...],
        mode: int,
    ) -> MaskArray:
        cv2.setRNGSeed(0)
        models = np.zeros((1, 65)), np.zeros((1, 65))
        cv2.grabCut(self._small, labels, rectangle, *models, _ITERATIONS, mode)
        taken = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
        full = cv2.resize(taken, (self.width, self.height), interpolation=cv2.INTER_NEAREST)
        return np.asarray(full > 0)
