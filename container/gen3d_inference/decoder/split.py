"""The decoder in three graphs: what depends on the photo alone, on an earlier mask, and on the clicks.

A photo has thousands of image tokens and a click a dozen prompt tokens, so nearly all of the decoder's work
is projecting image tokens. Here the first layer's projections are made once for a photo, those of later
layers are absorbed into the few prompt tokens, q (x W)^T = (q W^T) x^T, and what attention adds to the image
is added within one Gemm. Rows are centred before they are added, so that layer normalisation needs no mean.
The arithmetic is that of `Sam3TrackerMaskDecoder`, in another order.

A preview may be had for a quarter of the work: the same graph decodes tensors of half the height and width,
in which every four tokens are one, their mean.

Sizes: c channels; n = h * w image tokens, in rows; t prompt tokens; a heads of e channels.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.functional import gelu, linear

from gen3d_inference.decoder.contract import OUTPUTS, Tensor, candidates, point_embeddings

_CHANGED = ("keys", "values", "queries", "residual")
"""What `Prepare` makes and an earlier mask changes."""
HEIGHT_AXIS = {"keys": 2, "values": 1, "queries": 0, "residual": 0, "place": 0, "high_0": 0, "high_1": 0}
"""What `Decode` takes of a photo, as it is or `coarse_` of each, and which axis is its height; the next one
is its width."""
_DECODED = tuple(HEIGHT_AXIS)


class Prepare(nn.Module):
    """Once for a photo: the first layer's projections, and the maps that masks are painted with."""

    inputs = ("image_embed", "high_res_0", "high_res_1")
    outputs = (*_DECODED, *(f"coarse_{name}" for name in _DECODED))

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, image_embed: Tensor, high_res_0: Tensor, high_res_1: Tensor) -> tuple[Tensor, ...]:
        """image_embed [1, c, h, w], high_res_0 [1, c / 8, 4h, 4w], high_res_1 [1, c / 4, 2h, 2w].

        keys [a, e, h, w] and values [a, h, w, e], which tokens attend to; queries [h, w, a * e], by which the
        image attends to tokens; residual [h, w, c], image tokens in centred rows; place [h, w, c], their
        positions; high_0 [h, w, 2c] and high_1 [h, w, c], the maps in the order of the rows that they are
        added to. Keys and queries are scaled as scores are. `coarse_` of each has h / 2 and w / 2.
        """
        decoder = self.model.mask_decoder
        layer = decoder.transformer.layers[0]
        tokens, image = layer.cross_attn_token_to_image, layer.cross_attn_image_to_token
        grid = image_embed.shape[2:]
        rows = _rows(image_embed.float()) + self.model.prompt_encoder.no_mask_embed.weight
        place = _rows(self.model.get_image_wide_positional_embeddings())
        placed = rows + place
        high_1 = _centred(_blocks(high_res_1.float()) + decoder.upscale_conv1.bias)
        high_0 = _blocks_of_blocks(high_res_0.float()) + decoder.upscale_conv2.bias
        whole = (
            _keys(tokens, placed).unflatten(2, grid),
            _by_head(tokens, tokens.v_proj(rows)).unflatten(1, grid),
            (image.q_proj(placed) * image.scaling).unflatten(0, grid),
            _centred(rows + image.o_proj.bias).unflatten(0, grid),
        )
        place = place.unflatten(0, grid)
        return (
            *whole,
            place,
            high_0.flatten(2),
            high_1.flatten(2),
            *_coarse(*whole),
            _halved(place),
            _coarse_blocks(high_0.mean(3)).flatten(2),
            _coarse_blocks(high_1.mean(2)).flatten(2),
        )


class PrepareInt8(nn.Module):
    """The same of an embedding of 8 bits: tensors uint8, of whose channels each has a step and a lowest
    value, [1, c, 1, 1]; the value is lowest + number * step."""

    inputs = tuple(f"{name}{part}" for name in Prepare.inputs for part in ("", "_step", "_lowest"))
    outputs = Prepare.outputs

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.prepare = Prepare(model)

    def forward(
        self,
        image_embed: Tensor,
        image_embed_step: Tensor,
        image_embed_lowest: Tensor,
        high_res_0: Tensor,
        high_res_0_step: Tensor,
        high_res_0_lowest: Tensor,
        high_res_1: Tensor,
        high_res_1_step: Tensor,
        high_res_1_lowest: Tensor,
    ) -> tuple[Tensor, ...]:
        prepared: tuple[Tensor, ...] = self.prepare(
            image_embed_lowest + image_embed.float() * image_embed_step,
            high_res_0_lowest + high_res_0.float() * high_res_0_step,
            high_res_1_lowest + high_res_1.float() * high_res_1_step,
        )
        return prepared


