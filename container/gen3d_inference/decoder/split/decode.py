"""The graph `decode`, for each click: masks from a photo's tensors."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.functional import gelu

from gen3d_inference.decoder.contract import OUTPUTS, Tensor, candidates, point_embeddings
from gen3d_inference.decoder.split.attention import (
    ImageTokens,
    attend,
    by_head,
    chances_of,
    given_by,
    informed,
    joined,
    scores_of,
    seen_by,
)
from gen3d_inference.decoder.split.normalisation import centred, normed, scaled, squares_after
from gen3d_inference.decoder.split.photo_tensors import DECODED
from gen3d_inference.decoder.split.projections import enlarging, queries_of, transposed


class Decode(nn.Module):
    """For each click: masks of all points, from the photo's tensors."""

    inputs = (*DECODED, "point_coords", "point_labels")
    outputs = OUTPUTS

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(
        self,
        keys_1: Tensor,
        values_1: Tensor,
        queries_1: Tensor,
        along_1: Tensor,
        weighted_along_1: Tensor,
        keys_2: Tensor,
        values_2: Tensor,
        queries_2: Tensor,
        along_2: Tensor,
        keys_3: Tensor,
        values_3: Tensor,
        canvas: Tensor,
        squares: Tensor,
        place_keys_2: Tensor,
        place_queries_2: Tensor,
        place_keys_3: Tensor,
        high_0: Tensor,
        high_1: Tensor,
        point_coords: Tensor,
        point_labels: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """masks [1, 4, 4h, 4w], scores [1, 4], object_score [1] of point_coords [1, p, 2], labels [1, p]."""
        height, width, channels = canvas.shape
        keys_1, queries_1, along_1, weighted_along_1 = (
            tensor.flatten(2) for tensor in (keys_1, queries_1, along_1, weighted_along_1)
        )
        keys_2, queries_2, along_2, keys_3 = (
            tensor.flatten(2) for tensor in (keys_2, queries_2, along_2, keys_3)
        )
        place_keys_2, place_queries_2, place_keys_3 = (
            tensor.flatten(2) for tensor in (place_keys_2, place_queries_2, place_keys_3)
        )
        values_1, values_2, values_3 = (tensor.flatten(1, 2) for tensor in (values_1, values_2, values_3))
        canvas, high_1 = canvas.flatten(0, 1), high_1.flatten(0, 1)
        square, weighted_square, bias_products = squares.flatten(0, 1).T.split(1)
        decoder = self.model.mask_decoder
        first, second = decoder.transformer.layers
        prompts = _prompts(self.model, point_coords, point_labels)

        tokens = normed(first.layer_norm1, attend(first.self_attn, prompts, prompts, prompts))
        attention = first.cross_attn_token_to_image
        query = by_head(attention, attention.q_proj(tokens + prompts))
        seen = torch.softmax(query @ keys_1, -1) @ values_1
        tokens = informed(first, tokens, joined(seen) + attention.v_proj.bias)
        attention, norm = first.cross_attn_image_to_token, first.layer_norm4
        key = by_head(attention, attention.k_proj(tokens + prompts))
        chances = chances_of(key @ queries_1)
        values = by_head(attention, attention.v_proj(tokens))
        given = given_by(attention, values, attention.o_proj.bias)
        # Rows are not made: what is wanted of them is their scale, which their squares give. The second layer
        # adds to rows that the first one's normalisation has weighed, so their squares are needed as well.
        square = squares_after(square, (values @ along_1).flatten(0, 1), chances, given)
        variance, bias = square / channels + norm.eps, norm.bias
        image = ImageTokens(chances, given * norm.weight, torch.rsqrt(variance))
        given_1 = centred(image.given)
        square = squares_after(weighted_square, (values @ weighted_along_1).flatten(0, 1), chances, given_1)

        query = tokens + prompts
        tokens = normed(second.layer_norm1, tokens + attend(second.self_attn, query, query, tokens))
        attention = second.cross_attn_token_to_image
        seen = seen_by(attention, tokens + prompts, keys_2, values_2, place_keys_2, image)
        tokens = informed(second, tokens, seen + attention.v_proj(bias))
        attention, norm = second.cross_attn_image_to_token, second.layer_norm4
        key = by_head(attention, attention.k_proj(tokens + prompts))
        # Rows are still without the first layer's scale. The second one's normalisation takes any scale away,
        # but for its epsilon, so it is what is added to them that is divided by it.
        chances = (
            chances_of(scores_of(attention, key, queries_2, queries_of, place_queries_2, image)) / image.scale
        )
        values = by_head(attention, attention.v_proj(tokens))
        given = given_by(attention, values, attention.o_proj.bias + bias)
        products = torch.addmm((values @ along_2).flatten(0, 1), given @ given_1.T, image.chances)
        square = squares_after(square + bias_products / image.scale, products, chances, given)
        image = ImageTokens(
            torch.cat([image.chances, chances]),
            torch.cat([given_1, given]) * norm.weight,
            torch.rsqrt(square / channels + norm.eps * variance),
        )

        read = 2 + decoder.num_mask_tokens
        tokens = tokens[:read]
        attention = decoder.transformer.final_attn_token_to_image
        seen = seen_by(attention, tokens + prompts[:read], keys_3, values_3, place_keys_3, image)
        seen = attention.o_proj(seen + attention.v_proj(norm.bias))
        tokens = normed(decoder.transformer.layer_norm_final_attn, tokens + seen)

        networks = zip(decoder.output_hypernetworks_mlps, tokens[2:], strict=True)
        paint = torch.stack([network(token) for network, token in networks])
        chances = (image.chances * image.scale).T
        larger = torch.addmm(high_1, chances, image.given @ enlarging(decoder)) + canvas * image.scale.T
        masks = _painted(decoder, larger, high_0, paint, height, width)
        return (
            *candidates(self.model, masks, decoder.iou_prediction_head(tokens[1:2])),
            decoder.pred_obj_score_head(tokens[0]),
        )


def _prompts(model: Any, point_coords: Tensor, point_labels: Tensor) -> Tensor:
    """[t, c]: the decoder's own tokens, then those of the points."""
    decoder = model.mask_decoder
    own = [part.weight for part in (decoder.obj_score_token, decoder.iou_token, decoder.mask_tokens)]
    return torch.cat([*own, point_embeddings(model, point_coords, point_labels)[0, 0]])


def _painted(decoder: Any, larger: Tensor, high_0: Tensor, paint: Tensor, height: int, width: int) -> Tensor:
    """Masks [1, m, 4h, 4w] of rows [n, 4 * c / 4], four px of each, and paint [m, c / 8]."""
    second = transposed(decoder.upscale_conv2)
    larger = gelu(scaled(decoder.upscale_layer_norm, larger.view(-1, second.shape[0])))
    largest = gelu(torch.addmm(high_0.view(larger.shape[0], -1), larger, second.flatten(1)))
    masks = (paint @ largest.view(-1, paint.shape[1]).T).view(-1, height, width, 2, 2, 2, 2)
    return masks.permute(0, 1, 3, 5, 2, 4, 6).reshape(1, -1, 4 * height, 4 * width)
