"""Several objects on an even ground: each click and each box means its own one."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.click_protocol import Click, Clicks, box_of, overlap
from tests.unit.client import clickable


@pytest.mark.parametrize("noise", [0.0, 1.0, 4.0])
def test_each_of_two_objects_is_taken_alone(noise: float) -> None:
    """Flat colours as of a drawing, a rendering without noise, and a photo."""
    grain = np.random.default_rng(1).normal(0, noise, (clickable.HEIGHT, clickable.WIDTH, 3))
    clicks = Clicks((clickable.picture() + grain).clip(0, 255).astype(np.uint8))
    for centre in (clickable.RED, clickable.BLUE):
        truth = clickable.disc(centre)
        assert overlap(clicks.mask([Click(*centre, 1)]), truth) > 0.95
        assert overlap(clicks.mask(box_of(truth)), truth) > 0.95
        assert overlap(clicks.mask([Click(*centre, 1), *box_of(truth)]), truth) > 0.95
