"""The adapter of SAM 3D Objects against what upstream takes and gives. No weights, no GPU, no torch here."""

from __future__ import annotations

import inspect
import json
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gen3d_events.models import Quality
from gen3d_inference.engines import EngineUnavailable
from gen3d_inference.engines.remote import RemoteReconstructor
from gen3d_inference.engines.sam3d import UPSTREAM, Sam3dReconstructor, rgba, splats
from gen3d_inference.failures import InferenceError
from gen3d_inference.ply import SH_C0, from_ply, to_ply
from gen3d_inference.tasks import Workshop
from gen3d_inference.warm_up import ball

from tests.unit.inference.environments import make_environment
from tests.unit.inference.invoking import MODELS, request
from tests.unit.inference.sam3d_environment import (
    CONFIGURATION,
    describe,
    environment,
    make_upstream,
    make_weights,
)
from tests.unit.inference.upstream import double

HERE = Path(__file__).parent / "upstream"
RECORD = json.loads((HERE / "sam3d_objects.json").read_text())
PHOTO, MASK = ball()


@pytest.fixture
def pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> double.InferencePipelinePointMap:
    monkeypatch.setenv("LIDRA_SKIP_INIT", "true")
    (tmp_path / "ss_generator.ckpt").touch()
    return double.InferencePipelinePointMap(
        ss_generator_ckpt_path="ss_generator.ckpt", workspace_dir=str(tmp_path), rendering_engine="pytorch3d"
    )


def test_the_double_is_called_as_the_pinned_upstream_is() -> None:
    assert RECORD["commit"] == UPSTREAM
    recorded = next(names for place, names in RECORD["signatures"].items() if place.endswith(".run"))
    found = inspect.signature(double.InferencePipelinePointMap.run).parameters.values()
    assert [p.name if p.default is p.empty else f"{p.name}={p.default}" for p in found] == recorded


def test_the_double_gives_what_is_recorded(pipeline: double.InferencePipelinePointMap) -> None:
    off = {"with_mesh_postprocess": False, "with_texture_baking": False}
    made = pipeline.run(rgba(PHOTO, MASK), None, 1, decode_formats=["gaussian", "gaussian_4", "mesh"], **off)
    assert set(made) == set(RECORD["output"]) - {"gs", "gs_4"}


def test_the_mask_becomes_alpha_of_0_and_255() -> None:
    image = rgba(PHOTO, MASK)
    assert image.dtype == np.uint8
    assert np.array_equal(image[..., :3], PHOTO)
    assert np.array_equal(image[..., 3] == 255, MASK)
    assert np.array_equal(image[..., 3] == 0, ~MASK)


@pytest.mark.parametrize("trap", [255, 1])
def test_the_trap_is_refused_and_upstream_would_have_crashed_in_it(
    pipeline: double.InferencePipelinePointMap, trap: int
) -> None:
    mask: Any = MASK.astype(np.uint8) * np.uint8(trap)
    with pytest.raises(TypeError, match="the mask is uint8"):
        rgba(PHOTO, mask)
    times_255 = np.dstack([PHOTO, mask.astype(np.uint8) * np.uint8(255)])
    off = {"with_mesh_postprocess": False, "with_texture_baking": False}
    if trap == 255:
        with pytest.raises(IndexError, match="Expected reduction dim"):
            pipeline.run(times_255, None, 1, **off)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda photo, mask: (photo, mask[:-1]), "the mask is"),
        (lambda photo, mask: (photo, mask[..., None]), "the mask is bool"),
        (lambda photo, mask: (photo.astype(np.float32), mask), "the photo is float32"),
        (lambda photo, mask: (photo[..., 0], mask), "the photo is uint8"),
        (lambda photo, mask: (np.dstack([photo, mask]), mask), "the photo is uint8"),
    ],
)
def test_other_shapes_and_types_are_refused(
    change: Callable[[Any, Any], tuple[Any, Any]], error: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=error):
        rgba(*change(PHOTO, MASK))


def test_an_empty_mask_is_the_users(pipeline: double.InferencePipelinePointMap) -> None:
    with pytest.raises(InferenceError) as failed:
        Sam3dReconstructor(pipeline).reconstruct(PHOTO, MASK & False, Quality.FAST, 1)
    assert (failed.value.code, failed.value.error_class) == ("mask_too_small", "user")


