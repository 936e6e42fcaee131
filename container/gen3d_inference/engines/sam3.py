"""The segmenter `sam3`: SAM 3's image encoder. Clicks are decoded where the person is (decoder/)."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gen3d_events.inference import Role
from gen3d_events.models import Engine
from numpy.typing import NDArray
from torch.nn.functional import interpolate

from gen3d_inference.decoder.checkpoint import pretrained
from gen3d_inference.engines import Embedding, EngineUnavailable, Photo, weights_folder

_TENSORS = ("high_res_0", "high_res_1", "image_embed")
"""As the encoder gives them, from fine to coarse."""
_DECODERS: dict[tuple[str, str], dict[Role, str]] = {
    ("split", "float16"): {"prepare": "prepare", "mask": "mask", "decode": "decode"},
    ("split", "uint8"): {"prepare": "prepare_int8", "mask": "mask", "decode": "decode"},
    ("single", "float16"): {"decode": "single"},
}
"""Files of a decoder by role, by form and type of the embedding."""


class Sam3Segmenter:
    """A model of `Sam3TrackerModel`, its decoder's graphs, and the licence that travels with these.

    in_8_bits: the embedding as uint8, at half the size.
    """

    engine = Engine(
        name="sam3", version=f"transformers {metadata.version('transformers')}", weight_free=False
    )

    def __init__(self, model: Any, decoder: dict[Role, bytes], licence: str, in_8_bits: bool = False) -> None:
        self._model = model
        self._decoder = decoder
        self._licence = licence
        self._in_8_bits = in_8_bits

    @classmethod
    def load(cls, environment: Mapping[str, str]) -> Sam3Segmenter:
        """Weights and decoder from the folder `sam3` of GEN3D_WEIGHTS, on the GPU if there is one.

        GEN3D_SAM3_DECODER: `split` (three graphs, the default) or `single`. GEN3D_SAM3_EMBEDDING: `float16`
        (the default) or `uint8`. Raises EngineUnavailable.
        """
        form = environment.get("GEN3D_SAM3_DECODER", "split")
        kind = environment.get("GEN3D_SAM3_EMBEDDING", "float16")
        if (form, kind) not in _DECODERS:
            known = "; ".join(f"{form} with {kind}" for form, kind in _DECODERS)
            raise EngineUnavailable(
                f"GEN3D_SAM3_DECODER is {form} with GEN3D_SAM3_EMBEDDING {kind}. Set them to one of: {known}."
            )
        folder = weights_folder(environment) / "sam3"
        graphs = {role: _decoder(folder, f"{name}.onnx") for role, name in _DECODERS[form, kind].items()}
        licence = _decoder(folder, "LICENSE").decode()
        model = pretrained(folder, _dtype()).to(_device())
        return cls(model, graphs, licence, in_8_bits=kind == "uint8")

    def embed(self, photo: Photo) -> Embedding:
        """The tensors `image_embed` [1, 256, 72, 72], `high_res_0` [1, 32, 288, 288] and `high_res_1`
        [1, 64, 144, 144], float16; or uint8, with `NAME_lowest` and `NAME_step` float32 [1, channels, 1, 1]:
        the value is lowest + uint8 * step."""
        prompts = self._model.prompt_encoder
        size: int = prompts.input_image_size
        with torch.inference_mode():
            features = self._features(self._pixels(photo, size))
            tensors: dict[str, NDArray[Any]] = {}
            for name, view in zip(_TENSORS, features, strict=True):
                feature = view.contiguous()  # safetensors writes memory as it lies
                tensors |= _in_8_bits(name, feature.float()) if self._in_8_bits else _in_half(name, feature)
        height, width = prompts.mask_input_size
        return Embedding(
            tensors=tensors,
            input_size=(size, size),
            mask_size=(width, height),
            preprocessing=f"RGB, stretched to {size} x {size} px, bilinear, antialiased, (x/255 - 0.5)/0.5",
            decoder=self._decoder,
            licence=self._licence,
        )

    def _features(self, pixels: torch.Tensor) -> list[torch.Tensor]:
        """The tensors of _TENSORS as the decoder takes them.

        Not by `get_image_embeddings`: in transformers 5.23.0 that adds the embedding of "no memory" to a
        fourth, coarser tensor, which it then drops, and not to `image_embed`, as Meta's own code does.
        """
        flat = self._model.get_image_features(pixels, return_dict=True).fpn_hidden_states
        maps = [
            feature.permute(1, 2, 0).unflatten(2, size)
            for feature, size in zip(flat, self._model.backbone_feature_sizes, strict=False)
        ]
        maps[-1] = maps[-1] + self._model.no_memory_embedding.reshape(1, -1, 1, 1)
        return maps

    def _pixels(self, photo: Photo, size: int) -> torch.Tensor:
        """[1, 3, size, size] in -1..1. Interpolated in 8 bits, as in training."""
        whole = torch.from_numpy(np.ascontiguousarray(photo.transpose(2, 0, 1)))[None]
        stretched = interpolate(whole, size=(size, size), mode="bilinear", antialias=True)
        pixels = (stretched.float() / 255 - 0.5) / 0.5
        return pixels.to(self._model.device, self._model.dtype)


def _decoder(folder: Path, name: str) -> bytes:
    path = folder / "decoder" / name
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise EngineUnavailable(
            f"SAM 3's decoder is not at {path}. Make it with `python -m gen3d_inference.export_decoder "
            f"--weights {folder} --out {path.parent}`."
        ) from error


def _device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


def _dtype() -> torch.dtype:
    """Half precision on a GPU, of the kind that it computes with; single on a CPU."""
    if not torch.cuda.is_available():
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16


def _in_half(name: str, feature: torch.Tensor) -> dict[str, NDArray[Any]]:
    half = feature.half()
    if not bool(torch.isfinite(half).all()):
        raise RuntimeError(f"{name} does not fit into half precision")
    return {name: half.cpu().numpy()}


def _in_8_bits(name: str, feature: torch.Tensor) -> dict[str, NDArray[Any]]:
    lowest, highest = feature.amin((2, 3), keepdim=True), feature.amax((2, 3), keepdim=True)
    step = (highest - lowest).clamp(min=1e-12) / 255
    made = {name: ((feature - lowest) / step).round().byte(), f"{name}_step": step, f"{name}_lowest": lowest}
    return {key: tensor.cpu().numpy() for key, tensor in made.items()}
