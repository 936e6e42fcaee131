"""The graph `mask`, for an earlier mask: what that changes of a photo's tensors."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from gen3d_inference.decoder.contract import Tensor
from gen3d_inference.decoder.split.normalisation import squares_of
from gen3d_inference.decoder.split.photo_tensors import CHANGED, HEIGHT_AXIS, LINEAR, halved, laid_out
from gen3d_inference.decoder.split.projections import project


class Mask(nn.Module):
    """For an earlier mask: what it changes of the photo's tensors. A mask is embedded in few channels and
    comes into the rows linearly, so every tensor but the squares changes by a product of low rank."""

    inputs = (*LINEAR, *(f"coarse_{name}" for name in LINEAR), "mask_input")
    outputs = tuple(f"masked_{form}{name}" for form in ("", "coarse_") for name in CHANGED)

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, *given: Tensor) -> tuple[Tensor, ...]:
        """The tensors as `Prepare` made them, and as they are with mask_input [1, 1, 4h, 4w]."""
        tensors = dict(zip(self.inputs, given, strict=True))
        encoder, decoder = self.model.prompt_encoder, self.model.mask_decoder
        seen = _mask_channels(encoder.mask_embed, tensors["mask_input"])[0].permute(1, 2, 0)
        seen = torch.cat([seen, torch.ones_like(seen[..., :1])], 2)
        last = encoder.mask_embed.conv3
        added = torch.cat([last.weight[:, :, 0, 0].T, last.bias[None] - encoder.no_mask_embed.weight])
        projected = project(decoder, added, torch.zeros_like(added))
        changed: dict[str, Tensor] = {}
        for form, rows in (("", seen), ("coarse_", halved(seen))):
            for name in LINEAR:
                axis = HEIGHT_AXIS[name]
                matrix = laid_out(decoder, name, projected[name][None]).squeeze(axis)
                change = matrix @ rows.flatten(0, 1).T if axis == 2 else rows.flatten(0, 1) @ matrix
                changed[f"{form}{name}"] = tensors[f"{form}{name}"] + change.unflatten(axis, rows.shape[:2])
            changed[f"{form}squares"] = squares_of(decoder, changed[f"{form}residual"])
        return tuple(changed[name.removeprefix("masked_")] for name in self.outputs)


def _mask_channels(embedding: Any, mask: Tensor) -> Tensor:
    """The earlier mask [1, m, h, w] before its last, linear convolution."""
    mask = embedding.activation(embedding.layer_norm1(embedding.conv1(mask)))
    return embedding.activation(embedding.layer_norm2(embedding.conv2(mask)))
