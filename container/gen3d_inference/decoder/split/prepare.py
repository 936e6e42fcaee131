"""The graph `prepare`, once for a photo: of an embedding in half precision, or in 8 bits."""

from __future__ import annotations

from typing import Any

from torch import nn

from gen3d_inference.decoder.contract import Tensor
from gen3d_inference.decoder.split.normalisation import centred, squares_of
from gen3d_inference.decoder.split.photo_tensors import PREPARED, halved, laid_out
from gen3d_inference.decoder.split.projections import keys_of, project, queries_of, transposed


class Prepare(nn.Module):
    """Once for a photo: what layers project of it, and the maps that masks are painted with."""

    inputs = ("image_embed", "high_res_0", "high_res_1")
    outputs = (*PREPARED, *(f"coarse_{name}" for name in PREPARED))

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, image_embed: Tensor, high_res_0: Tensor, high_res_1: Tensor) -> tuple[Tensor, ...]:
        """image_embed [1, c, h, w], high_res_0 [1, c / 8, 4h, 4w], high_res_1 [1, c / 4, 2h, 2w].

        Keys and queries [a, e, h, w], scaled as scores are, and values [a, h, w, e]; from the second layer on
        what the tokens' places add to them is apart. residual [h, w, c], image tokens in centred rows; along
        [a, e, h, w] and squares [h, w, 3], of which their scales after each layer are made; canvas [h, w, c],
        what masks are painted on; high_0 [h, w, 2c] and high_1 [h, w, c], the maps in the order of the rows
        that they are added to. `coarse_` of each has h / 2 and w / 2.
        """
        decoder = self.model.mask_decoder
        first, second = decoder.transformer.layers
        grid = image_embed.shape[2:]
        rows = _rows(image_embed.float()) + self.model.prompt_encoder.no_mask_embed.weight
        place = _rows(self.model.get_image_wide_positional_embeddings())
        place_2, place_3 = place + first.layer_norm4.bias, place + second.layer_norm4.bias
        projected = project(decoder, rows, place) | {
            "place_keys_2": keys_of(second.cross_attn_token_to_image, place_2),
            "place_queries_2": queries_of(second.cross_attn_image_to_token, place_2),
            "place_keys_3": keys_of(decoder.transformer.final_attn_token_to_image, place_3),
        }
        for queries, layer in (("queries_1", first), ("place_queries_2", second)):
            attention = layer.cross_attn_image_to_token
            projected[queries] = projected[queries] + attention.q_proj.bias * attention.scaling
        bias = (second.layer_norm4.bias @ transposed(decoder.upscale_conv1).flatten(1)).view(4, -1)
        high_1 = centred(_blocks(high_res_1.float(), decoder.upscale_conv1.bias) + bias)
        high_0 = _blocks_of_blocks(high_res_0.float(), decoder.upscale_conv2.bias)
        made = {
            "high_0": high_0.flatten(2),
            "high_1": high_1.flatten(2),
            "coarse_high_0": _coarse_blocks(high_0.mean(3)).flatten(2),
            "coarse_high_1": _coarse_blocks(high_1.mean(2)).flatten(2),
        }
        for name, tensor in projected.items():
            whole = tensor.unflatten(0, grid)
            made[name] = laid_out(decoder, name, whole)
            made[f"coarse_{name}"] = laid_out(decoder, name, halved(whole))
        for form in ("", "coarse_"):
            made[f"{form}squares"] = squares_of(decoder, made[f"{form}residual"])
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


def _rows(image: Tensor) -> Tensor:
    """[n, c] of [1, c, h, w]."""
    return image[0].flatten(1).T


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


def _coarse_blocks(image: Tensor) -> Tensor:
    """[h / 2, w / 2, 4, ...] of [h, w, ...]: four tokens are the blocks of one."""
    return image.unflatten(1, (-1, 2)).unflatten(0, (-1, 2)).transpose(1, 2).flatten(2, 3)
