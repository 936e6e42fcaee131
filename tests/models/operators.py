"""torchvision's operators where it lacks them: its CUDA build cannot load them beside a CPU build of PyTorch.

A plugin of pytest (`-p`), because it must come before transformers, which imports torchvision.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import torch

_LIBRARY = torch.library.Library("torchvision", "FRAGMENT")
"""Operators live as long as their library."""
_NMS = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_ROI_ALIGN = (
    "(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, SymInt pooled_width, "
    "int sampling_ratio, bool aligned) -> Tensor"
)


def add_missing() -> None:
    """Give torchvision what it wants at import, and the one operator that SAM 3 calls for words."""
    found = importlib.util.find_spec("torchvision")
    if found is None or found.origin is None or _loads(Path(found.origin).with_name("_C.so")):
        return
    for name, arguments in {"nms": _NMS, "qnms": _NMS, "roi_align": _ROI_ALIGN}.items():
        _LIBRARY.define(name + arguments)
    _LIBRARY.impl("roi_align", _pool_nothing, "CPU")
    extension: Any = importlib.import_module("torchvision.extension")
    extension._has_ops = lambda: True


def _loads(library: Path) -> bool:
    try:
        torch.ops.load_library(library)
    except OSError:
        return False
    return True


def _pool_nothing(features: Any, boxes: Any, scale: float, height: int, width: int, *_: object) -> Any:
    """Words bring no boxes, so only the shape matters."""
    assert not len(boxes), "boxes need the operators of a torchvision built for this PyTorch"
    return features.new_zeros((0, features.shape[1], height, width))


add_missing()
