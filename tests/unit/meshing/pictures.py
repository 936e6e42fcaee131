"""Small pictures where they are not looked at: drawn in full, they take most of meshing's time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from unittest.mock import patch

from gen3d_meshing.preview import still, turntable


@contextmanager
def small_pictures() -> Iterator[None]:
    """Meanwhile a run of the pipeline draws stills of 96 px and turntables of 32 px."""
    with (
        patch("gen3d_meshing.pipeline.still", partial(still, size=96)),
        patch("gen3d_meshing.pipeline.turntable", partial(turntable, size=32)),
    ):
        yield
