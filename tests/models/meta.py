"""SAM 3 in Meta's own package, with random weights and fewer layers. `make test-sam3` has the environment."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from gen3d_inference.engines import sam3_text

needs_package = pytest.mark.skipif(
    importlib.util.find_spec("sam3") is None,
    reason="Meta's package sam3 is not in this environment; `make test-sam3` makes one with it",
)
quiet = pytest.mark.filterwarnings("ignore")
"""Of what the package warns on a machine without a GPU is not ours to mend."""
SIZE = 336
"""Width and height of what the small model sees, in px: 24 x 24 patches."""
VISION: dict[str, Any] = {
    "img_size": SIZE,
    "embed_dim": 128,
    "depth": 2,
    "num_heads": 4,
    "window_size": 12,
    "global_att_blocks": (1,),
}


def vocabulary() -> Path:
    """The words' vocabulary, as another package brings it: the file that `weights fetch` downloads."""
    found = importlib.util.find_spec("open_clip")
    assert found
    assert found.origin
    return Path(found.origin).parent / "bpe_simple_vocab_16e6.txt.gz"


def shrink(patch: pytest.MonkeyPatch) -> None:
    """Let Meta's builder, whose sizes are fixed, make image and text encoders of two layers, for SIZE px."""
    builder = import_module("sam3.model_builder")
    for name, changes in {
        "ViT": VISION,
        "VETextEncoder": {"width": 128, "layers": 2},
        "TransformerDecoder": {"resolution": SIZE},
    }.items():
        patch.setattr(builder, name, _changed(getattr(builder, name), changes))


def small(seed: int = 1) -> Any:
    """The image model by Meta's builder; call shrink first. What that leaves without values gets some."""
    torch.manual_seed(seed)
    model = sam3_text.built(vocabulary()).requires_grad_(False)
    words = model.backbone.language_backbone.encoder
    for weight in (words.positional_embedding, words.text_projection):
        weight.normal_(std=0.1)
    return model


def click_model(seed: int = 1) -> tuple[Any, Any]:
    """Image encoder and tracker, the parts that clicks need; call shrink first."""
    torch.manual_seed(seed)
    builder = import_module("sam3.model_builder")
    with sam3_text.device_mode():
        encoder = builder._create_vision_backbone(enable_inst_interactivity=True)
        tracker = builder.build_tracker(apply_temporal_disambiguation=False)
    return encoder.eval().requires_grad_(False), tracker.eval().requires_grad_(False)


def _changed(made: Callable[..., Any], changes: Any) -> Callable[..., Any]:
    return lambda *arguments, **keywords: made(*arguments, **{**keywords, **changes})
