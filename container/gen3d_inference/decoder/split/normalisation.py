"""Layer normalisation in parts, for rows that are centred early and scaled late."""

from __future__ import annotations

from typing import Any

import torch

from gen3d_inference.decoder.contract import Tensor


def centred(rows: Tensor) -> Tensor:
    return rows - rows.mean(-1, keepdim=True)


def mean_square(rows: Tensor) -> Tensor:
    return (rows * rows).mean(-1, keepdim=True)


def scaled(norm: Any, rows: Tensor) -> Tensor:
    """Layer normalisation of rows whose mean is 0. ONNX Runtime makes one operator of this form."""
    return rows / torch.sqrt(rows.pow(2).mean(-1, keepdim=True) + norm.eps) * norm.weight + norm.bias


def normed(norm: Any, rows: Tensor) -> Tensor:
    return scaled(norm, centred(rows))
