"""The detector `sam3_text`: Meta's own package on random weights, from a checkpoint to masks."""

from __future__ import annotations

import io
import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gen3d_events.inference import SegmentReply
from gen3d_events.samples import BUCKET
from gen3d_inference.engines import EngineUnavailable, Photo, detector_maker, sam3_text
from gen3d_inference.engines.remote import RemoteDetector
from gen3d_inference.failures import InferenceError
from gen3d_inference.lifecycle import LOADING, READY
from gen3d_inference.settings import models
from gen3d_inference.weights import catalogue, manifest
from PIL import Image

from tests.models import meta
from tests.models.conftest import MODELS, request
from tests.unit.inference.environments import make_environment

pytestmark = [meta.needs_package, meta.quiet]

ALL = 200
"""How many objects the model looks for at once."""
SMALL_BUILDS = f"""
import sys
sys.path.append({str(Path(__file__).parents[2])!r})
import pytest
from tests.models import operators, meta  # in this order: torchvision wants its operators at import
meta.shrink(pytest.MonkeyPatch())
meta.sam3_text.IMAGE_SIZE = meta.SIZE
"""
"""What the environment of a process of its own begins with, as small_builds does here."""


@pytest.fixture(scope="module")
def model() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        meta.shrink(patch)
        yield meta.small()


@pytest.fixture(scope="module")
def detector(model: Any) -> Any:
    """Its scores are random too, so all of them count."""
    return sam3_text.Sam3Detector(model, meta.SIZE, least_score=0)


@pytest.fixture
def weights(model: Any, tmp_path: Path) -> Path:
    """A folder as `weights fetch` makes it: the checkpoint is of the video model."""
    folder = tmp_path / "sam3"
    folder.mkdir()
    stored = {f"detector.{name}": value for name, value in model.state_dict().items()}
    torch.save({"model": {**stored, "tracker.no_mem_embed": torch.zeros(1)}}, tmp_path / sam3_text.CHECKPOINT)
    (tmp_path / sam3_text.VOCABULARY).write_bytes(meta.vocabulary().read_bytes())
    described(tmp_path)
    return tmp_path


def described(folder: Path) -> None:
    files = manifest.described(folder, folder.glob("sam3/*"))
    (folder / manifest.NAME).write_text(manifest.Manifest(revisions={}, files=files).model_dump_json())


def environment(weights: Path, **more: str) -> dict[str, str]:
    return {"GEN3D_DETECTOR": "sam3_text", "GEN3D_WEIGHTS": str(weights), **more}


@pytest.fixture
def small_builds(monkeypatch: pytest.MonkeyPatch) -> None:
    meta.shrink(monkeypatch)
    monkeypatch.setattr(sam3_text, "IMAGE_SIZE", meta.SIZE)


def test_the_best_candidates_come_first_and_are_no_more_than_asked(detector: Any, photo: Photo) -> None:
    found = detector.detect(photo, "chair", most=5).found
    height, width, _ = photo.shape
    assert len(found) == 5
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    for one in found:
        assert one.mask.shape == (height, width)
        assert one.mask.dtype == np.bool_
        assert one.mask.any()
        left, top, right, bottom = one.box
        assert 0 <= left <= right <= width
        assert 0 <= top <= bottom <= height


def test_they_are_what_metas_processor_finds_in_the_photo_itself(
    detector: Any, model: Any, photo: Photo
) -> None:
    """It is given the photo at its own size, and makes its masks at that size at once."""
    processor = pytest.importorskip("sam3.model.sam3_image_processor").Sam3Processor
    reference = processor(model, resolution=meta.SIZE, device="cpu", confidence_threshold=0)
    with torch.inference_mode(), sam3_text.device_mode():
        expected = reference.set_text_prompt("chair", reference.set_image(Image.fromarray(photo)))
    found = detector.detect(photo, "chair", most=ALL).found
    order = expected["scores"].argsort(descending=True)
    order = [number for number in order.tolist() if bool(expected["masks"][number].any())]
    assert len(order) == pytest.approx(len(found), abs=2)
    for one, number in list(zip(found, order, strict=False))[:10]:
        assert one.score == pytest.approx(float(expected["scores"][number]), abs=1e-5)
        within = np.clip(expected["boxes"][number].numpy(), 0, [*photo.shape[1::-1]] * 2)
        assert one.box == pytest.approx(within, abs=0.1)
        theirs = expected["masks"][number, 0].numpy()
        assert (one.mask & theirs).sum() / (one.mask | theirs).sum() > 0.98


def test_other_words_and_other_photos_give_other_scores(detector: Any, photo: Photo) -> None:
    def scores(of: Photo, text: str) -> list[float]:
        return [one.score for one in detector.detect(of, text, most=3).found]

    first = scores(photo, "chair")
    assert scores(photo, "chair") == first
    assert scores(photo, "a table with a lamp on it " * 10) != first  # more words than the model takes
    assert scores(photo[::-1].copy(), "chair") != first


