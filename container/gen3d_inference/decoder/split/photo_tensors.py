"""What passes from the graph `prepare` to the others: the names of a photo's tensors, and how each lies."""

from __future__ import annotations

from typing import Any

from gen3d_inference.decoder.contract import Tensor

HEIGHT_AXIS = {
    "residual": 0,
    "keys_1": 2,
    "values_1": 1,
    "queries_1": 2,
    "along_1": 2,
    "weighted_along_1": 2,
    "keys_2": 2,
    "values_2": 1,
    "queries_2": 2,
    "along_2": 2,
    "keys_3": 2,
    "values_3": 1,
    "canvas": 0,
    "squares": 0,
    "place_keys_2": 2,
    "place_queries_2": 2,
    "place_keys_3": 2,
    "high_0": 0,
    "high_1": 0,
}
"""What is made of a photo, as it is and `coarse_` of each, and which axis is its height; the next one is its
width. Numbers are of the layers, the final attention being the third."""
PREPARED = tuple(HEIGHT_AXIS)
DECODED = PREPARED[1:]
"""What `Decode` takes. The residual is for `Mask` alone, which makes squares of it."""
CHANGED = DECODED[: DECODED.index("squares") + 1]
"""What an earlier mask changes."""
LINEAR = PREPARED[: PREPARED.index("squares")]
"""Of this and the residual, what is linear in image tokens: all but the squares."""


def laid_out(decoder: Any, name: str, rows: Tensor) -> Tensor:
    """One of `PREPARED` of rows [h, w, ...]."""
    axis = HEIGHT_AXIS[name]
    if axis == 0:
        return rows
    heads = decoder.transformer.final_attn_token_to_image.num_attention_heads
    return rows.unflatten(2, (heads, -1)).permute((2, 0, 1, 3) if axis == 1 else (2, 3, 0, 1))


def halved(image: Tensor) -> Tensor:
    """[h / 2, w / 2, ...] of [h, w, ...]: means of four."""
    return image.unflatten(0, (-1, 2)).mean(1).unflatten(1, (-1, 2)).mean(2)
