"""Random weights in the form of facebook/sam3: `python -m tests.models.weights FOLDER`, where torch is."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from gen3d_inference import export_decoder
from gen3d_inference.decoder import checkpoint
from safetensors.torch import save_file

FILE = "model.safetensors"
SMALL = 112
"""Width and height of what the small model sees, in px."""


def lay_out(model: Any, folder: Path) -> None:
    """Write a model as the hub has it: the whole video model, in which the tracker takes the detector's image
    encoder."""
    config = {"model_type": "sam3_video", "tracker_config": model.config.to_dict()}
    (folder / "config.json").write_text(json.dumps(config))
    weights = {_on_the_hub(name): part.contiguous() for name, part in model.state_dict().items()}
    save_file(weights, folder / FILE, {"format": "pt"})


def _on_the_hub(name: str) -> str:
    for ours, theirs in (
        ("vision_encoder.backbone.", "detector_model.vision_encoder.backbone."),
        ("vision_encoder.neck.", "tracker_neck."),
    ):
        if name.startswith(ours):
            return name.replace(ours, theirs)
    return f"tracker_model.{name}"


def main(weights: Path) -> None:
    """Write `sam3/` with its decoder into a folder that GEN3D_WEIGHTS may name."""
    folder = weights / "sam3"
    folder.mkdir(parents=True)
    lay_out(checkpoint.random(SMALL), folder)
    (folder / export_decoder.LICENCE).write_text("SAM License\n")
    export_decoder.main(["--weights", str(folder), "--out", str(folder / "decoder")])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
