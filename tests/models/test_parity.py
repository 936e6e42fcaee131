"""transformers against Meta's own package on the same random weights: a photo's features, masks of clicks."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from gen3d_inference.decoder import checkpoint
from gen3d_inference.engines import Photo
from gen3d_inference.engines.sam3 import Sam3Segmenter
from transformers import Sam3TrackerConfig, Sam3TrackerModel

from tests.models import meta

pytestmark = [meta.needs_package, meta.quiet]

NAMES = (
    (r"^vision_encoder\.backbone\.embeddings\.position_embeddings$", "trunk.pos_embed"),
    (r"^vision_encoder\.backbone\.embeddings\.patch_embeddings\.projection", "trunk.patch_embed.proj"),
    (r"^vision_encoder\.backbone\.layer_norm", "trunk.ln_pre"),
    (r"^vision_encoder\.backbone\.layers\.(\d+)\.layer_norm(\d)", r"trunk.blocks.\1.norm\2"),
    (r"^vision_encoder\.backbone\.layers\.(\d+)\.attention\.o_proj", r"trunk.blocks.\1.attn.proj"),
    (r"^vision_encoder\.backbone\.layers\.(\d+)\.attention\.([qkv])_proj", r"trunk.blocks.\1.attn.qkv.\2"),
    (r"^vision_encoder\.backbone\.layers\.", "trunk.blocks."),
    (r"^vision_encoder\.neck\.fpn_layers\.0\.scale_layers\.0", "sam2_convs.0.dconv_2x2_0"),
    (r"^vision_encoder\.neck\.fpn_layers\.0\.scale_layers\.2", "sam2_convs.0.dconv_2x2_1"),
    (r"^vision_encoder\.neck\.fpn_layers\.1\.scale_layers\.0", "sam2_convs.1.dconv_2x2"),
    (r"^vision_encoder\.neck\.fpn_layers\.(\d)\.proj1", r"sam2_convs.\1.conv_1x1"),
    (r"^vision_encoder\.neck\.fpn_layers\.(\d)\.proj2", r"sam2_convs.\1.conv_3x3"),
    (r"^no_memory_embedding$", "no_mem_embed"),
    (
        r"^(shared_image|prompt_encoder\.shared)_embedding\.positional_embedding",
        "sam_prompt_encoder.pe_layer.positional_encoding_gaussian_matrix",
    ),
    (r"^prompt_encoder\.mask_embed\.conv1", "sam_prompt_encoder.mask_downscaling.0"),
    (r"^prompt_encoder\.mask_embed\.layer_norm1", "sam_prompt_encoder.mask_downscaling.1"),
    (r"^prompt_encoder\.mask_embed\.conv2", "sam_prompt_encoder.mask_downscaling.3"),
    (r"^prompt_encoder\.mask_embed\.layer_norm2", "sam_prompt_encoder.mask_downscaling.4"),
    (r"^prompt_encoder\.mask_embed\.conv3", "sam_prompt_encoder.mask_downscaling.6"),
    (r"^prompt_encoder\.", "sam_prompt_encoder."),
    (r"^mask_decoder\.upscale_conv1", "sam_mask_decoder.output_upscaling.0"),
    (r"^mask_decoder\.upscale_layer_norm", "sam_mask_decoder.output_upscaling.1"),
    (r"^mask_decoder\.upscale_conv2", "sam_mask_decoder.output_upscaling.3"),
    (r"^(mask_decoder\..*(?:_head|_mlps\.\d))\.layers\.0", r"sam_\1.layers.1"),
    (r"^(mask_decoder\..*(?:_head|_mlps\.\d))\.proj_in", r"sam_\1.layers.0"),
    (r"^(mask_decoder\..*(?:_head|_mlps\.\d))\.proj_out", r"sam_\1.layers.2"),
    (r"^(mask_decoder\..*)\.mlp\.proj_in", r"sam_\1.mlp.lin1"),
    (r"^(mask_decoder\..*)\.mlp\.proj_out", r"sam_\1.mlp.lin2"),
    (r"^(mask_decoder\..*)\.o_proj", r"sam_\1.out_proj"),
    (r"^(mask_decoder\..*)\.layer_norm_final_attn", r"sam_\1.norm_final_attn"),
    (r"^(mask_decoder\..*)\.layer_norm(\d)", r"sam_\1.norm\2"),
    (r"^mask_decoder\.", "sam_mask_decoder."),
)
"""transformers' names of weights, and Meta's; the first that fits counts."""


class Pair(NamedTuple):
    """Meta's image encoder and tracker; transformers' model for photos of meta.SIZE, and for those of the
    real size, which Meta's tracker takes in any case."""

    encoder: Any
    tracker: Any
    ours: Any
    full: Any


def meta_name(name: str) -> str:
    for pattern, replacement in NAMES:
        if re.match(pattern, name):
            return re.sub(pattern, replacement, name)
    raise KeyError(name)


def taken(name: str, theirs: dict[str, Any]) -> Any:
    """The value of one of transformers' weights among Meta's."""
    source = meta_name(name)
    if part := re.search(r"qkv\.([qkv])\.(weight|bias)$", source):
        whole = theirs[f"{source[: part.start()]}qkv.{part[2]}"]
        return whole.chunk(3)["qkv".index(part[1])]
    if source.endswith("point_embed.weight") and "not_a" not in source:
        return torch.cat(
            [theirs[f"sam_prompt_encoder.point_embeddings.{label}.weight"] for label in range(4)]
        )
    value = theirs[source]
    return value[:, 1:] if source == "trunk.pos_embed" else value  # Meta's has one for a class token