class Mask(nn.Module):
    """For an earlier mask: what it changes of the photo's tensors. A mask is embedded in few channels and
    comes into the rows linearly, so every tensor changes by a product of low rank."""

    inputs = (*_CHANGED, "mask_input")
    outputs = tuple(f"masked_{size}{name}" for size in ("", "coarse_") for name in _CHANGED)

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, keys: Tensor, values: Tensor, queries: Tensor, residual: Tensor, mask_input: Tensor
    ) -> tuple[Tensor, ...]:
        """The tensors as `Prepare` made them, and as they are with mask_input [1, 1, 4h, 4w]."""
        encoder = self.model.prompt_encoder
        layer = self.model.mask_decoder.transformer.layers[0]
        tokens, image = layer.cross_attn_token_to_image, layer.cross_attn_image_to_token
        last = encoder.mask_embed.conv3
        seen = _rows(_mask_channels(encoder.mask_embed, mask_input))
        seen = torch.cat([seen, torch.ones_like(seen[:, :1])], 1)
        added = torch.cat([last.weight[:, :, 0, 0].T, last.bias[None] - encoder.no_mask_embed.weight])
        grid = residual.shape[:2]
        changed = (
            keys + (_keys(tokens, added) @ seen.T).unflatten(2, grid),
            values + (seen @ _by_head(tokens, linear(added, tokens.v_proj.weight))).unflatten(1, grid),
            queries + (seen @ (linear(added, image.q_proj.weight) * image.scaling)).unflatten(0, grid),
            residual + (seen @ _centred(added)).unflatten(0, grid),
        )
        return (*changed, *_coarse(*changed))


