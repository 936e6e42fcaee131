"""The weight-free segmenter: hand-made features of a photo, from which `click_decoder` makes masks."""

from __future__ import annotations

import numpy as np
from gen3d_events.models import Engine
from numpy.typing import NDArray
from PIL import Image, ImageCms
from scipy import sparse
from scipy.ndimage import gaussian_filter, median_filter, uniform_filter
from scipy.sparse.csgraph import dijkstra

from gen3d_inference.engines import Embedding, Photo
from gen3d_inference.engines.click_decoder import COARSE, FINER, click_decoder
from gen3d_inference.engines.regions import regions

_LONG_SIDE = 256
_SHORTEST = 16
_UNIT = 10.0
"""Difference of colours (CIE Lab) that counts as 1 in the features."""
_FINE, _COARSE_COLOUR, _TEXTURE = 0.6, 0.8, 0.5
"""Weights of a px's own colour, of its surroundings' colour and of their contrast."""
_NOISE = 2.0
"""Difference of neighbouring px that is no edge, CIE Lab."""

Plane = NDArray[np.float32]


class ClassicalSegmenter:
    """Colour, texture and edges at 256 px on the long side; no model."""

    engine = Engine(name="classical", version="1.0", weight_free=True)

    def embed(self, photo: Photo) -> Embedding:
        """The tensors `features` float16 [1, 9, h, w]: 7 channels in which the distance of two px says how
        unlike they are (Lab colour, median Lab colour, contrast), how well a px is walled off from the border
        of the photo, how strong an edge it lies on; `border_calm` float16 [1], 1 for an even border; and of
        the regions (see `regions`) `superpixels` [1, 1, 2h, 2w], `members` uint8 [1, s, t], `region_facts`
        [1, t, 7] (prior, radius, log area, box) and `outlines` [1, s, 16, 2]."""
        width, height = _working_size(photo.shape[1], photo.shape[0])
        mask_size = (width * FINER, height * FINER)
        whole = Image.fromarray(photo)
        finer_lab = _lab(whole.resize(mask_size, Image.Resampling.BOX, reducing_gap=2.0))
        lab = _lab(whole.resize((width, height), Image.Resampling.BOX, reducing_gap=2.0))
        fine = gaussian_filter(lab, (0.7, 0.7, 0))
        surroundings = median_filter(lab, size=(7, 7, 1))
        lightness = lab[..., 0]
        variance = uniform_filter(lightness**2, 7) - uniform_filter(lightness, 7) ** 2
        contrast = np.sqrt(np.maximum(variance, 0.0))
        features = np.concatenate(
            [
                fine * (_FINE / _UNIT),
                surroundings * (_COARSE_COLOUR / _UNIT),
                contrast[..., None] * (_TEXTURE / _UNIT),
                _walled_off(fine)[..., None] / _UNIT,
                _edges(fine)[..., None] / _UNIT,
            ],
            axis=-1,
        )
        calm = _calm(fine)
        finer = gaussian_filter(finer_lab, (0.7, 0.7, 0))
        found = regions(finer_lab, _edges(finer), float(calm[0]))
        facts = [found.prior, found.radius, found.log_area, *found.boxes.T]
        return Embedding(
            tensors={
                "features": np.ascontiguousarray(features.transpose(2, 0, 1)[None], dtype=np.float16),
                "border_calm": calm,
                "superpixels": found.labels[None, None].astype(np.float16),
                "members": np.ascontiguousarray(found.members.T[None], dtype=np.uint8),
                "region_facts": np.stack(facts, axis=1)[None].astype(np.float16),
                "outlines": found.outlines[None].astype(np.float16),
            },
            input_size=mask_size,
            mask_size=mask_size,
            preprocessing="RGB, stretched to {} x {} px by area averaging, no padding".format(*mask_size),
            decoder={"decode": click_decoder()},
        )


def _working_size(width: int, height: int) -> tuple[int, int]:
    scale = _LONG_SIDE / max(width, height)
    sides = (max(round(side * scale / COARSE) * COARSE, _SHORTEST) for side in (width, height))
    return next(sides), next(sides)


def _lab(image: Image.Image) -> Plane:
    """CIE Lab [h, w, 3] of an sRGB picture."""
    to_lab = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
    )
    converted = ImageCms.applyTransform(image, to_lab)
    if converted is None:
        raise RuntimeError("the colour transform returned no picture")
    lab = np.asarray(converted).astype(np.float32)
    lightness = lab[..., :1] * (100 / 255)
    chroma = np.where(lab[..., 1:] > 127, lab[..., 1:] - 256, lab[..., 1:])
    return np.concatenate([lightness, chroma], axis=-1)


def _calm(lab: Plane) -> NDArray[np.float16]:
    """How free of edges the photo's border is [1]: 1 for an even background, near 0 for a cluttered scene."""
    ring = np.concatenate([lab[0], lab[1:, -1], lab[-1, -2::-1], lab[-2:0:-1, 0]])
    steps = np.linalg.norm(np.diff(ring, axis=0), axis=-1)
    even = np.exp(-4 * np.maximum(steps - _NOISE, 0.0).mean())
    return np.array([np.clip((even - 0.2) / 0.6, 0, 1)], dtype=np.float16)


def _edges(lab: Plane) -> Plane:
    gradients = np.gradient(lab, axis=(0, 1))
    return np.asarray(np.sqrt(sum((g**2).sum(axis=-1) for g in gradients)), dtype=np.float32)


def _walled_off(lab: Plane) -> Plane:
    """For each px the least sum of edges [h, w] that any way from the photo's border to it must cross."""
    height, width = lab.shape[:2]
    number = np.arange(height * width).reshape(height, width)
    starts, ends, costs = [], [], []
    for a, b in (
        (np.s_[:, :-1], np.s_[:, 1:]),
        (np.s_[:-1, :], np.s_[1:, :]),
        (np.s_[:-1, :-1], np.s_[1:, 1:]),
        (np.s_[1:, :-1], np.s_[:-1, 1:]),
    ):
        step = np.linalg.norm(lab[a] - lab[b], axis=-1)
        starts.append(number[a].ravel())
        ends.append(number[b].ravel())
        costs.append((np.maximum(step - _NOISE, 0.0) ** 2 + 1e-3).ravel())
    graph = sparse.coo_array(
        (np.concatenate(costs), (np.concatenate(starts), np.concatenate(ends))), shape=(number.size,) * 2
    ).tocsr()
    border = np.concatenate([number[0], number[-1], number[:, 0], number[:, -1]])
    distance = dijkstra(graph, directed=False, indices=border, min_only=True)
    return np.asarray(np.sqrt(distance).reshape(height, width), dtype=np.float32)
