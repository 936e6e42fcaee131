"""The exported decoder: it makes PyTorch's masks, and one that does not is not written."""

from __future__ import annotations

import copy
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from gen3d_inference import export_decoder
from gen3d_inference.decoder import onnx_files, parity
from gen3d_inference.decoder.contract import candidates
from gen3d_inference.engines import EngineUnavailable
from numpy.typing import NDArray
from torch.nn.functional import interpolate

from tests.models.conftest import SIZE, Exported


def graphs(exported: Exported) -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in exported.decoder.glob("*.onnx")}


def test_the_export_agrees_with_pytorch_and_with_itself(exported: Exported) -> None:
    assert exported.parity.logits <= 1e-5
    assert exported.parity.forms <= 1e-5
    assert exported.parity.iou >= 0.999


def test_the_licence_lies_beside_the_graphs(exported: Exported) -> None:
    names = {path.name for path in exported.decoder.iterdir()}
    assert names == {
        "LICENSE", "single.onnx", "prepare.onnx", "prepare_int8.onnx", "mask.onnx", "decode.onnx",
    }  # fmt: skip
    assert (exported.decoder / "LICENSE").read_text() == "SAM License\n"


def test_without_a_licence_there_is_no_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.files", lambda _: None)
    with pytest.raises(EngineUnavailable, match="SAM License"):
        export_decoder.licence(tmp_path)


@pytest.mark.parametrize("module", ["torch", "onnx", "onnxscript"])
def test_without_the_packages_of_an_export_there_is_none(tmp_path: Path, module: str) -> None:
    out = tmp_path / "decoder"
    code = (
        f"import runpy, sys; sys.modules['{module}'] = None; "
        f"sys.argv[1:] = ['--random-weights', '--out', '{out}']; "
        "runpy.run_module('gen3d_inference.export_decoder', run_name='__main__')"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert re.search(rf"No decoder was written: .*{module}.* run this with an interpreter", ended.stderr)
    assert not out.exists()


@pytest.mark.parametrize("out", ["file", "file/decoder"])
def test_where_no_folder_can_be_is_said_before_anything_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], out: str
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit) as ended:
        export_decoder.main(["--weights", str(tmp_path / "none"), "--out", str(tmp_path / out)])
    assert ended.value.code == 2
    assert f"{tmp_path / out} is no folder that can be written" in capsys.readouterr().err


def test_weights_are_stored_in_half_and_the_angles_are_not(exported: Exported) -> None:
    for name, graph in graphs(exported).items():
        stored = onnx.load_from_string(graph).graph.initializer
        half = sum(np.prod(it.dims) for it in stored if it.data_type == onnx.TensorProto.FLOAT16)
        single = sum(np.prod(it.dims) for it in stored if it.data_type == onnx.TensorProto.FLOAT)
        assert single < 60_000 < half, name
    assert 8_000_000 < len(graphs(exported)["decode"]) < 9_500_000


def test_the_same_weights_give_the_same_file(exported: Exported) -> None:
    """Keys of decoders are hashes of their content."""
    again = onnx_files.graphs(onnx_files.rounded(exported.model), ["prepare", "mask"])
    assert again == {name: graphs(exported)[name] for name in again}


@pytest.mark.parametrize("multimask", [False, True])
@pytest.mark.parametrize("labels", [[1], [1, 0, 1], [2, 3], [1, 2, 3]])
def test_candidates_are_what_the_model_itself_gives(
    exported: Exported, labels: list[int], multimask: bool
) -> None:
    """Candidate 0 is its single mask, 1 to 3 its several ones."""
    stored = onnx_files.rounded(exported.model)
    probe = dict(parity.probes(stored))["one point"]
    points = np.random.default_rng(3).random((1, len(labels), 2)) * SIZE
    probe |= {
        "point_coords": points.astype(np.float32),
        "point_labels": np.array([labels], np.float32),
    }
    sessions = {name: parity.session(graph) for name, graph in graphs(exported).items()}
    found = parity.run_split(sessions, probe)
    features = [torch.from_numpy(probe[name]).float() for name in ("high_res_0", "high_res_1", "image_embed")]
    with torch.inference_mode():
        expected = stored(
            image_embeddings=features,
            input_points=torch.from_numpy(probe["point_coords"])[:, None],
            input_labels=torch.tensor([[labels]], dtype=torch.int32),
            multimask_output=multimask,
        )
    which = slice(1, 4) if multimask else slice(0, 1)
    assert np.abs(found["masks"][0, which] - expected.pred_masks[0, 0].numpy()).max() < 1e-5
    assert np.abs(found["scores"][0, which] - expected.iou_scores[0, 0].numpy()).max() < 1e-5
    assert np.abs(found["object_score"] - expected.object_score_logits[0, 0].numpy()).max() < 1e-5


