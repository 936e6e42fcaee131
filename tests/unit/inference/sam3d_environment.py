"""An environment with the double of SAM 3D Objects in it, and weights that it takes."""

from __future__ import annotations

import os
from pathlib import Path

from gen3d_inference.weights import manifest

from tests.unit.inference.environments import make_environment

DOUBLE = Path(__file__).parent / "upstream" / "double.py"
CONFIGURATION = """
_target_: sam3d_objects.pipeline.inference_pipeline_pointmap.InferencePipelinePointMap
ss_generator_ckpt_path: ss_generator.ckpt
decode_formats: [gaussian, mesh]
depth_model:
  _target_: sam3d_objects.pipeline.depth_models.moge.MoGe
  model:
    _target_: moge.model.v1.MoGeModel.from_pretrained
    pretrained_model_name_or_path: Ruicheng/moge-vitl
"""
TORCH = """
import os
from pathlib import Path
from types import SimpleNamespace

def empty_cache():
    with Path(os.environ["DOUBLE_TELLS"], "emptied").open("a") as file:
        file.write("once\\n")

cuda = SimpleNamespace(
    is_available=lambda: "NO_GPU" not in os.environ,
    OutOfMemoryError=type("OutOfMemoryError", (RuntimeError,), {}),
    empty_cache=empty_cache,
    max_memory_allocated=lambda: 31 << 30,
    reset_peak_memory_stats=lambda: None,
    get_device_properties=lambda _: SimpleNamespace(name="Double", total_memory=44 << 30),
)
version = SimpleNamespace(cuda="12.1")
"""


def make_upstream(folder: Path) -> Path:
    """The interpreter of an environment that has hydra, and doubles of torch, MoGe and SAM 3D Objects."""
    pipeline = "sam3d_objects.pipeline"
    python = make_environment(
        folder,
        {
            "sam3d_double": DOUBLE.read_text(),
            f"{pipeline}.inference_pipeline_pointmap": "from sam3d_double import *",
            f"{pipeline}.depth_models.moge": "from sam3d_double import DepthModel as MoGe",
            "moge.model.v1": "from sam3d_double import MoGeModel",
            "torch": TORCH,
            **dict.fromkeys(("kaolin", "pytorch3d", "gsplat", "spconv"), ""),
        },
    )
    packages = next(folder.glob("lib/python*/site-packages"))
    (packages / "torch-2.5.1.dist-info").mkdir()
    (packages / "torch-2.5.1.dist-info" / "METADATA").write_text("Name: torch\nVersion: 2.5.1+double\n")
    return python


def make_weights(folder: Path) -> Path:
    for path, text in {
        "sam-3d-objects/checkpoints/pipeline.yaml": CONFIGURATION,
        "sam-3d-objects/checkpoints/ss_generator.ckpt": "pickle",
        "moge/model.pt": "pickle",
        "torch/hub/checkpoints/dinov2.pth": "pickle",
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    describe(folder)
    return folder


def describe(folder: Path) -> None:
    files = manifest.described(folder, (one for one in folder.rglob("*") if one.is_file()))
    made = manifest.Manifest(revisions={}, files=files)
    (folder / manifest.NAME).write_text(made.model_dump_json())


def environment(weights: Path, **more: str) -> dict[str, str]:
    return {"GEN3D_RECONSTRUCTOR": "sam3d", "GEN3D_WEIGHTS": str(weights), "PATH": os.environ["PATH"], **more}
