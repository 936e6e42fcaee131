"""Words: transformers' `Sam3Model` against Meta's own package on the same random weights."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import pytest
import torch
from gen3d_inference.engines import Photo, sam3_text
from PIL import Image
from transformers import Sam3Config, Sam3Model
from transformers.modeling_outputs import BaseModelOutputWithPooling

from tests.models import meta, test_parity

pytestmark = [meta.needs_package, meta.quiet]

WORDS = "backbone.language_backbone"
NAMES = (
    (
        r"^text_encoder\.text_model\.embeddings\.position_embedding\.weight",
        f"{WORDS}.encoder.positional_embedding",
    ),
    (r"^text_encoder\.text_model\.(embeddings\.)?", f"{WORDS}.encoder."),
    (r"^text_encoder\.text_projection\.weight", f"{WORDS}.encoder.text_projection"),
    (r"^text_projection", f"{WORDS}.resizer"),
    (r"encoder\.encoder\.layers\.(\d+)\.self_attn", r"encoder.transformer.resblocks.\1.attn"),
    (r"encoder\.encoder\.layers\.(\d+)\.layer_norm", r"encoder.transformer.resblocks.\1.ln_"),
    (r"encoder\.encoder\.layers\.(\d+)\.mlp\.fc1", r"encoder.transformer.resblocks.\1.mlp.c_fc"),
    (r"encoder\.encoder\.layers\.(\d+)\.mlp\.fc2", r"encoder.transformer.resblocks.\1.mlp.c_proj"),
    (r"encoder\.final_layer_norm", "encoder.ln_final"),
    (r"^geometry_encoder\.vision_layer_norm", "geometry_encoder.img_pre_norm"),
    (r"^geometry_encoder\.prompt_layer_norm", "geometry_encoder.norm"),
    (r"^geometry_encoder\.output_layer_norm", "geometry_encoder.encode_norm"),
    (r"^geometry_encoder\.layers", "geometry_encoder.encode"),
    (r"^detr_(en|de)coder", r"transformer.\1coder"),
    (r"(encode|encoder\.layers)\.(\d+)\.cross_attn\.", r"\1.\2.cross_attn_image."),
    (r"decoder\.layers\.(\d+)\.self_attn_layer_norm", r"decoder.layers.\1.norm2"),
    (r"decoder\.layers\.(\d+)\.text_cross_attn_layer_norm", r"decoder.layers.\1.catext_norm"),
    (r"decoder\.layers\.(\d+)\.vision_cross_attn_layer_norm", r"decoder.layers.\1.norm1"),
    (r"decoder\.layers\.(\d+)\.mlp_layer_norm", r"decoder.layers.\1.norm3"),
    (r"text_cross_attn\.", "ca_text."),
    (r"vision_cross_attn\.", "cross_attn."),
    (r"decoder\.output_layer_norm", "decoder.norm"),
    (r"\.box_head", ".bbox_embed"),
    (r"\.presence_head", ".presence_token_head"),
    (r"\.presence_layer_norm", ".presence_token_out_norm"),
    (r"\.box_rpb_embed", ".boxRPB_embed"),
    (r"^mask_decoder\.mask_embedder", "segmentation_head.mask_predictor.mask_embed"),
    (r"^mask_decoder\.(instance|semantic)_projection", r"segmentation_head.\1_seg_head"),
    (r"^mask_decoder\.prompt_cross_attn_norm", "segmentation_head.cross_attn_norm"),
    (r"^mask_decoder\.prompt_cross_attn", "segmentation_head.cross_attend_prompt"),
    (r"^mask_decoder\.", "segmentation_head."),
    (r"^dot_product_scoring\.text_mlp_out_norm", "dot_prod_scoring.prompt_mlp.out_norm"),
    (r"^dot_product_scoring\.text_mlp", "dot_prod_scoring.prompt_mlp"),
    (r"^dot_product_scoring\.text_proj", "dot_prod_scoring.prompt_proj"),
    (r"^dot_product_scoring\.query_proj", "dot_prod_scoring.hs_proj"),
    (r"\.o_proj\.", ".out_proj."),
    (r"\.mlp\.fc(\d)", r".linear\1"),
    (r"\.layer_norm(\d)", r".norm\1"),
    (r"\.layer1\.", ".layers.0."),
    (r"\.layer2\.", ".layers.1."),
    (r"\.layer3\.", ".layers.2."),
)
"""What turns transformers' names of weights into Meta's; all that fit, one after another."""


class Pair(NamedTuple):
    theirs: Any
    ours: Any


def taken(name: str, theirs: dict[str, Any]) -> Any:
    """The value of one of transformers' weights among Meta's."""
    if name.startswith("vision_encoder."):
        within = {
            key.removeprefix("backbone.vision_backbone.").replace("convs.", "sam2_convs."): value
            for key, value in theirs.items()
            if key.startswith("backbone.vision_backbone.")
        }
        return test_parity.taken(name, within)
    source = name
    for pattern, replacement in NAMES:
        source = re.sub(pattern, replacement, source)
    if part := re.search(r"([qkv])_proj\.(weight|bias)$", source):
        return theirs[f"{source[: part.start()]}in_proj_{part[2]}"].chunk(3)["qkv".index(part[1])]
    value = theirs[source]
    return value.T if source.endswith("encoder.text_projection") else value


@pytest.fixture(scope="module")
def pair() -> Pair:
    with pytest.MonkeyPatch.context() as patch:
        meta.shrink(patch)
        theirs = meta.small()
    for weight in theirs.transformer.decoder.bbox_embed.parameters():
        weight.add_(torch.randn_like(weight), alpha=0.05)  # else boxes stay where they begin
    words = {
        "hidden_size": 128,
        "intermediate_size": 512,
        "num_hidden_layers": 2,
        "num_attention_heads": 16,
        "max_position_embeddings": 32,
        "hidden_act": "gelu",
    }
    ours = Sam3Model(Sam3Config(vision_config=test_parity.vision(meta.SIZE), text_config=words))
    ours = ours.eval().requires_grad_(False)
    values = theirs.state_dict()
    state = {
        name: taken(name, values).reshape(value.shape).clone() for name, value in ours.state_dict().items()
    }
    ours.load_state_dict(state, strict=True)
    return Pair(theirs, ours)


@pytest.mark.parametrize("text", ["chair", "a small red wooden chair with three legs"])
def test_what_words_find_is_metas(pair: Pair, photo: Photo, text: str) -> None:
    """Meta adds a token of the geometry encoder to every prompt, transformers only where boxes are given."""
    processor = pytest.importorskip("sam3.model.sam3_image_processor").Sam3Processor
    meta_processor = processor(pair.theirs, resolution=meta.SIZE, device="cpu", confidence_threshold=0)
    tokens = pair.theirs.backbone.language_backbone.tokenizer([text], context_length=32)
    with torch.inference_mode(), sam3_text.device_mode():
        state = meta_processor.set_text_prompt(text, meta_processor.set_image(Image.fromarray(photo)))
        expected = pair.theirs.forward_grounding(
            backbone_out=state["backbone_out"],
            find_input=meta_processor.find_stage,
            geometric_prompt=state["geometric_prompt"],
            find_target=None,
        )
        pixels = meta_processor.transform(torch.from_numpy(photo.transpose(2, 0, 1).copy()))[None]
        seen = pair.ours.get_vision_features(pixels)
        read = pair.ours.get_text_features(tokens, tokens != 0).pooler_output
        added = pair.ours.geometry_encoder(
            box_embeddings=torch.zeros(1, 0, 4),
            box_mask=torch.zeros(1, 0, dtype=torch.bool),
            box_labels=torch.zeros(1, 0, dtype=torch.long),
            img_feats=seen.fpn_hidden_states[:-1],
            img_pos_embeds=seen.fpn_position_encoding[:-1],
        ).last_hidden_state
        found = pair.ours(
            vision_embeds=seen,
            text_embeds=BaseModelOutputWithPooling(pooler_output=torch.cat([read, added], dim=1)),
            attention_mask=torch.cat([tokens != 0, torch.ones(1, 1, dtype=torch.bool)], dim=1),
        )
    centre, size = expected["pred_boxes"][0].split(2, dim=-1)
    for name, ours, theirs in (
        ("logits", found.pred_logits, expected["pred_logits"][..., 0]),
        ("presence", found.presence_logits, expected["presence_logit_dec"]),
        ("boxes", found.pred_boxes[0], torch.cat([centre - size / 2, centre + size / 2], dim=-1)),
        ("masks", found.pred_masks, expected["pred_masks"]),
    ):
        assert ours.shape == theirs.shape, name
        assert theirs.std() > 0 or theirs.numel() == 1, name
        assert test_parity.relative(ours, theirs) < 1e-4, name
