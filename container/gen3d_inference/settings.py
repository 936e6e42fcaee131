"""The server's environment variables, judged before anything is loaded.

GEN3D_TASKS chooses the tasks; GEN3D_SEGMENTER, GEN3D_RECONSTRUCTOR and GEN3D_DETECTOR their engines;
GEN3D_SAM3_PYTHON, GEN3D_SAM3D_PYTHON and the like name the interpreter of an engine that has an environment
of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import get_args

from gen3d_events.models import Task

from gen3d_inference.engines import (
    Detector,
    EngineUnavailable,
    Reconstructor,
    Segmenter,
    detector_maker,
    interpreter,
    reconstructor_maker,
    segmenter_maker,
)
from gen3d_inference.engines.remote import RemoteDetector, RemoteReconstructor, RemoteSegmenter
from gen3d_inference.lifecycle import Models

BOTH = frozenset[Task]({"embed", "reconstruct"})


def models(environment: Mapping[str, str]) -> Models:
    """What the variables and MODEL_BUCKET ask for, not loaded yet.

    Raises EngineUnavailable.
    """
    wanted = tasks(environment)
    if not (bucket := environment.get("MODEL_BUCKET")):
        raise EngineUnavailable("MODEL_BUCKET is not set. Set it to the bucket that holds the decoders.")
    return Models(
        segmenter(environment) if "embed" in wanted else None,
        reconstructor(environment) if "reconstruct" in wanted else None,
        bucket,
        detector(environment) if "segment" in wanted else None,
    )


def port(environment: Mapping[str, str]) -> int:
    """Where to serve: $PORT, or 8080. Raises EngineUnavailable."""
    given = environment.get("PORT", "8080")
    if not given.isdecimal() or not 0 < int(given) < 65536:
        raise EngineUnavailable(f"PORT is {given}. Set it to a number from 1 to 65535, or leave it out.")
    return int(given)


def tasks(environment: Mapping[str, str]) -> frozenset[Task]:
    """What GEN3D_TASKS asks for: `both` (embed and reconstruct, the default), or tasks with commas between.

    Raises EngineUnavailable.
    """
    given = environment.get("GEN3D_TASKS", "both")
    known: tuple[Task, ...] = get_args(Task)
    if given == "both":
        return BOTH
    if not set(given.split(",")) <= set(known):
        raise EngineUnavailable(
            f"GEN3D_TASKS is {given}. Set it to both, or to one or more of {', '.join(known)}, with commas "
            "between."
        )
    return frozenset(task for task in known if task in given.split(","))


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


def detector(environment: Mapping[str, str]) -> Callable[[], Detector]:
    """What loads the detector, here or in its own environment. Raises EngineUnavailable."""
    here = detector_maker(environment)
    python = interpreter(environment, environment["GEN3D_DETECTOR"])
    return partial(RemoteDetector, python, environment) if python else here