@pytest.fixture(scope="module")
def pair() -> Pair:
    with pytest.MonkeyPatch.context() as patch:
        meta.shrink(patch)
        encoder, tracker = meta.click_model()
    for weight in tracker.sam_mask_decoder.parameters():
        weight.add_(torch.randn_like(weight), alpha=0.05)  # else attention is even everywhere
    ours, full = transformers_model(meta.SIZE), transformers_model(checkpoint.IMAGE_SIZE)
    for model in (ours, full):
        give(model, encoder, tracker)
    return Pair(encoder, tracker, ours, full)


def transformers_model(size: int) -> Any:
    config = Sam3TrackerConfig(vision_config=vision(size), prompt_encoder_config={"image_size": size})
    return Sam3TrackerModel(config).eval().requires_grad_(False)


def vision(size: int) -> dict[str, Any]:
    """transformers' configuration of an image encoder such as meta.VISION, for photos of size px."""
    side = size // checkpoint.PATCH
    backbone = {
        "model_type": "sam3_vit_model",
        "hidden_size": meta.VISION["embed_dim"],
        "intermediate_size": 592,
        "num_hidden_layers": meta.VISION["depth"],
        "num_attention_heads": meta.VISION["num_heads"],
        "image_size": size,
        "pretrain_image_size": 336,
        "window_size": meta.VISION["window_size"],
        "global_attn_indexes": [1],
        "layer_norm_eps": 1e-5,
    }
    return {
        "model_type": "sam3_vision_model",
        "backbone_config": backbone,
        "backbone_feature_sizes": [[4 * side] * 2, [2 * side] * 2, [side] * 2],
    }


def give(model: Any, encoder: Any, tracker: Any) -> None:
    """Meta's weights to transformers' model, every one of it."""
    theirs = {**encoder.state_dict(), **tracker.state_dict()}
    state = {
        name: taken(name, theirs).reshape(value.shape).clone() for name, value in model.state_dict().items()
    }
    model.load_state_dict(state, strict=True)


def relative(found: Any, expected: Any) -> float:
    return float((found - expected).abs().max() / expected.abs().max())


def test_features_of_a_photo_are_metas(pair: Pair, photo: Photo) -> None:
    segmenter = Sam3Segmenter(pair.ours, {}, "")
    pixels = segmenter._pixels(photo, meta.SIZE)
    decoder = pair.tracker.sam_mask_decoder
    with torch.inference_mode():
        fine, middle, coarse, _ = pair.encoder(pixels)[2]
        expected = (
            decoder.conv_s0(fine),
            decoder.conv_s1(middle),
            coarse + pair.tracker.no_mem_embed.reshape(1, -1, 1, 1),
        )
        found = segmenter._features(pixels)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.shape == theirs.shape
        assert relative(ours, theirs) < 1e-5


def test_pixels_are_metas(pair: Pair, photo: Photo) -> None:
    found = Sam3Segmenter(pair.ours, {}, "")._pixels(photo, meta.SIZE)[0]
    processor = pytest.importorskip("sam3.model.sam3_image_processor").Sam3Processor
    transform = processor(None, resolution=meta.SIZE, device="cpu").transform
    expected = transform(torch.from_numpy(photo.transpose(2, 0, 1).copy()))
    assert float((found - expected).abs().max()) < 1e-6


@pytest.mark.parametrize("multimask", [False, True])
@pytest.mark.parametrize("earlier", [False, True])
@pytest.mark.parametrize("labels", [[1], [1, 0, 1], [2, 3], [1, 2, 3]], ids=str)
def test_masks_of_clicks_are_metas(pair: Pair, labels: list[int], earlier: bool, multimask: bool) -> None:
    size, side = checkpoint.IMAGE_SIZE, checkpoint.IMAGE_SIZE // checkpoint.PATCH
    random = np.random.default_rng(5)

    def tensor(*shape: int) -> Any:
        return torch.from_numpy(random.normal(size=shape).astype(np.float32))

    features = [
        tensor(1, 32, 4 * side, 4 * side),
        tensor(1, 64, 2 * side, 2 * side),
        tensor(1, 256, side, side),
    ]
    points = torch.from_numpy(random.random((1, len(labels), 2)).astype(np.float32) * size)
    mask = 4 * tensor(1, 1, 4 * side, 4 * side) if earlier else None
    prompts, decoder = pair.tracker.sam_prompt_encoder, pair.tracker.sam_mask_decoder
    with torch.inference_mode():
        sparse, dense = prompts(points=(points, torch.tensor([labels])), boxes=None, masks=mask)
        masks, scores, _, object_score = decoder(
            image_embeddings=features[2],
            image_pe=prompts.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=multimask,
            repeat_image=False,
            high_res_features=features[:2],
        )
        found = pair.full(
            image_embeddings=features,
            input_points=points[:, None],
            input_labels=torch.tensor([[labels]], dtype=torch.int32),
            input_masks=mask,
            multimask_output=multimask,
        )
    assert masks.std() > 0.01
    assert relative(found.pred_masks[0, 0], masks[0]) < 1e-5
    assert relative(found.iou_scores[0, 0], scores[0]) < 1e-5
    assert relative(found.object_score_logits[0, 0], object_score[0]) < 1e-5
