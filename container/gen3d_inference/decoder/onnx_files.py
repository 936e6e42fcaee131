"""The decoder's ONNX files: exported from PyTorch, with weights stored in half precision."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from gen3d_inference.decoder.contract import Tensor
from gen3d_inference.decoder.single import SingleDecoder
from gen3d_inference.decoder.split.decode import Decode
from gen3d_inference.decoder.split.mask import Mask
from gen3d_inference.decoder.split.photo_tensors import DECODED, HEIGHT_AXIS
from gen3d_inference.decoder.split.prepare import Prepare, PrepareInt8

NAMES = ("single", "prepare", "prepare_int8", "mask", "decode")
_OPSET = 20
_LARGE = 1024
"""Constants with fewer values stay as they are."""


def rounded(model: Any) -> Any:
    """A copy of the model whose matrices hold values of half precision; it still computes in single
    precision. The matrix of the positional encoding stays: it becomes an angle of many turns."""
    copied = copy.deepcopy(model)
    for part in (copied.prompt_encoder, copied.mask_decoder):
        for weight in part.parameters():
            if weight.ndim > 1:
                weight.copy_(weight.half())
    return copied


def graphs(model: Any, names: Sequence[str] = NAMES) -> dict[str, bytes]:
    """ONNX files by name, of a model from `rounded`; the same model gives the same files."""
    photo, clicks = _photo(model), _clicks(model)
    prepare = Prepare(model)
    with torch.inference_mode():
        made = prepare(*_named(photo, Prepare.inputs))
    prepared = {name: tensor.clone() for name, tensor in zip(Prepare.outputs, made, strict=True)}
    parts: dict[str, tuple[Any, dict[str, Tensor]]] = {
        "single": (SingleDecoder(model), photo | clicks),
        "prepare": (prepare, photo),
        "prepare_int8": (PrepareInt8(model), _in_8_bits(photo)),
        "mask": (Mask(model), prepared | clicks),
        "decode": (Decode(model), prepared | clicks),
    }
    return {name: _exported(*parts[name]) for name in names}


def _photo(model: Any) -> dict[str, Tensor]:
    height, width = model.prompt_encoder.image_embedding_size
    channels = model.mask_decoder.hidden_size
    return {
        "image_embed": torch.randn(1, channels, height, width).half(),
        "high_res_0": torch.randn(1, channels // 8, 4 * height, 4 * width).half(),
        "high_res_1": torch.randn(1, channels // 4, 2 * height, 2 * width).half(),
    }


def _in_8_bits(photo: Mapping[str, Tensor]) -> dict[str, Tensor]:
    made: dict[str, Tensor] = {}
    for name, tensor in photo.items():
        each = torch.ones(1, tensor.shape[1], 1, 1)
        made |= {name: tensor.byte(), f"{name}_step": each, f"{name}_lowest": each.clone()}
    return made


def _clicks(model: Any) -> dict[str, Tensor]:
    height, width = model.prompt_encoder.mask_input_size
    return {
        "point_coords": torch.rand(1, 3, 2),
        "point_labels": torch.tensor([[1.0, 0.0, -1.0]]),
        "mask_input": torch.randn(1, 1, height, width),
        "has_mask_input": torch.ones(1),
    }


def _named(tensors: Mapping[str, Tensor], names: tuple[str, ...]) -> tuple[Tensor, ...]:
    return tuple(tensors[name] for name in names)


def _exported(part: Any, examples: Mapping[str, Tensor]) -> bytes:
    points, height, width = (torch.export.Dim(name, min=1) for name in ("points", "height", "width"))
    dynamic: dict[str, dict[int, Any] | None] = dict.fromkeys(part.inputs)
    dynamic |= {name: {1: points} for name in part.inputs if name.startswith("point_")}
    if isinstance(part, Decode):
        dynamic |= {name: {HEIGHT_AXIS[name]: height, HEIGHT_AXIS[name] + 1: width} for name in DECODED}
    module: nn.Module = part.eval()
    with warnings.catch_warnings():
        # Of PyTorch's about itself: deprecations inside its exporter.
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            module,
            _named(examples, part.inputs),
            dynamo=True,
            opset_version=_OPSET,
            input_names=part.inputs,
            output_names=part.outputs,
            dynamic_shapes=dynamic if any(dynamic.values()) else None,
            verbose=False,
        )
    if program is None:
        raise RuntimeError("the exporter returned no program")
    return _stored_in_half(program.model_proto)


def _stored_in_half(model: onnx.ModelProto) -> bytes:
    """The file with large constants as float16 where that loses nothing; they are cast when it is loaded."""
    graph = model.graph
    casts = []
    for constant in graph.initializer:
        values = numpy_helper.to_array(constant)
        with np.errstate(over="ignore"):
            half = values.astype(np.float16)
        if values.dtype != np.float32 or values.size < _LARGE or not np.array_equal(half, values):
            continue
        name = constant.name
        constant.CopyFrom(numpy_helper.from_array(half, f"{name}_half"))
        casts.append(helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)
    for node in graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString(deterministic=True)
    return content
