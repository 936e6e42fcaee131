"""`GEN3D_SEGMENTER=sam3 make up`, with random weights: a cloud whose endpoint computes with SAM 3.

This one runs in the laptop cloud's environment, beside that of SAM 3, which GEN3D_SAM3_PYTHON names.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from gen3d import Gen3D, JobOptions, Quality
from gen3d.story import engines

clouds = pytest.importorskip("gen3d_local.cloud", reason="the laptop cloud is in another environment")
state = pytest.importorskip("gen3d_local.state")
scene = pytest.importorskip("gen3d_local.demo_scene").SCENE

ROOT = Path(__file__).parents[2]
SECONDS = 300


def test_a_photo_becomes_a_model_by_clicks_of_sam3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python, weights = ROOT / os.environ["GEN3D_SAM3_PYTHON"], tmp_path / "weights"
    subprocess.run(
        [python, "-m", "tests.models.weights", weights],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}:{ROOT / 'container'}:{ROOT / 'events'}"},
        check=True,
    )
    monkeypatch.setenv("GEN3D_SEGMENTER", "sam3")
    monkeypatch.setenv("GEN3D_WEIGHTS", str(weights))
    monkeypatch.setenv("GEN3D_SAM3_PYTHON", str(python))
    options = clouds.Options(front_port=state.free_port())
    with (
        clouds.running_cloud(tmp_path / "state", options) as cloud,
        Gen3D(f"{cloud.url}/api", cloud.user.email, cloud.user.password) as client,
    ):
        session = client.create_session(scene / "photo.jpg").wait_ready(SECONDS)
        clicked = session.segment([(320, 240, 1)])[0]
        # A click with random weights marks anything, so the object's mask is a drawn one.
        job = session.create_job(scene / "mask.png", JobOptions(quality=Quality.FAST)).wait(SECONDS)
        files = job.download(tmp_path / "files")
        session.refresh()
    assert (clicked.engine.name, clicked.engine.weight_free) == ("sam3", False)
    assert clicked.logits.shape == (4, 32, 32)  # 8 x 8 patches of 14 px, each of 4 x 4
    assert clicked.logits.std() > 0
    assert [one["name"] for one in engines(session.events, job.events)] == ["sam3", "relief"]
    assert job.state == "completed"
    assert files["mesh.glb"].stat().st_size > 10_000
