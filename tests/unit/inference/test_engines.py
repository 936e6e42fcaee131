"""Engines are chosen by name, never by fallback; what they make is stored as it is."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from gen3d_inference.engines import Embedding, EngineUnavailable, reconstructor_maker, segmenter_maker
from gen3d_inference.server import main
from safetensors.numpy import load

WEIGHT_FREE = {"GEN3D_SEGMENTER": "classical", "GEN3D_RECONSTRUCTOR": "relief", "MODEL_BUCKET": "models"}


def test_the_named_engines_say_who_they_are() -> None:
    segmenter, reconstructor = (
        segmenter_maker(WEIGHT_FREE)().engine,
        reconstructor_maker(WEIGHT_FREE)().engine,
    )
    assert (segmenter.name, segmenter.version, segmenter.weight_free) == ("classical", "1.0", True)
    assert (reconstructor.name, reconstructor.version, reconstructor.weight_free) == ("relief", "1.0", True)


def test_tensors_are_stored_in_their_order_however_they_lie_in_memory() -> None:
    turned = np.arange(6, dtype=np.float32).reshape(2, 3).T
    stored = load(Embedding({"turned": turned}, (1, 1), (1, 1), "stretch", {}).content)
    np.testing.assert_array_equal(stored["turned"], turned)


@pytest.mark.parametrize("name", [None, "", "sam4", "Classical", "relief"])
def test_another_segmenter_is_refused_with_what_to_do(name: str | None) -> None:
    environment = {} if name is None else {"GEN3D_SEGMENTER": name}
    with pytest.raises(EngineUnavailable, match=r"GEN3D_SEGMENTER .*Set it to one of: classical"):
        segmenter_maker(environment)


@pytest.mark.parametrize("name", [None, "", "sam4d", "classical"])
def test_another_reconstructor_is_refused_with_what_to_do(name: str | None) -> None:
    environment = {} if name is None else {"GEN3D_RECONSTRUCTOR": name}
    with pytest.raises(EngineUnavailable, match=r"GEN3D_RECONSTRUCTOR .*Set it to one of: relief"):
        reconstructor_maker(environment)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"GEN3D_TASKS": "all"},
            "GEN3D_TASKS is all. Set it to both, or to one or more of embed, reconstruct, segment",
        ),
        ({"GEN3D_TASKS": "embed,segment"}, "GEN3D_DETECTOR is not set. Set it to one of: sam3_text"),
        ({"GEN3D_TASKS": "segment", "GEN3D_DETECTOR": "sam4"}, "GEN3D_DETECTOR is sam4, which is no engine"),
        ({"GEN3D_RECONSTRUCTOR": ""}, "GEN3D_RECONSTRUCTOR is not set"),
        ({"MODEL_BUCKET": ""}, "MODEL_BUCKET is not set"),
        ({"PORT": "http"}, "PORT is http. Set it to a number"),
        ({"PORT": "65536"}, "PORT is 65536. Set it to a number"),
    ],
)
def test_the_server_does_not_start_and_says_why(change: dict[str, str], said: str) -> None:
    with pytest.raises(SystemExit, match=said):
        main({**WEIGHT_FREE, **change})


def test_its_process_ends_with_the_message() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "gen3d_inference.server", "serve"],
        env={"PYTHONPATH": "container:events", **WEIGHT_FREE, "GEN3D_SEGMENTER": "sam4"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert "GEN3D_SEGMENTER is sam4, which is no engine" in ended.stderr
    assert "Traceback" not in ended.stderr
