"""Open3D without its browser viewers.

`import open3d` runs `open3d.visualization.draw_plotly`, which imports dash, plotly and IPython: half of the
import's time, and forty packages that the image would have to carry. Nothing here draws in a browser, so an
empty module takes that one's place. Where Open3D is loaded already, this changes nothing.
"""

from __future__ import annotations

import sys
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

_VIEWER = "open3d.visualization.draw_plotly"

if _VIEWER not in sys.modules:
    viewer = ModuleType(_VIEWER)
    for name in ("get_plotly_fig", "draw_plotly", "draw_plotly_server"):
        setattr(viewer, name, None)
    sys.modules[_VIEWER] = viewer

import open3d as o3d  # noqa: E402

__all__ = ["o3d", "tensor"]


def tensor(array: NDArray[np.generic]) -> o3d.core.Tensor:
    """The array as Open3D takes it, of the same type."""
    return o3d.core.Tensor.from_numpy(np.ascontiguousarray(array))
