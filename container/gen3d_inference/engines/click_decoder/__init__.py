"""The decoder of the segmenter `classical`: an ONNX graph that turns clicks into masks by hand-made rules.

Each click and box weighs the regions that `regions` proposes. Where the photo's border is uneven, evidence of
single px is added: a px belongs to the object if it is like a place that was clicked, no edges lie on the way
from there, and it is more like those places than like the ones that were clicked away. Candidates 1, 2 and 3
(part, object, whole) prefer larger regions more and more; 0 is the one to take, and equals 2.
"""

from __future__ import annotations

from functools import cache

from onnx import checker, parser

from gen3d_inference.engines.click_decoder.evidence import MASKS
from gen3d_inference.engines.click_decoder.likely_regions import REGIONS
from gen3d_inference.engines.click_decoder.places import PLACES
from gen3d_inference.engines.click_decoder.signature import COARSE, FINER, SIGNATURE

__all__ = ["COARSE", "FINER", "click_decoder"]


@cache
def click_decoder() -> bytes:
    """The graph, as the bytes of an ONNX file (opset 17).

    Inputs: the tensors of `classical`; `point_coords` float32 [1, N, 2], x and y in px of the superpixels,
    twice as fine as the features; `point_labels` float32 [1, N]: 1 object, 0 background, 2 and 3 corners of a
    box, -1 padding; `mask_input` float32 [1, 1, h, w], earlier logits, which count where `has_mask_input`
    float32 [1] is 1.
    Outputs: `masks` float32 [1, 4, h, w], logits; `scores` float32 [1, 4], 0..1; `object_score` float32 [1],
    a logit.
    """
    model = parser.parse_model(f"{SIGNATURE} {{ {PLACES} {REGIONS} {MASKS} }}")
    checker.check_model(model, full_check=True)
    serialised: bytes = model.SerializeToString()
    return serialised