def test_splats_pose_and_seed(pipeline: double.InferencePipelinePointMap) -> None:
    engine = Sam3dReconstructor(pipeline)
    made = engine.reconstruct(PHOTO, MASK, Quality.BALANCED, 42)
    assert made.pose
    assert made.pose.rotation == (0.5, 0.5, -0.5, 0.5)
    assert made.pose.translation == pytest.approx((0.1, -0.2, 1.5))
    assert made.pose.scale == pytest.approx((0.4, 0.4, 0.4))
    assert made.glb is None
    assert to_ply(engine.reconstruct(PHOTO, MASK, Quality.BALANCED, 42).splats) == to_ply(made.splats)
    assert to_ply(engine.reconstruct(PHOTO, MASK, Quality.BALANCED, 43).splats) != to_ply(made.splats)


def test_presets_choose_decoder_and_steps(
    pipeline: double.InferencePipelinePointMap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOUBLE_TELLS", str(tmp_path))
    engine = Sam3dReconstructor(pipeline)
    told = {}
    for quality in Quality:
        made = engine.reconstruct(PHOTO, MASK, quality, 7)
        told[quality] = (*json.loads((tmp_path / "asked.json").read_text()), len(made.splats))
    assert told == {
        Quality.FAST: (7, 12, 12, ["gaussian_4"], 2000),
        Quality.BALANCED: (7, 25, 25, ["gaussian"], 16_000),
        Quality.HIGH: (7, 50, 50, ["gaussian"], 16_000),
    }


def test_the_mesh_decoder_is_an_option(pipeline: double.InferencePipelinePointMap) -> None:
    made = Sam3dReconstructor(pipeline, glb=True).reconstruct(PHOTO, MASK, Quality.FAST, 1)
    assert made.glb == b"glTF of the mesh decoder"
    assert len(made.splats) == 16_000


def test_two_threads_wait_for_one_another(pipeline: double.InferencePipelinePointMap) -> None:
    engine = Sam3dReconstructor(pipeline)
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda seed: engine.reconstruct(PHOTO, MASK, Quality.FAST, seed), range(8)))
    assert all(len(one.splats) == 2000 for one in made)


def test_the_file_has_upstreams_columns_and_saturated_opacity_is_finite() -> None:
    """What upstream would write of the same Gaussians: positions, f_dc, logits, ln of scales, w x y z."""
    gaussian = double.Gaussian(1000, 3)
    data = to_ply(splats(gaussian))
    header, _, body = data.partition(b"end_header\n")
    assert header.splitlines()[:3] == [b"ply", b"format binary_little_endian 1.0", b"element vertex 1000"]
    assert len(body) == 1000 * 68
    opacity = gaussian.get_opacity.numpy().astype(np.float64)
    with np.errstate(divide="ignore"):
        logits = np.log(opacity / (1 - opacity))
    assert np.isposinf(logits[0])
    expected = np.hstack(
        [
            gaussian.get_xyz.numpy(),
            np.zeros((1000, 3)),
            gaussian._features_dc.numpy()[:, 0],
            logits,
            np.log(gaussian.get_scaling.numpy()),
            gaussian.get_rotation.numpy(),
        ]
    )
    rows = np.array(list(struct.iter_unpack("<17f", body)))
    assert np.isfinite(rows).all()
    assert rows[1:] == pytest.approx(expected[1:], rel=1e-4, abs=2e-6)
    assert rows[0, 9] > 13
    assert from_ply(data).colours == pytest.approx(
        0.5 + SH_C0 * gaussian._features_dc.numpy()[:, 0], abs=1e-5
    )


def test_what_is_not_finite_is_left_out_and_nothing_at_all_is_a_failure() -> None:
    gaussian = double.Gaussian(10, 0)
    gaussian.get_xyz.numpy()[3] = np.nan
    gaussian.get_scaling.numpy()[4] = np.inf
    assert len(splats(gaussian)) == 8
    gaussian.get_xyz.numpy()[:] = np.nan
    with pytest.raises(InferenceError, match="no Gaussian that is finite"):
        splats(gaussian)


# --- loading, in an environment of its own ------------------------------------------------------------


@pytest.fixture(scope="session")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_upstream(tmp_path_factory.mktemp("upstream"))


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return make_weights(tmp_path / "weights")


