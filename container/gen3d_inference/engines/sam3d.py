"""SAM 3D Objects as reconstructor: an adapter of Meta's `sam3d_objects` at the commit that the image pins.

It instantiates the pipeline from its configuration, as upstream's notebook script does, but without that
script's imports (gradio, a plotter, a renderer's viewer). It never imports torch itself.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from gen3d_events.inference import Pose
from gen3d_events.models import Engine, Quality
from numpy.typing import NDArray

from gen3d_inference.engines import EngineUnavailable, MaskArray, Photo, Reconstruction, weights_folder
from gen3d_inference.failures import InferenceError
from gen3d_inference.ply import SH_C0, Splats
from gen3d_inference.weights.manifest import WeightsInvalid, verify

UPSTREAM = "cf066761706cd02b07e2fc6274570ec8cdafb683"
FOLDERS = ("sam-3d-objects", "moge", "torch")
"""What of the weights' folder it loads."""
_CONFIGURATION = "sam-3d-objects/checkpoints/pipeline.yaml"
_DEPTH_MODEL = "moge/model.pt"
_OURS = {"sam3d_objects", "torch", "torchvision", "moge"}
"""Packages from which configurations may name classes and functions."""


@dataclass(frozen=True)
class Preset:
    """decoder: `gaussian` has 32 Gaussians a voxel, `gaussian_4` has 4. steps: of both diffusion stages."""

    decoder: str
    steps: int


PRESETS = {
    Quality.FAST: Preset("gaussian_4", 12),
    Quality.BALANCED: Preset("gaussian", 25),
    Quality.HIGH: Preset("gaussian", 50),
}
"""25 steps are upstream's default; what fewer and more bring is not measured (docs/models.md)."""


class Pipeline(Protocol):
    """`InferencePipelinePointMap` as far as it is used. It is not safe for threads."""

    @property
    def run(self) -> Callable[..., dict[str, Any]]: ...


class Sam3dReconstructor:
    """Splats by SAM 3D Objects. glb: whether it also decodes a mesh, with colours at the vertices."""

    engine = Engine(name="sam3d", version=UPSTREAM[:12], weight_free=False)

    def __init__(self, pipeline: Pipeline, glb: bool = False) -> None:
        self._pipeline = pipeline
        self._glb = glb
        self._lock = threading.Lock()

    @classmethod
    def load(cls, environment: Mapping[str, str]) -> Sam3dReconstructor:
        """From the verified files under GEN3D_WEIGHTS, onto the GPU; GEN3D_SAM3D_GLB=1 turns the mesh on."""
        folder = weights_folder(environment)
        try:
            verify(folder, FOLDERS)  # most are pickles, which run code when they are loaded
        except WeightsInvalid as error:
            raise EngineUnavailable(f"sam3d's weights: {error}") from error
        if not import_module("torch").cuda.is_available():
            raise EngineUnavailable("sam3d needs an NVIDIA GPU with 32 GB or more, and there is none.")
        return cls(_pipeline(folder), environment.get("GEN3D_SAM3D_GLB") == "1")

    def reconstruct(self, photo: Photo, mask: MaskArray, quality: Quality, seed: int) -> Reconstruction:
        preset = PRESETS[quality]
        # The mesh takes its colours from the larger of the two decoders.
        formats = ["gaussian", "mesh"] if self._glb else [preset.decoder]
        with self._lock:
            made = self._pipeline.run(
                rgba(photo, mask),
                None,
                seed,
                stage1_only=False,
                with_mesh_postprocess=False,  # needs rasterisers under non-commercial terms, as does the next
                with_texture_baking=False,
                with_layout_postprocess=False,
                use_vertex_color=True,
                stage1_inference_steps=preset.steps,
                stage2_inference_steps=preset.steps,
                decode_formats=formats,
            )
            return Reconstruction(
                splats=splats(made[formats[0]][0]),
                pose=_pose(made),
                glb=made["glb"].export(file_type="glb") if self._glb else None,
            )


