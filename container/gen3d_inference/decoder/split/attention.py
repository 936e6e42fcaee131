"""Attention of prompt tokens among themselves, to image tokens that are sums, and back."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

from gen3d_inference.decoder.contract import Tensor
from gen3d_inference.decoder.split.normalisation import centred, normed
from gen3d_inference.decoder.split.projections import keys_of, values_of


class ImageTokens(NamedTuple):
    """What image tokens are after a layer, beside the photo's part: given [k, c] with chances [k, n], and a
    scale [1, n]."""

    chances: Tensor
    given: Tensor
    scale: Tensor


def by_head(attention: Any, rows: Tensor) -> Tensor:
    """[a, rows, e] of [rows, a * e]."""
    return rows.view(-1, attention.num_attention_heads, attention.head_dim).transpose(0, 1)


def joined(heads: Tensor) -> Tensor:
    """[rows, a * e] of [a, rows, e]."""
    return heads.transpose(0, 1).flatten(1)


def attend(attention: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention among few tokens [t, c], as it is."""
    query = by_head(attention, attention.q_proj(query)) * attention.scaling
    key = by_head(attention, attention.k_proj(key))
    value = by_head(attention, attention.v_proj(value))
    return attention.o_proj(joined(torch.softmax(query @ key.transpose(1, 2), -1) @ value))


def scores_of(
    attention: Any, few: Tensor, own: Tensor, projection: Any, place: Tensor, image: ImageTokens
) -> Tensor:
    """[a, t, n] of few tokens [a, t, e] with image tokens, of which a projection gives own and place
    [a, e, n]."""
    added = few @ by_head(attention, projection(attention, image.given)).transpose(1, 2)
    scores = torch.addmm((few @ own).flatten(0, 1), added.flatten(0, 1), image.chances) * image.scale
    return scores.unflatten(0, few.shape[:2]) + few @ place


def seen_by(
    attention: Any, tokens: Tensor, keys: Tensor, values: Tensor, place: Tensor, image: ImageTokens
) -> Tensor:
    """[t, a * e] that tokens [t, c] see of image tokens, of which the photo gives keys and place [a, e, n],
    and values [a, n, e]; without the values' biases."""
    query = by_head(attention, attention.q_proj(tokens))
    scores = scores_of(attention, query, keys, keys_of, place, image)
    weights = torch.softmax(scores, -1) * image.scale
    added = by_head(attention, values_of(attention, image.given))
    return joined(weights @ values + (weights @ image.chances.T) @ added)


def chances_of(scores: Tensor) -> Tensor:
    """[a * t, n] of scores [a, t, n]: with which image tokens attend to tokens. A softmax in ONNX Runtime is
    slow along an axis that is short or not the last."""
    chances = torch.exp(scores - scores.amax(1, keepdim=True))
    return (chances / chances.sum(1, keepdim=True)).flatten(0, 1)


def given_by(attention: Any, values: Tensor, bias: Tensor) -> Tensor:
    """[a * t, c], centred: what image tokens get of each token's values [a, t, e] by each head, with a head's
    share of the bias."""
    heads = values.shape[0]
    output = attention.o_proj.weight.T.unflatten(0, (heads, -1))
    return centred(values @ output + bias / heads).flatten(0, 1)


def informed(layer: Any, tokens: Tensor, seen: Tensor) -> Tensor:
    """Tokens after what they have seen [t, a * e] of the image."""
    tokens = normed(layer.layer_norm2, tokens + layer.cross_attn_token_to_image.o_proj(seen))
    return normed(layer.layer_norm3, tokens + layer.mlp(tokens))
