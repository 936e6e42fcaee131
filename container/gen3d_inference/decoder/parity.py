"""Whether exported graphs make the masks that PyTorch makes. What does not is not published."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from gen3d_inference.decoder.contract import INPUTS, OUTPUTS
from gen3d_inference.decoder.single import SingleDecoder

Arrays = dict[str, NDArray[Any]]

MOST_LOGITS_APART = 1e-3
"""Of the single graph and PyTorch, both with the weights as they are stored."""
LEAST_IOU = 0.999
"""Of the masks with stored weights and with the model's own, all px of all probes together."""
MOST_FORMS_APART = 1e-5
"""Of the three graphs and the single one. Like the first it is a share of the largest logit, if that exceeds
1: single precision has 7 digits."""


class NotAlike(Exception):
    """Exported graphs make other masks than they should. The message says which and by how much."""


@dataclass(frozen=True)
class Parity:
    """The largest differences over all probes."""

    logits: float
    iou: float
    forms: float


def check(model: Any, stored: Any, graphs: Mapping[str, bytes]) -> Parity:
    """Hold graphs against PyTorch. model: with its own weights; stored: as in the files. Raises NotAlike."""
    sessions = {name: session(graph) for name, graph in graphs.items()}
    logits = forms = 0.0
    common = either = 0
    for name, probe in probes(model):
        reference, own = _in_pytorch(stored, probe), _in_pytorch(model, probe)
        single, split = run_single(sessions, probe), run_split(sessions, probe)
        logits = float(np.maximum(logits, _apart(single, reference)))  # what is no number stays so
        forms = float(np.maximum(forms, _apart(split, single)))
        ours, theirs = single["masks"] > 0, own["masks"] > 0
        common, either = common + int((ours & theirs).sum()), either + int((ours | theirs).sum())
        for told, holds in (
            (f"the single graph differs from PyTorch by {logits:.1e}", logits <= MOST_LOGITS_APART),
            (f"the three graphs differ from the single one by {forms:.1e}", forms <= MOST_FORMS_APART),
        ):
            if not holds:
                raise NotAlike(f"{name}: {told}.")
    iou = common / max(either, 1)
    if iou < LEAST_IOU:
        raise NotAlike(f"Masks of stored weights overlap with the model's by {iou:.5f}.")
    return Parity(logits, iou, forms)


def probes(model: Any) -> Iterator[tuple[str, Arrays]]:
    """Inputs of every kind, by name: points, boxes, both, padding, many points, an earlier mask."""
    height, width = model.prompt_encoder.image_embedding_size
    channels = model.mask_decoder.hidden_size
    random = np.random.default_rng(7)
    photo: Arrays = {
        "image_embed": random.standard_normal((1, channels, height, width)).astype(np.float16),
        "high_res_0": random.standard_normal((1, channels // 8, 4 * height, 4 * width)).astype(np.float16),
        "high_res_1": random.standard_normal((1, channels // 4, 2 * height, 2 * width)).astype(np.float16),
    }
    earlier = 8 * random.standard_normal((1, 1, 4 * height, 4 * width)).astype(np.float32)
    for name, labels in {
        "one point": [1],
        "three points": [1, 0, 1],
        "a box": [2, 3],
        "points and a box": [1, 0, 2, 3],
        "padding": [1, -1, 0, -1],
        "nothing but padding": [-1],
        "20 points": [1, 0] * 10,
    }.items():
        points = random.random((1, len(labels), 2)) * model.prompt_encoder.input_image_size
        for masked in (False, True):
            yield (
                f"{name} and an earlier mask" if masked else name,
                {
                    **photo,
                    "point_coords": points.astype(np.float32),
                    "point_labels": np.array([labels], np.float32),
                    "mask_input": earlier if masked else np.zeros_like(earlier),
                    "has_mask_input": np.array([masked], np.float32),
                },
            )


def session(graph: bytes, threads: int = 0) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def run(session: Any, given: Mapping[str, Any]) -> Arrays:
    """One graph, with what it declares of what is given."""
    names = [output.name for output in session.get_outputs()]
    inputs = {wanted.name: given[wanted.name] for wanted in session.get_inputs()}
    return dict(zip(names, session.run(names, inputs), strict=True))


def run_single(sessions: Mapping[str, Any], probe: Arrays) -> Arrays:
    return run(sessions["single"], probe)


def run_split(sessions: Mapping[str, Any], probe: Arrays) -> Arrays:
    """As a client does (gen3d.clicks)."""
    given = {**probe, **run(sessions["prepare"], probe)}
    if probe["has_mask_input"][0]:
        masked = run(sessions["mask"], given)
        given |= {name.removeprefix("masked_"): tensor for name, tensor in masked.items()}
    return run(sessions["decode"], given)


def _in_pytorch(model: Any, probe: Arrays) -> Arrays:
    with torch.inference_mode():
        outputs = SingleDecoder(model)(*(torch.from_numpy(probe[name]) for name in INPUTS))
    return {name: output.numpy() for name, output in zip(OUTPUTS, outputs, strict=True)}


def _apart(these: Arrays, those: Arrays) -> float:
    differences = [
        np.abs(these[name] - those[name]).max() / max(1.0, np.abs(those[name]).max()) for name in OUTPUTS
    ]
    return float(np.max(differences))