def rgba(photo: Photo, mask: MaskArray) -> NDArray[np.uint8]:
    """What the pipeline takes: the photo with the object at alpha 255, all else at 0 [height, width, 4].

    The mask must be bool: multiplied by 255, one of 0 and 255 would overflow to 1, and select nothing.
    Raises TypeError, ValueError, or InferenceError `mask_too_small` for a mask without a px.
    """
    if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3:
        raise TypeError(f"the photo is {photo.dtype} {photo.shape}, not uint8 [height, width, 3]")
    if mask.dtype != np.bool_ or mask.ndim != 2:
        raise TypeError(f"the mask is {mask.dtype} {mask.shape}, not bool [height, width]")
    if mask.shape != photo.shape[:2]:
        raise ValueError(f"the mask is {mask.shape}, the photo {photo.shape[:2]}")
    if not mask.any():
        raise InferenceError("mask_too_small", "no px is marked")
    return np.dstack([photo, np.where(mask, np.uint8(255), np.uint8(0))])


def splats(gaussian: Any) -> Splats:
    """Upstream's Gaussians without those that are not finite.

    gaussian: `get_xyz` [n, 3], `get_scaling` [n, 3] and `get_opacity` [n, 1] after activation; `_features_dc`
    [n, 1, 3]; `get_rotation` [n, 4], unit quaternions w, x, y, z. Raises InferenceError if none is left.
    """
    found = Splats(
        centres=_array(gaussian.get_xyz),
        scales=_array(gaussian.get_scaling),
        rotations=_array(gaussian.get_rotation),
        opacities=_array(gaussian.get_opacity)[:, 0],
        colours=(0.5 + SH_C0 * _array(gaussian._features_dc)[:, 0]).astype(np.float32),
    )
    finite = np.ones(len(found), bool)
    for values in (found.centres, found.scales, found.rotations, found.opacities[:, None], found.colours):
        finite &= np.isfinite(values).all(axis=1)
    if not finite.any():
        raise InferenceError("inference_failed", "SAM 3D Objects made no Gaussian that is finite")
    if finite.all():
        return found
    return Splats(
        found.centres[finite],
        found.scales[finite],
        found.rotations[finite],
        found.opacities[finite],
        found.colours[finite],
    )


def _pose(made: Mapping[str, Any]) -> Pose:
    return Pose(
        **{part: tuple(_array(made[part])[0].tolist()) for part in ("rotation", "translation", "scale")}
    )


def _array(tensor: Any) -> NDArray[np.float32]:
    array: NDArray[np.float32] = tensor.detach().float().cpu().numpy()
    return array


def _pipeline(folder: Path) -> Pipeline:
    # Else the package imports a module that is not published, and torch.hub and MoGe ask the internet.
    os.environ.update(LIDRA_SKIP_INIT="true", TORCH_HOME=str(folder / "torch"), HF_HUB_OFFLINE="1")
    omega, hydra = import_module("omegaconf").OmegaConf, import_module("hydra.utils")
    # The pipeline instantiates the others, which it names, in the same way.
    for file in sorted((folder / _CONFIGURATION).parent.rglob("*.yaml")):
        named = _targets(omega.to_container(omega.load(file)))
        if foreign := {one for one in named if one.split(".")[0] not in _OURS}:
            raise EngineUnavailable(
                f"{file.relative_to(folder)} names what is not the model's: {', '.join(sorted(foreign))}."
            )
    configuration = omega.load(folder / _CONFIGURATION)
    configuration.rendering_engine = "pytorch3d"
    configuration.compile_model = False
    configuration.workspace_dir = str((folder / _CONFIGURATION).parent)
    configuration.depth_model.model.pretrained_model_name_or_path = str(folder / _DEPTH_MODEL)
    pipeline: Pipeline = hydra.instantiate(configuration)
    return pipeline


def _targets(node: Any) -> set[str]:
    """Every class and function that a configuration names."""
    if isinstance(node, Mapping):
        own = {str(node["_target_"])} if "_target_" in node else set()
        return own.union(*map(_targets, node.values()))
    return set().union(*map(_targets, node)) if isinstance(node, list) else set()