def test_it_loads_verified_files_through_hydra_and_computes(upstream: Path, weights: Path) -> None:
    settings = environment(weights, GEN3D_SAM3D_GLB="1")
    with closing(RemoteReconstructor(str(upstream), settings)) as remote:
        assert (remote.engine.name, remote.engine.version) == ("sam3d", UPSTREAM[:12])
        assert not remote.engine.weight_free
        made = remote.reconstruct(PHOTO, MASK, Quality.BALANCED, 1)
    assert len(made.splats) == 16_000
    assert made.glb == b"glTF of the mesh decoder"
    assert made.pose is not None
    assert made.vram_peak == 31 << 30


@pytest.mark.parametrize(
    ("said", "short"),
    [
        ("CUDA out of memory. Tried to allocate 20.00 GiB", True),
        ("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate", True),
        ("CUDA error: out of memory", True),
        ("CUDA error: an illegal memory access was encountered", False),
    ],
)
def test_where_memory_is_short_the_cache_is_emptied_and_the_next_one_is_computed(
    upstream: Path, weights: Path, tmp_path: Path, said: str, short: bool
) -> None:
    with closing(
        RemoteReconstructor(str(upstream), environment(weights, DOUBLE_TELLS=str(tmp_path)))
    ) as remote:
        (tmp_path / "failure").write_text(said)
        with pytest.raises(InferenceError, match=said) as failed:
            remote.reconstruct(PHOTO, MASK, Quality.FAST, 1)
        assert failed.value.code == ("inference_out_of_memory" if short else "inference_failed")
        count = tmp_path / "emptied"
        assert (count.read_text().count("once") if count.exists() else 0) == short
        assert len(remote.reconstruct(PHOTO, MASK, Quality.FAST, 1).splats) == 2000


def test_the_peak_of_the_gpus_memory_is_a_figure(
    upstream: Path, weights: Path, s3: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(RemoteReconstructor(str(upstream), environment(weights))) as remote:
        Workshop(None, remote, MODELS).run(request(s3, "reconstruct"))
    (line,) = (json.loads(one) for one in capsys.readouterr().out.splitlines() if '"_aws"' in one)
    assert (line["engine"], line["Inference.VramPeak"]) == ("sam3d", [31 << 30])
    assert {"Name": "Inference.VramPeak", "Unit": "Bytes"} in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda folder: (folder / "moge/model.pt").write_text("pickla"), "model.pt has the sha256"),
        (lambda folder: (folder / "moge/model.pt").write_text("pick"), "model.pt has 4 of 6 bytes"),
        (lambda folder: (folder / "moge/model.pt").unlink(), "model.pt is missing"),
        (lambda folder: (folder / "manifest.json").unlink(), "manifest.json cannot be read"),
        (lambda folder: (folder / "manifest.json").write_text("{}"), "is no manifest of ours"),
    ],
)
def test_what_is_not_verified_is_not_loaded(
    upstream: Path, weights: Path, harm: Callable[[Path], object], said: str
) -> None:
    harm(weights)
    with pytest.raises(EngineUnavailable, match=said):
        RemoteReconstructor(str(upstream), environment(weights))


@pytest.mark.parametrize("name", ["pipeline.yaml", "ss_generator.yaml"])
def test_a_configuration_that_names_other_code_is_refused(upstream: Path, weights: Path, name: str) -> None:
    """Also one that only the pipeline reads."""
    file = weights / "sam-3d-objects/checkpoints" / name
    file.write_text(CONFIGURATION.replace("moge.model.v1.MoGeModel.from_pretrained", "os.system"))
    describe(weights)
    with pytest.raises(EngineUnavailable, match=rf"{name} names what is not the model's: os\.system"):
        RemoteReconstructor(str(upstream), environment(weights))


def test_without_a_gpu_it_says_so(upstream: Path, weights: Path) -> None:
    with pytest.raises(EngineUnavailable, match="needs an NVIDIA GPU"):
        RemoteReconstructor(str(upstream), environment(weights, NO_GPU="1"))


def test_without_its_packages_it_says_which_environment_to_use(weights: Path, tmp_path: Path) -> None:
    bare = make_environment(tmp_path / "bare", {})
    with pytest.raises(EngineUnavailable, match=r"No module named 'torch'. Set GEN3D_SAM3D_PYTHON"):
        RemoteReconstructor(str(bare), environment(weights))
