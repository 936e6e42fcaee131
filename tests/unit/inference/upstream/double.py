"""Stands in for SAM 3D Objects: takes what it takes, fails as it fails, and returns objects of its shapes.

It is the package `sam3d_objects` of a test's environment, so it must run there without this one's. What it
enforces and returns is recorded in sam3d_objects.json, with the source; nothing of upstream's code is here.
"""

from __future__ import annotations

import json
import os
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np


class Tensor:
    """As much of a tensor as leaves the GPU."""

    def __init__(self, values: Any) -> None:
        self._values = np.asarray(values, np.float32)

    def detach(self) -> Tensor:
        return self

    def float(self) -> Tensor:
        return self

    def cpu(self) -> Tensor:
        return self

    def numpy(self) -> Any:
        return self._values


class Gaussian:
    """`n` Gaussians of which the first is saturated, as happens: its logit would be infinite."""

    def __init__(self, n: int, seed: int) -> None:
        random = np.random.default_rng(seed)
        turned = random.normal(size=(n, 4))
        opacities = random.uniform(0.02, 0.98, (n, 1))
        opacities[0] = 1
        self.get_xyz = Tensor(random.uniform(-0.5, 0.5, (n, 3)))
        self.get_scaling = Tensor(random.uniform(0.0009, 0.02, (n, 3)))
        self.get_opacity = Tensor(opacities)
        self.get_rotation = Tensor(turned / np.linalg.norm(turned, axis=1, keepdims=True))
        self._features_dc = Tensor(random.normal(size=(n, 1, 3)))


class Mesh:
    def export(self, file_type: str) -> bytes:
        assert file_type == "glb"
        return b"glTF of the mesh decoder"


class DepthModel:
    def __init__(self, model: Any) -> None:
        self.model = model


class MoGeModel:
    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str) -> MoGeModel:
        if not Path(pretrained_model_name_or_path).exists():
            raise OSError(f"{pretrained_model_name_or_path} would be downloaded")
        return cls()


class InferencePipelinePointMap:
    def __init__(
        self,
        *,
        ss_generator_ckpt_path: str,
        workspace_dir: str = "",
        rendering_engine: str = "nvdiffrast",
        compile_model: bool = False,
        depth_model: Any = None,
        decode_formats: Any = ("gaussian", "mesh"),
    ) -> None:
        if rendering_engine != "pytorch3d":
            raise ModuleNotFoundError("No module named 'nvdiffrast'")
        assert os.environ["LIDRA_SKIP_INIT"]
        assert not compile_model
        self._checkpoint = (Path(workspace_dir) / ss_generator_ckpt_path).read_bytes()
        self._decode_formats = list(decode_formats)
        self._running = False
        self.error: Exception | None = None

    def run(  # noqa: PLR0917
        self,
        image: Any,
        mask: Any = None,
        seed: int | None = None,
        stage1_only: bool = False,
        with_mesh_postprocess: bool = True,
        with_texture_baking: bool = True,
        with_layout_postprocess: bool = True,
        use_vertex_color: bool = False,
        stage1_inference_steps: int | None = None,
        stage2_inference_steps: int | None = None,
        use_stage1_distillation: bool = False,
        use_stage2_distillation: bool = False,
        pointmap: Any = None,
        decode_formats: Any = None,
        estimate_plane: bool = False,
    ) -> dict[str, Any]:
        assert not self._running, "not safe for threads"
        self._running = True
        try:
            if self.error:
                raise self.error
            self._tell(seed, stage1_inference_steps, stage2_inference_steps, decode_formats)
            if mask is not None:
                image = np.concatenate([image[..., :3], np.asarray(mask)[..., None]], axis=-1)
            assert isinstance(image, np.ndarray)
            assert image.ndim == 3
            assert image.shape[-1] == 4
            assert image.dtype == np.uint8
            if not (inside := int((image[..., 3] / 255 > 0.5).sum())):
                # A mask of 0 and 1 is 1/255 at most: the trap.
                raise IndexError("max(): Expected reduction dim 0 to have non-zero size.")
            if with_mesh_postprocess or with_texture_baking:
                raise ModuleNotFoundError("No module named 'diff_gaussian_rasterization'")
            formats = self._decode_formats if decode_formats is None else list(decode_formats)
            each = {"gaussian": 32, "gaussian_4": 4}
            n, s = min(inside, 500), seed or 0
            made: dict[str, Any] = {name: [Gaussian(n * each[name], s)] for name in formats if name in each}
            if "mesh" in formats:
                assert "gaussian" in made, "the mesh takes its colours from it"
                made["mesh"], made["glb"] = [object()], Mesh()
            else:
                made["glb"] = None
            return {
                **made,
                "rotation": Tensor([[0.5, 0.5, -0.5, 0.5]]),
                "translation": Tensor([[0.1, -0.2, 1.5]]),
                "scale": Tensor([[0.4, 0.4, 0.4]]),
                "coords": Tensor(np.zeros((n, 4))),
                "pointmap": Tensor(np.zeros((*image.shape[:2], 3))),
            }
        finally:
            self._running = False

    def _tell(self, *about: Any) -> None:
        """To a test in another process: what was asked, and whether to go on, or to fail as CUDA does."""
        if folder := os.environ.get("DOUBLE_TELLS"):
            (Path(folder) / "asked.json").write_text(json.dumps(about))
            if (failure := Path(folder) / "failure").exists():
                said = failure.read_text()
                failure.unlink()
                cuda = import_module("torch").cuda
                raise (cuda.OutOfMemoryError if "Tried to allocate" in said else RuntimeError)(said)
            while (Path(folder) / "wait").exists():
                time.sleep(0.02)