class Decode(nn.Module):
    """For each click: masks of all points, from the photo's tensors."""

    inputs = (*_DECODED, "point_coords", "point_labels")
    outputs = OUTPUTS

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(
        self,
        keys: Tensor,
        values: Tensor,
        queries: Tensor,
        residual: Tensor,
        place: Tensor,
        high_0: Tensor,
        high_1: Tensor,
        point_coords: Tensor,
        point_labels: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """masks [1, 4, 4h, 4w], scores [1, 4], object_score [1] of point_coords [1, p, 2], labels [1, p]."""
        height, width, _ = residual.shape
        keys, values = keys.flatten(2), values.flatten(1, 2)
        queries, residual, place = (rows.flatten(0, 1) for rows in (queries, residual, place))
        decoder = self.model.mask_decoder
        own = [part.weight for part in (decoder.obj_score_token, decoder.iou_token, decoder.mask_tokens)]
        points = point_embeddings(self.model, point_coords, point_labels)
        prompts = torch.cat([*own, points[0, 0]])
        first, second = decoder.transformer.layers

        tokens = _normed(first.layer_norm1, _attend(first.self_attn, prompts, prompts, prompts))
        attention = first.cross_attn_token_to_image
        scores = _by_head(attention, attention.q_proj(tokens + prompts)) @ keys
        seen = _joined(torch.softmax(scores, -1) @ values)
        tokens = _normed(first.layer_norm2, tokens + attention.o_proj(seen))
        tokens = _normed(first.layer_norm3, tokens + first.mlp(tokens))
        attention = first.cross_attn_image_to_token
        scores = queries @ _block_diagonal(_by_head(attention, attention.k_proj(tokens + prompts)))
        rows = _painted(first, scores, tokens, residual)

        query = tokens + prompts
        tokens = _normed(second.layer_norm1, tokens + _attend(second.self_attn, query, query, tokens))
        placed = rows + place
        attention = second.cross_attn_token_to_image
        tokens = _normed(second.layer_norm2, tokens + _look(attention, tokens + prompts, placed, rows))
        tokens = _normed(second.layer_norm3, tokens + second.mlp(tokens))
        attention = second.cross_attn_image_to_token
        wanted = _by_head(attention, attention.k_proj(tokens + prompts)) * attention.scaling
        absorbed = (wanted @ _weight_by_head(attention, attention.q_proj)).flatten(0, 1)
        offset = (wanted @ attention.q_proj.bias.view(wanted.shape[0], -1, 1)).flatten()
        scores = torch.addmm(offset, placed, absorbed.T)
        rows = _painted(second, scores, tokens, _centred(rows + attention.o_proj.bias))

        read = 2 + decoder.num_mask_tokens
        attention = decoder.transformer.final_attn_token_to_image
        tokens = tokens[:read]
        looked = _look(attention, tokens + prompts[:read], rows + place, rows)
        tokens = _normed(decoder.transformer.layer_norm_final_attn, tokens + looked)

        networks = zip(decoder.output_hypernetworks_mlps, tokens[2:], strict=True)
        paint = torch.stack([network(token) for network, token in networks])
        masks = _upscaled(decoder, rows, high_0, high_1, paint, height, width)
        return (
            *candidates(self.model, masks, decoder.iou_prediction_head(tokens[1:2])),
            decoder.pred_obj_score_head(tokens[0]),
        )


# --- attention ----------------------------------------------------------------------------------------------


def _by_head(attention: Any, rows: Tensor) -> Tensor:
    """[a, rows, e] of [rows, a * e]."""
    return rows.view(-1, attention.num_attention_heads, attention.head_dim).transpose(0, 1)


def _joined(by_head: Tensor) -> Tensor:
    """[rows, a * e] of [a, rows, e]."""
    return by_head.transpose(0, 1).flatten(1)


def _weight_by_head(attention: Any, projection: Any) -> Tensor:
    """[a, e, c] of a projection's matrix."""
    weight: Tensor = projection.weight.view(attention.num_attention_heads, attention.head_dim, -1)
    return weight


def _keys(attention: Any, rows: Tensor) -> Tensor:
    """[a, e, rows], scaled. A key's bias adds the same to all scores of a query, so the softmax drops it."""
    keys = linear(rows, attention.k_proj.weight * attention.scaling)
    return _by_head(attention, keys).transpose(1, 2)


def _attend(attention: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention among few tokens [t, c], as it is."""
    query = _by_head(attention, attention.q_proj(query)) * attention.scaling
    key = _by_head(attention, attention.k_proj(key))
    value = _by_head(attention, attention.v_proj(value))
    return attention.o_proj(_joined(torch.softmax(query @ key.transpose(1, 2), -1) @ value))


def _look(attention: Any, query: Tensor, placed: Tensor, rows: Tensor) -> Tensor:
    """What few tokens see in many rows, with the rows' projections absorbed into the tokens."""
    query = _by_head(attention, attention.q_proj(query)) * attention.scaling
    absorbed = (query @ _weight_by_head(attention, attention.k_proj)).flatten(0, 1)
    seen = torch.softmax(absorbed @ placed.T, -1) @ rows
    by_head = seen.view(query.shape[0], -1, rows.shape[1])
    values = by_head @ _weight_by_head(attention, attention.v_proj).transpose(1, 2)
    return attention.o_proj(_joined(values) + attention.v_proj.bias)


def _block_diagonal(by_head: Tensor) -> Tensor:
    """[a * e, a * t] of [a, t, e]: what multiplies rows of all heads at once."""
    heads = by_head.shape[0]
    own = torch.eye(heads)[:, None, :, None]
    return (by_head.transpose(1, 2)[:, :, None] * own).flatten(2).flatten(0, 1)


def _painted(layer: Any, scores: Tensor, tokens: Tensor, residual: Tensor) -> Tensor:
    """Rows [n, c] after attending to tokens: scores [n, a * t]; residual [n, c] in centred rows."""
    attention = layer.cross_attn_image_to_token
    values = _by_head(attention, attention.v_proj(tokens))
    output = attention.o_proj.weight.T.view(values.shape[0], -1, residual.shape[1])
    heads = values.shape[0]
    chances = torch.softmax(scores.view(scores.shape[0], heads, -1), -1).flatten(1)
    added = torch.addmm(residual, chances, _centred(values @ output).flatten(0, 1))
    return _scaled(layer.layer_norm4, added)


# --- rows and maps ------------------------------------------------------------------------------------------


def _rows(image: Tensor) -> Tensor:
    """[n, c] of [1, c, h, w]."""
    return image[0].flatten(1).T


def _blocks(image: Tensor) -> Tensor:
    """[h, w, 4, c] of [1, c, 2h, 2w]: the four px that an upscaled token becomes, row by row."""
    _, channels, height, width = image.shape
    split = image.view(channels, height // 2, 2, width // 2, 2)
    return split.permute(1, 3, 2, 4, 0).flatten(2, 3)


def _blocks_of_blocks(image: Tensor) -> Tensor:
    """[h, w, 4, 4, c] of [1, c, 4h, 4w]."""
    _, channels, height, width = image.shape
    split = image.view(channels, height // 4, 2, 2, width // 4, 2, 2)
    return split.permute(1, 4, 2, 5, 3, 6, 0).flatten(4, 5).flatten(2, 3)


def _halved(image: Tensor) -> Tensor:
    """[h / 2, w / 2, ...] of [h, w, ...]: means of four."""
    return _fours(image).mean((1, 3))


def _fours(image: Tensor) -> Tensor:
    """[h / 2, 2, w / 2, 2, ...] of [h, w, ...]."""
    return image.unflatten(1, (-1, 2)).unflatten(0, (-1, 2))


def _coarse(keys: Tensor, values: Tensor, queries: Tensor, residual: Tensor) -> tuple[Tensor, ...]:
    """All four as of the means of four tokens: they are linear in the tokens."""
    return (
        _halved(keys.permute(2, 3, 0, 1)).permute(2, 3, 0, 1),
        _halved(values.permute(1, 2, 0, 3)).permute(2, 0, 1, 3),
        _halved(queries),
        _halved(residual),
    )


def _coarse_blocks(image: Tensor) -> Tensor:
    """[h / 2, w / 2, 4, ...] of [h, w, ...]: four tokens are the blocks of one."""
    return _fours(image).transpose(1, 2).flatten(2, 3)


def _upscaled(
    decoder: Any, rows: Tensor, high_0: Tensor, high_1: Tensor, paint: Tensor, height: int, width: int
) -> Tensor:
    """Masks [1, m, 4h, 4w] of rows [n, c] and paint [m, c / 8]. A transposed convolution of stride 2 and
    kernel 2 is a matrix that makes four px of each."""
    first, second = (
        conv.weight.permute(0, 2, 3, 1) for conv in (decoder.upscale_conv1, decoder.upscale_conv2)
    )
    larger = torch.addmm(high_1.flatten(0, 1), rows, _centred(first).flatten(1)).view(-1, second.shape[0])
    larger = gelu(_scaled(decoder.upscale_layer_norm, larger))
    largest = gelu(torch.addmm(high_0.view(larger.shape[0], -1), larger, second.flatten(1))).view(
        -1, paint.shape[1]
    )
    masks = (paint @ largest.T).view(-1, height, width, 2, 2, 2, 2)
    return masks.permute(0, 1, 3, 5, 2, 4, 6).reshape(1, -1, 4 * height, 4 * width)


def _mask_channels(embedding: Any, mask: Tensor) -> Tensor:
    """The earlier mask [1, m, h, w] before its last, linear convolution."""
    mask = embedding.activation(embedding.layer_norm1(embedding.conv1(mask)))
    return embedding.activation(embedding.layer_norm2(embedding.conv2(mask)))


# --- layer normalisation ------------------------------------------------------------------------------------


def _centred(rows: Tensor) -> Tensor:
    return rows - rows.mean(-1, keepdim=True)


def _scaled(norm: Any, centred: Tensor) -> Tensor:
    """Layer normalisation of rows whose mean is 0."""
    scale = torch.rsqrt((centred * centred).mean(-1, keepdim=True) + norm.eps)
    return centred * scale * norm.weight + norm.bias


def _normed(norm: Any, rows: Tensor) -> Tensor:
    return _scaled(norm, _centred(rows))
