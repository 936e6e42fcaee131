"""Layer normalisation in parts, for rows that are centred early and scaled late, or never made."""

from __future__ import annotations

from typing import Any

import torch

from gen3d_inference.decoder.contract import Tensor


def centred(rows: Tensor) -> Tensor:
    return rows - rows.mean(-1, keepdim=True)


def scaled(norm: Any, rows: Tensor) -> Tensor:
    """Layer normalisation of rows whose mean is 0. ONNX Runtime makes one operator of this form."""
    return rows / torch.sqrt(rows.pow(2).mean(-1, keepdim=True) + norm.eps) * norm.weight + norm.bias


def normed(norm: Any, rows: Tensor) -> Tensor:
    return scaled(norm, centred(rows))


def squares_of(decoder: Any, residual: Tensor) -> Tensor:
    """[h, w, 3], what the photo alone gives to squares of rows, of image tokens in centred rows z [h, w, c].

    First to those after the first layer, |z|^2 + 2 z b; then to those of rows that its normalisation weighs
    by w and that are centred again, |y|^2 + 2 y (w b); then what the second layer adds to these, 2 y b',
    before it is scaled. b and b' are the layers' centred biases: a head's chances add up to 1, so every row
    gets them.
    """
    first, second = decoder.transformer.layers
    weight = first.layer_norm4.weight
    weighted = centred(residual * weight)
    bias = first.cross_attn_image_to_token.o_proj.bias
    next_bias = second.cross_attn_image_to_token.o_proj.bias + first.layer_norm4.bias
    return torch.stack(
        [
            (residual * residual).sum(-1) + 2 * residual @ bias,
            (weighted * weighted).sum(-1) + 2 * centred(weighted * weight) @ bias,
            2 * weighted @ next_bias,
        ],
        -1,
    )


def squares_after(before: Tensor, products: Tensor, chances: Tensor, given: Tensor) -> Tensor:
    """[1, n], squares of centred rows after these were given [k, c] with chances [k, n]: the formula of this
    package. before [1, n] are their squares, products [k, n] those with what is given; products with a bias
    may be in the former instead, as `squares_of` has them."""
    return before + (chances * torch.addmm(2 * products, given @ given.T, chances)).sum(0, keepdim=True)
