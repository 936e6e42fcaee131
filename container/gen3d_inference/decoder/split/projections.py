"""What layers project of image tokens. It is linear in these, so parts of a sum are projected apart."""

from __future__ import annotations

from typing import Any

from torch.nn.functional import linear

from gen3d_inference.decoder.contract import Tensor
from gen3d_inference.decoder.split.normalisation import centred


def project(decoder: Any, rows: Tensor, place: Tensor) -> dict[str, Tensor]:
    """`LINEAR` of `photo_tensors`, in rows, of image tokens [n, c] and their places."""
    first, second = decoder.transformer.layers
    final = decoder.transformer.final_attn_token_to_image
    residual, weight = centred(rows), first.layer_norm4.weight
    rows_2 = residual * weight
    centred_2 = centred(rows_2)
    rows_3 = centred_2 * second.layer_norm4.weight
    return {
        "residual": residual,
        "keys_1": keys_of(first.cross_attn_token_to_image, rows + place),
        "values_1": values_of(first.cross_attn_token_to_image, rows),
        "queries_1": queries_of(first.cross_attn_image_to_token, rows + place),
        "along_1": along(first.cross_attn_image_to_token, residual),
        "weighted_along_1": along(first.cross_attn_image_to_token, centred(centred_2 * weight)),
        "keys_2": keys_of(second.cross_attn_token_to_image, rows_2),
        "values_2": values_of(second.cross_attn_token_to_image, rows_2),
        "queries_2": queries_of(second.cross_attn_image_to_token, rows_2),
        "along_2": along(second.cross_attn_image_to_token, centred_2),
        "keys_3": keys_of(final, rows_3),
        "values_3": values_of(final, rows_3),
        "canvas": rows_3 @ enlarging(decoder),
    }


def keys_of(attention: Any, rows: Tensor) -> Tensor:
    """[n, a * e], scaled. A key's bias adds the same to all scores of a query, so the softmax drops it."""
    return linear(rows, attention.k_proj.weight * attention.scaling)


def queries_of(attention: Any, rows: Tensor) -> Tensor:
    """[n, a * e], scaled, without the bias."""
    return linear(rows, attention.q_proj.weight * attention.scaling)


def values_of(attention: Any, rows: Tensor) -> Tensor:
    """[n, a * e], without the bias. Chances add up to 1, so it may be added to what is seen."""
    return linear(rows, attention.v_proj.weight)


def along(attention: Any, rows: Tensor) -> Tensor:
    """[n, a * e], how far centred rows [n, c] reach along what each value of each head adds to them."""
    return rows @ attention.o_proj.weight


def enlarging(decoder: Any) -> Tensor:
    """[c, 4 * c / 4]: what makes four px of a token, each centred."""
    return centred(transposed(decoder.upscale_conv1)).flatten(1)


def transposed(convolution: Any) -> Tensor:
    """[in, 4, out]: a transposed convolution of stride 2 and kernel 2 is a matrix to four px of each."""
    weight: Tensor = convolution.weight.permute(0, 2, 3, 1).flatten(1, 2)
    return weight
