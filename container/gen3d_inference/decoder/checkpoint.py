"""The model behind the decoder: from its weights, or with random ones of the same shapes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import Sam3TrackerConfig, Sam3TrackerModel

from gen3d_inference.engines import EngineUnavailable

IMAGE_SIZE = 1008
PATCH = 14
CHECKPOINT = ("config.json", "model.safetensors")
"""Files of the hub's facebook/sam3 that transformers reads."""


def pretrained(folder: Path, dtype: torch.dtype = torch.float32) -> Any:
    """The model of a folder with the files of facebook/sam3. Raises EngineUnavailable."""
    if missing := [name for name in CHECKPOINT if not (folder / name).is_file()]:
        raise EngineUnavailable(
            f"SAM 3's weights are not in {folder}: {', '.join(missing)} missing. Get them with "
            "`python -m gen3d_inference.weights fetch` (docs/models.md), or set GEN3D_WEIGHTS to the folder "
            "that holds the folder sam3."
        )
    try:
        model, about = Sam3TrackerModel.from_pretrained(
            folder, dtype=dtype, local_files_only=True, output_loading_info=True
        )
    except (SafetensorError, OSError, RuntimeError, TypeError, ValueError) as error:
        raise EngineUnavailable(
            f"SAM 3's weights in {folder} cannot be read ({type(error).__name__}: {error}). See which file "
            "is damaged with `python -m gen3d_inference.weights verify`, and get it anew with "
            "`python -m gen3d_inference.weights fetch` (docs/models.md)."
        ) from error
    # transformers would leave them random, with a warning.
    if lost := sorted([*about["missing_keys"], *about["mismatched_keys"]], key=str):
        raise EngineUnavailable(
            f"{folder} holds other weights than SAM 3's: {len(lost)} are missing or have another shape, such "
            f"as {lost[0]}. Get them anew with `python -m gen3d_inference.weights fetch` (docs/models.md)."
        )
    return model.eval().requires_grad_(False)


def random(image_size: int = IMAGE_SIZE, seed: int = 1) -> Any:
    """A model with random weights: the decoder as large as SAM 3's, the image encoder as small as can be.

    Prompt encoder and mask decoder get weights that spread: with those that training begins with, attention
    is even everywhere, and a wrong decoder would pass for a right one.
    """
    torch.manual_seed(seed)
    side = image_size // PATCH
    backbone = {
        "model_type": "sam3_vit_model",
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": image_size,
        "pretrain_image_size": image_size // 2,
        "window_size": side // 2,
        "global_attn_indexes": [1],
    }
    vision = {
        "model_type": "sam3_vision_model",
        "backbone_config": backbone,
        "backbone_feature_sizes": [[4 * side] * 2, [2 * side] * 2, [side] * 2],
    }
    config = Sam3TrackerConfig(vision_config=vision, prompt_encoder_config={"image_size": image_size})
    model = Sam3TrackerModel(config).eval().requires_grad_(False)
    for part in (model.prompt_encoder, model.mask_decoder):
        for name, weight in part.named_parameters():
            if weight.ndim == 1:
                weight.add_(torch.randn_like(weight), alpha=0.1)
            else:
                weight.mul_(4 if "q_proj" in name or "k_proj" in name else 2)
    return model
