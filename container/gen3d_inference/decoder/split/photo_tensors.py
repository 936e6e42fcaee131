"""What passes from the graph `prepare` to the others: the names of a photo's tensors, and how each lies."""

from __future__ import annotations

from typing import Any

from gen3d_inference.decoder.contract import Tensor

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
DECODED = tuple(HEIGHT_AXIS)
CHANGED = DECODED[: DECODED.index("canvas") + 1]
"""What an earlier mask changes."""


def laid_out(decoder: Any, name: str, rows: Tensor) -> Tensor:
    """One of `HEIGHT_AXIS` of rows [h, w, ...]."""
    axis = HEIGHT_AXIS[name]
    if axis == 0:
        return rows
    heads = decoder.transformer.final_attn_token_to_image.num_attention_heads
    return rows.unflatten(2, (heads, -1)).permute((2, 0, 1, 3) if axis == 1 else (2, 3, 0, 1))


def halved(image: Tensor) -> Tensor:
    """[h / 2, w / 2, ...] of [h, w, ...]: means of four."""
    return image.unflatten(0, (-1, 2)).mean(1).unflatten(1, (-1, 2)).mean(2)
