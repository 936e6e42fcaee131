"""The decoder in three graphs: what depends on the photo alone, on an earlier mask, and on the clicks.

A photo has thousands of image tokens and a click a dozen prompt tokens, so nearly all of the decoder's work
is projecting image tokens. The arithmetic here is that of `Sam3TrackerMaskDecoder`, in an order that does
that work once for a photo: after each layer, image tokens are

    x = r (z + P M) + b

where z is of the photo and b of the weights alone, P are the chances with which image tokens attend to prompt
tokens, M is what each of these gives them, and r the scale of the layer's normalisation. A projection of x
needs no x: x W = r (z W + P (M W)) + b W, in which z W is made once for a photo and M has few rows. The last
attention, of few tokens, has its projections absorbed into these: q (x W)^T = (q W^T) x^T. Rows are centred
before they are added, or what multiplies them is, so that normalisation need not subtract their mean.

A preview may be had for a quarter of the work: the same graph decodes tensors of half the height and width,
in which every four tokens are one, their mean.

Sizes: c channels; n = h * w image tokens, in rows; t prompt tokens; a heads of e channels.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn.functional import gelu, linear

from gen3d_inference.decoder.contract import OUTPUTS, Tensor, candidates, point_embeddings

HEIGHT_AXIS = {
    "keys_1": 2,
    "values_1": 1,
    "queries_1": 2,
    "residual": 0,
    "keys_2": 2,
    "values_2": 1,
    "queries_2": 2,
    "canvas": 0,
    "place_keys_2": 2,
    "place_queries_2": 2,
    "place_keys_3": 2,
    "high_0": 0,
    "high_1": 0,
}
"""What `Decode` takes of a photo, as it is or `coarse_` of each, and which axis is its height; the next one
is its width. Numbers are of the layers, the final attention being the third."""
_DECODED = tuple(HEIGHT_AXIS)
_CHANGED = _DECODED[: _DECODED.index("canvas") + 1]
"""What an earlier mask changes."""


class Prepare(nn.Module):
    """Once for a photo: what layers project of it, and the maps that masks are painted with."""

    inputs = ("image_embed", "high_res_0", "high_res_1")
    outputs = (*_DECODED, *(f"coarse_{name}" for name in _DECODED))

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, image_embed: Tensor, high_res_0: Tensor, high_res_1: Tensor) -> tuple[Tensor, ...]:
        """image_embed [1, c, h, w], high_res_0 [1, c / 8, 4h, 4w], high_res_1 [1, c / 4, 2h, 2w].

        Keys and queries [a, e, h, w], scaled as scores are, and values [a, h, w, e]; from the second layer on
        what the tokens' places add to them is apart. residual [h, w, c], image tokens in centred rows; canvas
        [h, w, c], what masks are painted on; high_0 [h, w, 2c] and high_1 [h, w, c], the maps in the order of
        the rows that they are added to. `coarse_` of each has h / 2 and w / 2.
        """
        decoder = self.model.mask_decoder
        first, second = decoder.transformer.layers
        grid = image_embed.shape[2:]
        rows = _rows(image_embed.float()) + self.model.prompt_encoder.no_mask_embed.weight
        place = _rows(self.model.get_image_wide_positional_embeddings())
        place_2, place_3 = place + first.layer_norm4.bias, place + second.layer_norm4.bias
        projected = _projected(decoder, rows, place) | {
            "place_keys_2": _keys(second.cross_attn_token_to_image, place_2),
            "place_queries_2": _queries(second.cross_attn_image_to_token, place_2),
            "place_keys_3": _keys(decoder.transformer.final_attn_token_to_image, place_3),
        }
        for queries, layer in (("queries_1", first), ("place_queries_2", second)):
            attention = layer.cross_attn_image_to_token
            projected[queries] = projected[queries] + attention.q_proj.bias * attention.scaling
        bias = (second.layer_norm4.bias @ _transposed(decoder.upscale_conv1).flatten(1)).view(4, -1)
        high_1 = _centred(_blocks(high_res_1.float(), decoder.upscale_conv1.bias) + bias)
        high_0 = _blocks_of_blocks(high_res_0.float(), decoder.upscale_conv2.bias)
        made = {
            "high_0": high_0.flatten(2),
            "high_1": high_1.flatten(2),
            "coarse_high_0": _coarse_blocks(high_0.mean(3)).flatten(2),
            "coarse_high_1": _coarse_blocks(high_1.mean(2)).flatten(2),
        }
        for name, tensor in projected.items():
            whole = tensor.unflatten(0, grid)
            made[name] = _laid_out(decoder, name, whole)
            made[f"coarse_{name}"] = _laid_out(decoder, name, _halved(whole))
        return tuple(made[name] for name in self.outputs)


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

    inputs = (*_CHANGED, *(f"coarse_{name}" for name in _CHANGED), "mask_input")
    outputs = tuple(f"masked_{name}" for name in inputs[:-1])

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, *given: Tensor) -> tuple[Tensor, ...]:
        """The tensors as `Prepare` made them, and as they are with mask_input [1, 1, 4h, 4w]."""
        *tensors, mask = given
        encoder, decoder = self.model.prompt_encoder, self.model.mask_decoder
        seen = _mask_channels(encoder.mask_embed, mask)[0].permute(1, 2, 0)
        seen = torch.cat([seen, torch.ones_like(seen[..., :1])], 2)
        last = encoder.mask_embed.conv3
        added = torch.cat([last.weight[:, :, 0, 0].T, last.bias[None] - encoder.no_mask_embed.weight])
        projected = _projected(decoder, added, torch.zeros_like(added))
        changed: list[Tensor] = []
        for rows in (seen, _halved(seen)):
            for name in _CHANGED:
                axis = HEIGHT_AXIS[name]
                matrix = _laid_out(decoder, name, projected[name][None]).squeeze(axis)
                change = matrix @ rows.flatten(0, 1).T if axis == 2 else rows.flatten(0, 1) @ matrix
                changed.append(tensors[len(changed)] + change.unflatten(axis, rows.shape[:2]))
        return tuple(changed)


class _Image(NamedTuple):
    """Image tokens after the first layer: given [k, c] with chances [k, n], and scale [1, n]."""

    chances: Tensor
    given: Tensor
    scale: Tensor


class Decode(nn.Module):
    """For each click: masks of all points, from the photo's tensors."""

    inputs = (*_DECODED, "point_coords", "point_labels")
    outputs = OUTPUTS

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(
        self,
        keys_1: Tensor,
        values_1: Tensor,
        queries_1: Tensor,
        residual: Tensor,
        keys_2: Tensor,
        values_2: Tensor,
        queries_2: Tensor,
        canvas: Tensor,
        place_keys_2: Tensor,
        place_queries_2: Tensor,
        place_keys_3: Tensor,
        high_0: Tensor,
        high_1: Tensor,
        point_coords: Tensor,
        point_labels: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """masks [1, 4, 4h, 4w], scores [1, 4], object_score [1] of point_coords [1, p, 2], labels [1, p]."""
        height, width, _ = residual.shape
        keys_1, queries_1, keys_2, queries_2 = (
            tensor.flatten(2) for tensor in (keys_1, queries_1, keys_2, queries_2)
        )
        place_keys_2, place_queries_2, place_keys_3 = (
            tensor.flatten(2) for tensor in (place_keys_2, place_queries_2, place_keys_3)
        )
        values_1, values_2 = values_1.flatten(1, 2), values_2.flatten(1, 2)
        residual, canvas, high_1 = (rows.flatten(0, 1) for rows in (residual, canvas, high_1))
        decoder = self.model.mask_decoder
        first, second = decoder.transformer.layers
        own = [part.weight for part in (decoder.obj_score_token, decoder.iou_token, decoder.mask_tokens)]
        points = point_embeddings(self.model, point_coords, point_labels)
        prompts = torch.cat([*own, points[0, 0]])

        tokens = _normed(first.layer_norm1, _attend(first.self_attn, prompts, prompts, prompts))
        attention = first.cross_attn_token_to_image
        query = _by_head(attention, attention.q_proj(tokens + prompts))
        seen = torch.softmax(query @ keys_1, -1) @ values_1
        tokens = _informed(first, tokens, _joined(seen) + attention.v_proj.bias)
        attention, norm = first.cross_attn_image_to_token, first.layer_norm4
        key = _by_head(attention, attention.k_proj(tokens + prompts))
        chances = _chances(key @ queries_1)
        given = _given(attention, tokens, attention.o_proj.bias)
        rows = torch.addmm(residual, chances.T, given)
        variance = _mean_square(rows) + norm.eps
        rows, bias = rows * norm.weight, norm.bias
        image = _Image(chances, given * norm.weight, torch.rsqrt(variance).T)

        query = tokens + prompts
        tokens = _normed(second.layer_norm1, tokens + _attend(second.self_attn, query, query, tokens))
        attention = second.cross_attn_token_to_image
        query = _by_head(attention, attention.q_proj(tokens + prompts))
        scores = _scores(attention, query, keys_2, _keys, place_keys_2, image)
        seen = _seen(attention, scores, values_2, image)
        tokens = _informed(second, tokens, _joined(seen) + attention.v_proj(bias))
        attention, norm = second.cross_attn_image_to_token, second.layer_norm4
        key = _by_head(attention, attention.k_proj(tokens + prompts))
        # Rows are still without the first layer's scale. The second one's normalisation takes any scale away,
        # but for its epsilon, so it is what is added to them that is divided by it.
        chances = _chances(_scores(attention, key, queries_2, _queries, place_queries_2, image)) / image.scale
        given = _given(attention, tokens, attention.o_proj.bias + bias)
        rows = torch.addmm(rows, chances.T, given)
        mean = rows.mean(-1, keepdim=True)
        scale = torch.rsqrt(_mean_square(rows) - mean * mean + norm.eps * variance).T

        read = 2 + decoder.num_mask_tokens
        tokens = tokens[:read]
        attention = decoder.transformer.final_attn_token_to_image
        query = _by_head(attention, attention.q_proj(tokens + prompts[:read]))
        seen = _look(attention, norm, query, place_keys_3, rows, scale)
        tokens = _normed(decoder.transformer.layer_norm_final_attn, tokens + seen)

        networks = zip(decoder.output_hypernetworks_mlps, tokens[2:], strict=True)
        paint = torch.stack([network(token) for network, token in networks])
        chances = torch.cat([image.chances, chances]) * scale
        given = _centred(torch.cat([image.given, given])) * norm.weight
        larger = torch.addmm(high_1, chances.T, given @ _enlarging(decoder)) + canvas * scale.T
        masks = _painted(decoder, larger, high_0, paint, height, width)
        return (
            *candidates(self.model, masks, decoder.iou_prediction_head(tokens[1:2])),
            decoder.pred_obj_score_head(tokens[0]),
        )


# --- what is linear in image tokens -------------------------------------------------------------------------


def _projected(decoder: Any, rows: Tensor, place: Tensor) -> dict[str, Tensor]:
    """What an earlier mask changes, in rows, of image tokens [n, c] and their places."""
    first, second = decoder.transformer.layers
    residual = _centred(rows)
    rows_2 = residual * first.layer_norm4.weight
    rows_3 = _centred(rows_2) * second.layer_norm4.weight
    return {
        "keys_1": _keys(first.cross_attn_token_to_image, rows + place),
        "values_1": _values(first.cross_attn_token_to_image, rows),
        "queries_1": _queries(first.cross_attn_image_to_token, rows + place),
        "residual": residual,
        "keys_2": _keys(second.cross_attn_token_to_image, rows_2),
        "values_2": _values(second.cross_attn_token_to_image, rows_2),
        "queries_2": _queries(second.cross_attn_image_to_token, rows_2),
        "canvas": rows_3 @ _enlarging(decoder),
    }


def _keys(attention: Any, rows: Tensor) -> Tensor:
    """[n, a * e], scaled. A key's bias adds the same to all scores of a query, so the softmax drops it."""
    return linear(rows, attention.k_proj.weight * attention.scaling)


def _queries(attention: Any, rows: Tensor) -> Tensor:
    """[n, a * e], scaled, without the bias."""
    return linear(rows, attention.q_proj.weight * attention.scaling)


def _values(attention: Any, rows: Tensor) -> Tensor:
    """[n, a * e], without the bias. Chances add up to 1, so it may be added to what is seen."""
    return linear(rows, attention.v_proj.weight)


def _enlarging(decoder: Any) -> Tensor:
    """[c, 4 * c / 4]: what makes four px of a token, each centred."""
    return _centred(_transposed(decoder.upscale_conv1)).flatten(1)


def _transposed(convolution: Any) -> Tensor:
    """[in, 4, out]: a transposed convolution of stride 2 and kernel 2 is a matrix to four px of each."""
    weight: Tensor = convolution.weight.permute(0, 2, 3, 1).flatten(1, 2)
    return weight


# --- attention ----------------------------------------------------------------------------------------------


def _by_head(attention: Any, rows: Tensor) -> Tensor:
    """[a, rows, e] of [rows, a * e]."""
    return rows.view(-1, attention.num_attention_heads, attention.head_dim).transpose(0, 1)


def _joined(by_head: Tensor) -> Tensor:
    """[rows, a * e] of [a, rows, e]."""
    return by_head.transpose(0, 1).flatten(1)


def _attend(attention: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention among few tokens [t, c], as it is."""
    query = _by_head(attention, attention.q_proj(query)) * attention.scaling
    key = _by_head(attention, attention.k_proj(key))
    value = _by_head(attention, attention.v_proj(value))
    return attention.o_proj(_joined(torch.softmax(query @ key.transpose(1, 2), -1) @ value))


def _scores(
    attention: Any, few: Tensor, own: Tensor, projection: Any, place: Tensor, image: _Image
) -> Tensor:
    """[a, t, n] of few tokens [a, t, e] with image tokens, of which a projection gives own and place
    [a, e, n]."""
    added = few @ _by_head(attention, projection(attention, image.given)).transpose(1, 2)
    scores = torch.addmm((few @ own).flatten(0, 1), added.flatten(0, 1), image.chances) * image.scale
    return scores.unflatten(0, few.shape[:2]) + few @ place


def _seen(attention: Any, scores: Tensor, own: Tensor, image: _Image) -> Tensor:
    """[a, t, e] that tokens see with scores [a, t, n]; own [a, n, e] is what the photo gives of values."""
    weights = torch.softmax(scores, -1) * image.scale
    added = _by_head(attention, _values(attention, image.given))
    return weights @ own + (weights @ image.chances.T) @ added


def _look(attention: Any, norm: Any, query: Tensor, place: Tensor, rows: Tensor, scale: Tensor) -> Tensor:
    """[t, c] that queries [a, t, e] see in rows [n, c], which norm is to centre, to scale by [1, n] and to
    shift: the rows' projections are absorbed into the queries, and the keys' place [a, e, n] is added."""
    keys, values = (
        projection.weight.unflatten(0, (query.shape[0], -1))
        for projection in (attention.k_proj, attention.v_proj)
    )
    wanted = _centred(query @ keys * attention.scaling * norm.weight).flatten(0, 1)
    scores = (wanted @ rows.T) * scale + (query @ place).flatten(0, 1)
    seen = _centred((torch.softmax(scores, -1) * scale) @ rows) * norm.weight
    by_head = seen.unflatten(0, query.shape[:2]) @ values.transpose(1, 2)
    return attention.o_proj(_joined(by_head) + attention.v_proj(norm.bias))


def _chances(scores: Tensor) -> Tensor:
    """[a * t, n] of scores [a, t, n]: with which image tokens attend to tokens. A softmax in ONNX Runtime is
    slow along an axis that is short or not the last."""
    chances = torch.exp(scores - scores.amax(1, keepdim=True))
    return (chances / chances.sum(1, keepdim=True)).flatten(0, 1)


def _given(attention: Any, tokens: Tensor, bias: Tensor) -> Tensor:
    """[a * t, c], centred: what image tokens get of each token by each head, with a head's share of the
    bias."""
    values = _by_head(attention, attention.v_proj(tokens))
    heads = values.shape[0]
    output = attention.o_proj.weight.T.unflatten(0, (heads, -1))
    return _centred(values @ output + bias / heads).flatten(0, 1)


def _informed(layer: Any, tokens: Tensor, seen: Tensor) -> Tensor:
    """Tokens after what they have seen [t, a * e] of the image."""
    tokens = _normed(layer.layer_norm2, tokens + layer.cross_attn_token_to_image.o_proj(seen))
    return _normed(layer.layer_norm3, tokens + layer.mlp(tokens))


# --- rows and maps ------------------------------------------------------------------------------------------


def _rows(image: Tensor) -> Tensor:
    """[n, c] of [1, c, h, w]."""
    return image[0].flatten(1).T


def _laid_out(decoder: Any, name: str, rows: Tensor) -> Tensor:
    """One of `HEIGHT_AXIS` of rows [h, w, ...]."""
    axis = HEIGHT_AXIS[name]
    if axis == 0:
        return rows
    heads = decoder.transformer.final_attn_token_to_image.num_attention_heads
    return rows.unflatten(2, (heads, -1)).permute((2, 0, 1, 3) if axis == 1 else (2, 3, 0, 1))


def _blocks(image: Tensor, bias: Tensor) -> Tensor:
    """[h, w, 4, c] of [1, c, 2h, 2w] and what is to be added: the four px that an upscaled token becomes, row
    by row. The bias stands between two permutations, as ONNX Runtime is slow at what both are together."""
    _, channels, height, width = image.shape
    split = (_rows(image) + bias).view(height // 2, 2, width // 2, 2, channels)
    return split.permute(0, 2, 1, 3, 4).flatten(2, 3)


def _blocks_of_blocks(image: Tensor, bias: Tensor) -> Tensor:
    """[h, w, 4, 4, c] of [1, c, 4h, 4w], likewise."""
    _, channels, height, width = image.shape
    split = (_rows(image) + bias).view(height // 4, 2, 2, width // 4, 2, 2, channels)
    return split.permute(0, 3, 1, 4, 2, 5, 6).flatten(4, 5).flatten(2, 3)


def _halved(image: Tensor) -> Tensor:
    """[h / 2, w / 2, ...] of [h, w, ...]: means of four."""
    return image.unflatten(0, (-1, 2)).mean(1).unflatten(1, (-1, 2)).mean(2)


def _coarse_blocks(image: Tensor) -> Tensor:
    """[h / 2, w / 2, 4, ...] of [h, w, ...]: four tokens are the blocks of one."""
    return image.unflatten(1, (-1, 2)).unflatten(0, (-1, 2)).transpose(1, 2).flatten(2, 3)


def _painted(decoder: Any, larger: Tensor, high_0: Tensor, paint: Tensor, height: int, width: int) -> Tensor:
    """Masks [1, m, 4h, 4w] of rows [n, 4 * c / 4], four px of each, and paint [m, c / 8]."""
    second = _transposed(decoder.upscale_conv2)
    larger = gelu(_scaled(decoder.upscale_layer_norm, larger.view(-1, second.shape[0])))
    largest = gelu(torch.addmm(high_0.view(larger.shape[0], -1), larger, second.flatten(1)))
    masks = (paint @ largest.view(-1, paint.shape[1]).T).view(-1, height, width, 2, 2, 2, 2)
    return masks.permute(0, 1, 3, 5, 2, 4, 6).reshape(1, -1, 4 * height, 4 * width)


def _mask_channels(embedding: Any, mask: Tensor) -> Tensor:
    """The earlier mask [1, m, h, w] before its last, linear convolution."""
    mask = embedding.activation(embedding.layer_norm1(embedding.conv1(mask)))
    return embedding.activation(embedding.layer_norm2(embedding.conv2(mask)))


# --- layer normalisation ------------------------------------------------------------------------------------


def _centred(rows: Tensor) -> Tensor:
    return rows - rows.mean(-1, keepdim=True)


def _mean_square(rows: Tensor) -> Tensor:
    return (rows * rows).mean(-1, keepdim=True)


def _scaled(norm: Any, centred: Tensor) -> Tensor:
    """Layer normalisation of rows whose mean is 0. ONNX Runtime makes one operator of this form."""
    return centred / torch.sqrt(centred.pow(2).mean(-1, keepdim=True) + norm.eps) * norm.weight + norm.bias


def _normed(norm: Any, rows: Tensor) -> Tensor:
    return _scaled(norm, _centred(rows))