def test_what_is_not_there_is_not_found(model: Any, photo: Photo) -> None:
    assert (
        sam3_text.Sam3Detector(model, meta.SIZE, least_score=0.999).detect(photo, "chair", most=5).found == []
    )


@pytest.mark.usefixtures("small_builds")
def test_it_loads_a_checkpoint_of_the_hubs_form(detector: Any, weights: Path, photo: Photo) -> None:
    loaded = detector_maker(environment(weights, GEN3D_SAM3_TEXT_SCORE="0"))()
    assert (loaded.engine.name, loaded.engine.version, loaded.engine.weight_free) == (
        "sam3_text",
        "sam3 0.1.4",
        False,
    )
    (found,), (expected,) = (one.detect(photo, "chair", most=1).found for one in (loaded, detector))
    assert found.score == pytest.approx(expected.score, abs=1e-6)
    assert np.array_equal(found.mask, expected.mask)
    assert detector_maker(environment(weights))().detect(photo, "chair", most=1).found == []


@pytest.mark.usefixtures("small_builds")
def test_a_checkpoint_that_lacks_weights_is_refused(weights: Path) -> None:
    """Meta's loader leaves them random."""
    stored = torch.load(weights / sam3_text.CHECKPOINT)["model"]
    del stored["detector.dot_prod_scoring.hs_proj.weight"]
    torch.save(stored, weights / sam3_text.CHECKPOINT)
    described(weights)
    with pytest.raises(
        EngineUnavailable, match=r"lacks 1 weights, such as dot_prod_scoring\.hs_proj\.weight"
    ):
        detector_maker(environment(weights))()


def test_what_is_not_verified_is_not_loaded(weights: Path) -> None:
    (weights / sam3_text.CHECKPOINT).write_bytes(b"pickle")
    with pytest.raises(EngineUnavailable, match=r"sam3\.pt has 6 of"):
        detector_maker(environment(weights))()


def test_without_the_vocabulary_it_says_what_to_do(weights: Path) -> None:
    (weights / sam3_text.VOCABULARY).unlink()
    described(weights)
    with pytest.raises(EngineUnavailable, match=r"needs sam3/bpe_simple_vocab_16e6\.txt\.gz.*weights fetch"):
        detector_maker(environment(weights))()


def test_the_vocabulary_is_the_one_that_is_fetched() -> None:
    (file,) = (one for one in catalogue.SOURCES if isinstance(one, catalogue.File) and one.folder == "sam3")
    assert file.path == sam3_text.VOCABULARY
    assert manifest.digest(meta.vocabulary()) == file.sha256


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of another environment, in which Meta's builder makes small models."""
    return make_environment(tmp_path_factory.mktemp("elsewhere"), {"sitecustomize": SMALL_BUILDS})


def test_it_finds_the_same_in_a_process_of_its_own(
    detector: Any, elsewhere: Path, weights: Path, photo: Photo
) -> None:
    settings = {**os.environ, **environment(weights, GEN3D_SAM3_TEXT_SCORE="0")}
    with closing(RemoteDetector(str(elsewhere), settings)) as remote:
        assert remote.engine == detector.engine
        found, expected = (one.detect(photo, "chair", most=3).found for one in (remote, detector))
        for there, here in zip(found, expected, strict=True):
            assert there.score == pytest.approx(here.score, abs=1e-6)
            assert there.box == pytest.approx(here.box, abs=1e-3)
            assert there.mask.dtype == np.bool_
            assert np.array_equal(there.mask, here.mask)
        os.kill(remote.pid, signal.SIGKILL)
        with pytest.raises(InferenceError, match="the detector's process was ended by SIGKILL") as failed:
            remote.detect(photo, "chair", most=3)
    assert (failed.value.code, failed.value.error_class) == ("inference_unavailable", "transient")


def test_the_server_answers_words_with_masks(elsewhere: Path, weights: Path, photo: Photo, s3: Any) -> None:
    """As the image starts it: the server's process has its task and S3, the engine's its model."""
    settings = environment(weights, GEN3D_SAM3_TEXT_SCORE="0", GEN3D_SAM3_TEXT_PYTHON=str(elsewhere))
    server = models({**os.environ, **settings, "GEN3D_TASKS": "segment", "MODEL_BUCKET": MODELS})
    server.begin()
    while server.status() == LOADING:
        time.sleep(0.1)
    assert server.status() == READY
    with closing(server._detector):  # type: ignore[type-var]  # its process
        reply = server.run(request(s3, photo, task="segment", text="chair"))
    assert isinstance(reply, SegmentReply)
    assert (reply.engine.name, reply.engine.weight_free) == ("sam3_text", False)
    assert len(reply.candidates) == 10
    for candidate in reply.candidates:
        file = s3.get_object(Bucket=BUCKET, Key=candidate.key, VersionId=candidate.version_id)["Body"].read()
        with Image.open(io.BytesIO(file)) as mask:
            assert mask.size == photo.shape[1::-1]
            assert set(np.unique(np.asarray(mask))) <= {0, 255}
