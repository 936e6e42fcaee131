"""The server's environment variables, judged before anything is loaded.

GEN3D_SEGMENTER and GEN3D_RECONSTRUCTOR choose the engines; GEN3D_SAM3_PYTHON, GEN3D_SAM3D_PYTHON and the like
name the interpreter of an engine that has an environment of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from gen3d_inference.engines import (
    EngineUnavailable,
    Reconstructor,
    Segmenter,
    interpreter,
    reconstructor_maker,
    segmenter_maker,
)
from gen3d_inference.engines.remote import RemoteReconstructor, RemoteSegmenter
from gen3d_inference.lifecycle import Models

TASKS = ("both", "embed", "reconstruct")


def models(environment: Mapping[str, str]) -> Models:
    """What GEN3D_TASKS, GEN3D_SEGMENTER, GEN3D_RECONSTRUCTOR and MODEL_BUCKET ask for, not loaded yet.

    Raises EngineUnavailable.
    """
    tasks = environment.get("GEN3D_TASKS", "both")
    if tasks not in TASKS:
        raise EngineUnavailable(f"GEN3D_TASKS is {tasks}. Set it to one of: {', '.join(TASKS)}.")
    if not (bucket := environment.get("MODEL_BUCKET")):
        raise EngineUnavailable("MODEL_BUCKET is not set. Set it to the bucket that holds the decoders.")
    return Models(
        segmenter(environment) if tasks != "reconstruct" else None,
        reconstructor(environment) if tasks != "embed" else None,
        bucket,
    )


def segmenter(environment: Mapping[str, str]) -> Callable[[], Segmenter]:
    """What loads the segmenter, here or in its own environment. Raises EngineUnavailable."""
    here = segmenter_maker(environment)
    python = interpreter(environment, environment["GEN3D_SEGMENTER"])
    return partial(RemoteSegmenter, python, environment) if python else here


def reconstructor(environment: Mapping[str, str]) -> Callable[[], Reconstructor]:
    """What loads the reconstructor, here or in its own environment. Raises EngineUnavailable."""
    here = reconstructor_maker(environment)
    python = interpreter(environment, environment["GEN3D_RECONSTRUCTOR"])
    return partial(RemoteReconstructor, python, environment) if python else here
