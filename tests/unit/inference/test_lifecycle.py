"""From start to readiness: engines load in the background, in processes of their own, and again when lost.

The other interpreter is a real virtual environment. It sees the packages of this one, and the test puts
engines there that this environment does not have.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gen3d_events.models import Quality
from gen3d_inference.engines import EngineUnavailable, Reconstructor, Segmenter
from gen3d_inference.engines.classical import ClassicalSegmenter
from gen3d_inference.engines.relief import ReliefReconstructor
from gen3d_inference.engines.remote import RemoteDetector, RemoteReconstructor, RemoteSegmenter
from gen3d_inference.failures import InferenceError
from gen3d_inference.lifecycle import LOADING, READY, Models
from gen3d_inference.settings import models
from gen3d_inference.tasks import Workshop
from gen3d_inference.telemetry import about, logger
from gen3d_inference.warm_up import ball

from tests.unit.inference.environments import make_environment
from tests.unit.inference.invoking import MODELS, request
from tests.unit.inference.sam3d_environment import TORCH
from tests.unit.logs import logged

DEADLINE_SECONDS = 90
WEIGHT_FREE = {"GEN3D_SEGMENTER": "classical", "GEN3D_RECONSTRUCTOR": "relief", "MODEL_BUCKET": "models"}

ONLY_THERE = r"""
import logging, os, sys, time, warnings
from pathlib import Path
from gen3d_inference.engines import relief

class Told(relief.ReliefReconstructor):
    # Does what the file it is told of says, once the warm-up is over.
    def reconstruct(self, photo, mask, quality, seed):
        order = Path(os.environ["ORDER"])
        if order.exists():
            order, _ = order.read_text(), order.unlink()
            Path(os.environ["WORKING"]).touch()
            if order == "wait":
                time.sleep(600)
            if order == "memory":
                raise MemoryError("48 GiB")
            if order == "exit":
                os.write(2, b"a library gives up\n")
                os._exit(3)
            if order == "speak":
                print("steps:  50%\rsteps: 100%", end="")
                logging.getLogger("upstream").warning("two\nlines")
                warnings.warn("old")
                os.write(1, b"from C \xff\n")
            if order == "fault":
                raise ZeroDivisionError("division by zero")
        print("a library prints")
        return super().reconstruct(photo, mask, quality, seed)

relief.ReliefReconstructor = Told

import numpy as np
from gen3d_inference import engines

class Halves:
    engine = engines.Engine(name="halves", version="1", weight_free=True)

    def detect(self, photo, text, most):
        import torch
        height, width, _ = photo.shape
        left = np.broadcast_to(np.arange(width) < width / 2, (height, width))
        box = (0.0, 0.0, width / 2, float(height))
        return engines.Detections([engines.Detection(left, 0.75, box)] if text == "half" else [])

engines._DETECTORS["halves"] = "only_there:Halves"
"""


def eventually(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(scope="session")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another environment, whose relief does what it is told."""
    starts = "import os\nif 'ORDER' in os.environ: import only_there"
    return make_environment(
        tmp_path_factory.mktemp("elsewhere"),
        {"only_there": ONLY_THERE, "sitecustomize": starts, "torch": TORCH},
    )


def settings(elsewhere: Path, folder: Path) -> dict[str, str]:
    return {
        **WEIGHT_FREE,
        "GEN3D_CLASSICAL_PYTHON": str(elsewhere),
        "GEN3D_RELIEF_PYTHON": str(elsewhere),
        "ORDER": str(folder / "order"),
        "WORKING": str(folder / "working"),
    }


@pytest.fixture
def environment(elsewhere: Path, tmp_path: Path) -> dict[str, str]:
    return settings(elsewhere, tmp_path)