@pytest.mark.parametrize("kind", ["stable", "unstable", "empty"])
def test_the_candidate_to_take_is_chosen_as_the_model_chooses(exported: Exported, kind: str) -> None:
    decoder = exported.model.mask_decoder
    masks = 10 * torch.randn(1, 4, 30, 40).sign()
    if kind == "unstable":
        masks[0, 0] *= decoder.dynamic_multimask_stability_delta / 100
    if kind == "empty":
        masks[0, 0] = -10
    scores = torch.tensor([[0.1, 0.2, 0.9, 0.3]])
    taken, score = candidates(exported.model, masks, scores)
    expected, expected_score = decoder._dynamic_multimask_via_stability(masks[None], scores[None])
    assert torch.equal(taken[:, :1], expected[0])
    assert torch.equal(score[:, :1], expected_score[0])
    assert torch.equal(taken[:, 1:], masks[:, 1:])
    assert torch.equal(taken[:, :1], masks[:, 2:3] if kind == "unstable" else masks[:, :1])


def smooth(random: np.random.Generator, channels: int, side: int) -> NDArray[np.float16]:
    """[1, channels, side, side] that changes slowly, as what is seen in a photo does."""
    few = torch.from_numpy(random.standard_normal((1, channels, 2, 2)))
    larger = interpolate(few, size=(side, side), mode="bilinear", align_corners=True).numpy()
    return np.asarray(larger, np.float16)


@pytest.mark.parametrize("masked", [False, True])
def test_a_coarse_mask_is_nearly_the_fine_one(exported: Exported, masked: bool) -> None:
    sessions = {name: parity.session(graph) for name, graph in graphs(exported).items()}
    probe = dict(parity.probes(exported.model))["three points"]
    random = np.random.default_rng(1)
    for name in ("image_embed", "high_res_1", "high_res_0"):
        _, channels, side, _ = probe[name].shape
        probe[name] = 3 * smooth(random, channels, side)
    given = probe | parity.run(sessions["prepare"], probe)
    if masked:
        given["mask_input"] = 5 * smooth(random, 1, probe["mask_input"].shape[2]).astype(np.float32)
        given |= _without("masked_", parity.run(sessions["mask"], given))
    fine = parity.run(sessions["decode"], given)["masks"][0]
    coarse = parity.run(sessions["decode"], given | _without("coarse_", given))["masks"][0]
    assert coarse.shape == (4, fine.shape[1] // 2, fine.shape[2] // 2)
    side = coarse.shape[1]
    means = fine.reshape(4, side, 2, side, 2).mean((2, 4))
    assert np.corrcoef(coarse.ravel(), means.ravel())[0, 1] > 0.95


def _without(prefix: str, tensors: parity.Arrays) -> parity.Arrays:
    return {name.removeprefix(prefix): it for name, it in tensors.items() if name.startswith(prefix)}


def changed(model: Any, what: str) -> Any:
    copied = copy.deepcopy(model)
    weight = copied.get_parameter(what)
    weight += 0.01 * torch.randn_like(weight)
    return copied


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("mask_decoder.transformer.layers.1.cross_attn_image_to_token.o_proj.bias", "differs from PyTorch"),
        ("prompt_encoder.point_embed.weight", "differs from PyTorch"),
    ],
)
def test_graphs_of_other_weights_are_refused(exported: Exported, what: str, said: str) -> None:
    stored = onnx_files.rounded(exported.model)
    with pytest.raises(parity.NotAlike, match=said):
        parity.check(exported.model, changed(stored, what), graphs(exported))


@pytest.mark.parametrize("off", [0.01, np.nan])
def test_three_graphs_that_differ_from_the_single_one_are_refused(exported: Exported, off: float) -> None:
    mixed = graphs(exported)
    prepare = onnx.load_from_string(mixed["prepare"])
    bias = next(it for it in prepare.graph.initializer if it.name.endswith("upscale_conv2.bias"))
    values = onnx.numpy_helper.to_array(bias) + np.float32(off)
    bias.CopyFrom(onnx.numpy_helper.from_array(values, bias.name))
    mixed["prepare"] = prepare.SerializeToString()
    with pytest.raises(parity.NotAlike, match="differ from the single one"):
        parity.check(exported.model, onnx_files.rounded(exported.model), mixed)


def test_weights_that_half_precision_spoils_are_refused(exported: Exported) -> None:
    stored = onnx_files.rounded(exported.model)
    other = changed(exported.model, "mask_decoder.upscale_conv1.weight")
    with pytest.raises(parity.NotAlike, match="overlap"):
        parity.check(other, stored, graphs(exported))
