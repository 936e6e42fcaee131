"""The whole decoder as one graph, out of transformers' own modules: the three graphs are held against it."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn

from gen3d_inference.decoder.contract import INPUTS, OUTPUTS, Tensor, candidates, point_embeddings


class SingleDecoder(nn.Module):
    """A photo's tensors and prompts to masks, in one run."""

    inputs = INPUTS
    outputs = OUTPUTS

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.mask_decoder = copy.copy(model.mask_decoder)
        # All four masks and scores instead of the one chosen of them: `candidates` chooses.
        self.mask_decoder._dynamic_multimask_via_stability = lambda masks, scores: (masks, scores)

    def forward(
        self,
        image_embed: Tensor,
        high_res_0: Tensor,
        high_res_1: Tensor,
        point_coords: Tensor,
        point_labels: Tensor,
        mask_input: Tensor,
        has_mask_input: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """masks [1, 4, 4h, 4w], scores [1, 4] and object_score [1]."""
        encoder = self.model.prompt_encoder
        unmasked = encoder.no_mask_embed.weight.reshape(1, -1, 1, 1)
        masks, scores, _, object_score = self.mask_decoder(
            image_embeddings=image_embed.float(),
            image_positional_embeddings=self.model.get_image_wide_positional_embeddings(),
            sparse_prompt_embeddings=point_embeddings(self.model, point_coords, point_labels),
            dense_prompt_embeddings=torch.where(
                has_mask_input > 0.5, encoder.mask_embed(mask_input), unmasked
            ),
            multimask_output=False,
            high_resolution_features=[high_res_0.float(), high_res_1.float()],
        )
        return (*candidates(self.model, masks[:, 0], scores[:, 0]), object_score[:, 0, 0])
