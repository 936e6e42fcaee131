"""What both forms of the decoder share: which points count, and the four candidates."""

from __future__ import annotations

from typing import Any, TypeAlias

import torch

Tensor: TypeAlias = torch.Tensor

INPUTS = (
    "image_embed",
    "high_res_0",
    "high_res_1",
    "point_coords",
    "point_labels",
    "mask_input",
    "has_mask_input",
)
"""Tensors of a photo and its prompts, as in the embedding's manifest and docs/clicks.md."""
OUTPUTS = ("masks", "scores", "object_score")

_PADDING = -1
"""The label of a point that counts for nothing."""


def point_embeddings(model: Any, point_coords: Tensor, point_labels: Tensor) -> Tensor:
    """[1, 1, k + 1, c] of the points that count, and of the padding point that the model was trained with.
    point_coords [1, n, 2] in px of the encoder's input, point_labels [1, n]."""
    kept = point_labels[0] != _PADDING
    points, labels = point_coords[:, None, kept], point_labels[:, None, kept].long()
    embedded, _ = model.prompt_encoder(points, labels, None, None)
    return torch.as_tensor(embedded)


def candidates(model: Any, masks: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
    """masks [1, 4, h, w] and scores [1, 4] of the four mask tokens, the first replaced by the one to take:
    itself where it is stable, else the best of the others, as the model chooses for a single mask."""
    decoder = model.mask_decoder
    delta = decoder.dynamic_multimask_stability_delta
    least, most = ((masks[0, 0] > bound).float().sum() for bound in (delta, -delta))
    stability = torch.where(most > 0, least / most, 1.0)
    stable = stability >= decoder.dynamic_multimask_stability_thresh
    taken = torch.where(stable, 0, 1 + scores[0, 1:].argmax())
    order = torch.cat([taken[None], torch.arange(1, scores.shape[1])])
    return masks[:, order], scores[:, order]