@pytest.fixture(scope="module")
def order(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the reconstructor is told to do."""
    return tmp_path_factory.mktemp("orders") / "order"


@pytest.fixture(scope="module")
def reconstructor(elsewhere: Path, order: Path) -> Iterator[RemoteReconstructor]:
    """One process for all tests that leave it as it was."""
    with closing(RemoteReconstructor(str(elsewhere), settings(elsewhere, order.parent))) as remote:
        yield remote


def test_an_engine_elsewhere_computes_the_same(
    environment: dict[str, str], reconstructor: RemoteReconstructor
) -> None:
    photo, mask = ball()
    assert reconstructor.engine == ReliefReconstructor.engine
    there = reconstructor.reconstruct(photo, mask, Quality.FAST, 7)
    here = ReliefReconstructor().reconstruct(photo, mask, Quality.FAST, 7)
    for name in ("centres", "scales", "rotations", "opacities", "colours"):
        assert np.array_equal(getattr(there.splats, name), getattr(here.splats, name))

    with closing(RemoteSegmenter(environment["GEN3D_CLASSICAL_PYTHON"], environment)) as segmenter:
        embedded, expected = segmenter.embed(photo), ClassicalSegmenter().embed(photo)
    assert embedded.content == expected.content
    assert embedded.decoder == expected.decoder
    assert (embedded.input_size, embedded.mask_size) == (expected.input_size, expected.mask_size)
    assert embedded.preprocessing == expected.preprocessing


def test_a_detector_finds_the_same_there_and_its_memory_is_a_figure(
    environment: dict[str, str], s3: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    photo, _ = ball()
    height, width, _ = photo.shape
    there = {**environment, "GEN3D_DETECTOR": "halves"}
    with closing(RemoteDetector(environment["GEN3D_RELIEF_PYTHON"], there)) as detector:
        assert detector.engine.name == "halves"
        (found,) = detector.detect(photo, "half", 3).found
        assert detector.detect(photo, "zebra", 3).found == []
        Workshop(None, None, MODELS, detector).run(request(s3, "segment", text="half"))
    assert found.mask.dtype == np.bool_
    assert found.mask[:, : width // 2].all()
    assert not found.mask[:, width // 2 :].any()
    assert (found.score, found.box) == (0.75, (0, 0, width / 2, height))
    (line,) = (json.loads(one) for one in capsys.readouterr().out.splitlines() if '"_aws"' in one)
    assert (line["engine"], line["Inference.VramPeak"]) == ("halves", [31 << 30])


def test_it_runs_on_its_own_interpreter(elsewhere: Path, reconstructor: RemoteReconstructor) -> None:
    command = Path(f"/proc/{reconstructor.pid}/cmdline").read_bytes().split(b"\0")
    assert command[0].decode() == str(elsewhere) != sys.executable


def test_it_has_no_rights(environment: dict[str, str]) -> None:
    secrets = {"AWS_SECRET_ACCESS_KEY": "secret", "HF_TOKEN": "token"}
    with closing(RemoteReconstructor(environment["GEN3D_RELIEF_PYTHON"], environment | secrets)) as remote:
        seen = Path(f"/proc/{remote.pid}/environ").read_bytes()
    assert b"GEN3D_RECONSTRUCTOR=relief" in seen
    assert b"secret" not in seen
    assert b"token" not in seen


@pytest.mark.parametrize(
    ("failure", "code"), [("memory", "inference_out_of_memory"), ("fault", "inference_failed")]
)
def test_its_errors_keep_their_codes_and_it_goes_on(
    order: Path, reconstructor: RemoteReconstructor, failure: str, code: str
) -> None:
    order.write_text(failure)
    with pytest.raises(InferenceError) as failed:
        reconstructor.reconstruct(*ball(), Quality.FAST, 0)
    assert failed.value.code == code
    assert len(reconstructor.reconstruct(*ball(), Quality.FAST, 0).splats) > 1000


def test_what_ends_by_itself_says_how(environment: dict[str, str]) -> None:
    with closing(RemoteReconstructor(environment["GEN3D_RELIEF_PYTHON"], environment)) as remote:
        Path(environment["ORDER"]).write_text("exit")
        with pytest.raises(InferenceError, match="the reconstructor's process was ended with 3") as failed:
            remote.reconstruct(*ball(), Quality.FAST, 0)
    assert failed.value.code == "inference_unavailable"


def test_each_line_of_its_process_is_json_and_names_the_request(environment: dict[str, str], s3: Any) -> None:
    python = environment["GEN3D_RELIEF_PYTHON"]
    with logged(logger) as lines, closing(RemoteReconstructor(python, environment)) as remote:
        workshop, wanted = Workshop(None, remote, MODELS), request(s3, "reconstruct")
        remote.reconstruct(*ball(), Quality.FAST, 0)
        for order in ("speak", "fault", "exit"):
            Path(environment["ORDER"]).write_text(order)
            with suppress(InferenceError):
                workshop.run(wanted)
    before = lines.pop(0)
    assert before["message"] == "a library prints"
    assert "session_id" not in before
    messages = [
        "steps: 100%",
        "two\nlines",
        "old",
        "from C \ufffd",
        "a library prints",
        "Failed",
        "a library gives up",
    ]
    for line, message in zip(lines, messages, strict=True):
        assert message in line["message"]
        assert about(wanted).items() <= line.items()
        assert {"level", "location", "timestamp", "service"} <= line.keys()
    assert [line["level"] for line in lines].count("WARNING") == 3
    assert lines[1]["logger"] == "upstream"
    assert lines[5]["exception_name"] == "InferenceError"
    assert "ZeroDivisionError: division by zero" in lines[5]["exception"]


def test_it_ends_with_its_server(environment: dict[str, str]) -> None:
    child = os.fork()
    if child == 0:
        remote = RemoteReconstructor(environment["GEN3D_RELIEF_PYTHON"], environment)
        Path(environment["WORKING"]).write_text(str(remote.pid))
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    pid = Path(environment["WORKING"]).read_text()
    eventually(
        lambda: not Path(f"/proc/{pid}/stat").exists() or " Z " in Path(f"/proc/{pid}/stat").read_text()
    )


def test_no_interpreter_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="the reconstructor's interpreter cannot be started"):
        RemoteReconstructor(str(tmp_path / "python"), WEIGHT_FREE)


def test_an_engine_that_its_environment_lacks_is_said_so(elsewhere: Path) -> None:
    with pytest.raises(EngineUnavailable, match="GEN3D_SEGMENTER is sam4"):
        RemoteSegmenter(str(elsewhere), {**WEIGHT_FREE, "GEN3D_SEGMENTER": "sam4"})


def test_a_killed_process_is_started_again_and_the_other_engine_stays(
    environment: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    configured = models(environment)
    assert configured.status() == LOADING
    configured.begin()
    eventually(lambda: configured.status() == READY)
    segmenter: Any = configured._segmenter  # the only sight of which process computes
    first: Any = configured._reconstructor

    Path(environment["ORDER"]).write_text("wait")
    failures: list[InferenceError] = []

    def compute() -> None:
        try:
            first.reconstruct(*ball(), Quality.FAST, 0)
        except InferenceError as error:
            failures.append(error)

    working = threading.Thread(target=compute)
    working.start()
    eventually(Path(environment["WORKING"]).exists)
    os.kill(first.pid, signal.SIGKILL)
    working.join(DEADLINE_SECONDS)
    assert failures[0].code == "inference_unavailable"
    assert failures[0].error_class == "transient"
    assert "reconstructor's process was ended by SIGKILL" in failures[0].detail

    assert configured.status().code == HTTPStatus.SERVICE_UNAVAILABLE
    eventually(lambda: configured.status() == READY)
    again: Any = configured._reconstructor
    assert again.pid != first.pid
    survivor: Any = configured._segmenter
    assert survivor.pid == segmenter.pid
    assert len(again.reconstruct(*ball(), Quality.FAST, 0).splats) > 1000
    again.close()
    segmenter.close()
    (lost,) = (one for one in caplog.records if one.message.startswith("An engine was lost"))
    assert lost.__dict__["engines"] == ["relief"]


def test_what_cannot_be_loaded_is_a_500_with_the_reason() -> None:
    def lacking() -> Segmenter:
        raise EngineUnavailable("sam3's weights are not there. Fetch them.")

    configured = Models(lacking, ReliefReconstructor, "models")
    configured.begin()
    eventually(lambda: configured.status() != LOADING)
    code, text = configured.status()
    assert code == HTTPStatus.INTERNAL_SERVER_ERROR
    assert text == (
        "the segmenter could not be loaded: EngineUnavailable: sam3's weights are not there. Fetch them."
    )


def test_what_fails_its_warm_up_is_not_ready() -> None:
    class Empty(ReliefReconstructor):
        def reconstruct(self, *_: object, **__: object) -> Any:
            raise InferenceError("inference_failed", "no voxel is left")

    configured = Models(None, Empty, "models")
    configured.begin()
    eventually(lambda: configured.status() != LOADING)
    assert configured.status().text == (
        "the reconstructor relief failed its warm-up: InferenceError: inference_failed: no voxel is left"
    )


def test_nothing_is_computed_before_it_is_ready() -> None:
    held = threading.Event()

    def slow() -> Reconstructor:
        held.wait(DEADLINE_SECONDS)
        return ReliefReconstructor()

    configured = Models(None, slow, "models")
    configured.begin()
    request: Any = None
    with pytest.raises(InferenceError, match="inference_unavailable"):
        configured.run(request)
    held.set()
    eventually(lambda: configured.status() == READY)
