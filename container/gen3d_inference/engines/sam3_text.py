"""The detector `sam3_text`: what the words say, found by SAM 3 in Meta's own package."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gen3d_events.models import Engine
from torch.nn.functional import interpolate
from torch.overrides import TorchFunctionMode

from gen3d_inference.decoder.checkpoint import IMAGE_SIZE
from gen3d_inference.engines import Detection, Detections, EngineUnavailable, Photo, weights_folder
from gen3d_inference.weights.manifest import WeightsInvalid, verify

CHECKPOINT = "sam3/sam3.pt"
VOCABULARY = "sam3/bpe_simple_vocab_16e6.txt.gz"
LEAST_SCORE = 0.5
"""Upstream's default."""
_DETECTOR = "detector."
"""What the names of the image model's weights begin with; the checkpoint is of the video model."""


class Sam3Detector:
    """A model of `build_sam3_image_model`.

    size: width and height of what it sees, in px. least_score: below this nothing counts as found.
    """

    def __init__(self, model: Any, size: int = IMAGE_SIZE, least_score: float = LEAST_SCORE) -> None:
        # Imported by name: the package has no types.
        processor = import_module("sam3.model.sam3_image_processor").Sam3Processor
        self._processor = processor(
            model, resolution=size, device=_device(), confidence_threshold=least_score
        )
        self._size = size
        self.engine = Engine(name="sam3_text", version=f"sam3 {metadata.version('sam3')}", weight_free=False)

    @classmethod
    def load(cls, environment: Mapping[str, str]) -> Sam3Detector:
        """Checkpoint and vocabulary, verified, from the folder `sam3` of GEN3D_WEIGHTS.

        GEN3D_SAM3_TEXT_SCORE: the least score, 0.5 by default. Raises EngineUnavailable.
        """
        folder = weights_folder(environment)
        try:
            verify(folder, ("sam3",))
        except WeightsInvalid as error:
            raise EngineUnavailable(f"sam3_text's weights: {error}") from error
        if lacking := [name for name in (CHECKPOINT, VOCABULARY) if not (folder / name).is_file()]:
            raise EngineUnavailable(
                f"sam3_text needs {', '.join(lacking)} in {folder}. Fetch the weights again "
                "(`python -m gen3d_inference.weights fetch`)."
            )
        model = built(folder / VOCABULARY)
        restore(model, folder / CHECKPOINT)
        return cls(model, IMAGE_SIZE, float(environment.get("GEN3D_SAM3_TEXT_SCORE", LEAST_SCORE)))

    def detect(self, photo: Photo, text: str, most: int) -> Detections:
        """See Detector. Words beyond the 30th or so are not read: the model takes 32 tokens."""
        height, width, _ = photo.shape
        whole = torch.from_numpy(np.ascontiguousarray(photo.transpose(2, 0, 1)))[None]
        # The model sees no more of it, and masks of every object at a photo's own size can fill a GPU.
        seen = interpolate(whole, size=(self._size, self._size), mode="bilinear", antialias=True)[0]
        with torch.inference_mode(), device_mode(), _half_precision():
            found = self._processor.set_text_prompt(text, self._processor.set_image(seen))
            scores = found["scores"].float()
            made = [
                Detection(
                    mask=_mask(found["masks_logits"][number], height, width),
                    score=float(scores[number]),
                    box=self._box(found["boxes"][number], height, width),
                )
                for number in scores.argsort(descending=True)[:most].tolist()
            ]
        return Detections([one for one in made if one.mask.any()])

    def _box(self, box: torch.Tensor, height: int, width: int) -> tuple[float, float, float, float]:
        left, top, right, bottom = (box.float().clamp(0, self._size) / self._size).tolist()
        return left * width, top * height, right * width, bottom * height


def built(vocabulary: Path) -> Any:
    """Meta's image model with random weights, on the GPU if there is one."""
    with warnings.catch_warnings(), device_mode():
        warnings.simplefilter("ignore")  # of a machine without a GPU
        build: Callable[..., Any] = import_module("sam3.model_builder").build_sam3_image_model
        return build(bpe_path=str(vocabulary), device=_device(), checkpoint_path=None, load_from_HF=False)


def restore(model: Any, checkpoint: Path) -> None:
    """Give a model the weights of a checkpoint. Raises EngineUnavailable if one is missing: upstream's own
    loader would leave it random, and say so in passing.
    """
    stored = torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)
    stored = stored.get("model", stored)
    ours = {name.removeprefix(_DETECTOR): it for name, it in stored.items() if name.startswith(_DETECTOR)}
    missing = model.load_state_dict(ours, strict=False).missing_keys
    if missing:
        raise EngineUnavailable(
            f"{checkpoint} lacks {len(missing)} weights, such as {missing[0]}. Fetch it again "
            "(`python -m gen3d_inference.weights fetch`)."
        )


def _mask(probabilities: torch.Tensor, height: int, width: int) -> Any:
    full = interpolate(probabilities[None].float(), size=(height, width), mode="bilinear")
    return (full[0, 0] > 0.5).cpu().numpy()


def _device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


def _half_precision() -> AbstractContextManager[Any]:
    """bf16 on a GPU, as upstream runs it, and for this engine alone."""
    return torch.autocast("cuda", torch.bfloat16) if torch.cuda.is_available() else nullcontext()


def device_mode() -> AbstractContextManager[Any]:
    """In which upstream's code runs without a GPU."""
    return nullcontext() if torch.cuda.is_available() else _WithoutGpu()


class _WithoutGpu(TorchFunctionMode):  # type: ignore[misc]  # torch is not where types are checked
    """Upstream writes "cuda" into some places, and pins memory; here both are the CPU's."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        if func is torch.Tensor.pin_memory:
            return args[0]
        if str(named.get("device", "")).startswith("cuda"):
            named = {**named, "device": "cpu"}
        return func(*args, **named)
