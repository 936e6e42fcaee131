"""The consumer: splats in the bucket become files beside them, and events."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from botocore.exceptions import ClientError
from gen3d_events import aws
from gen3d_events.event import Event
from gen3d_events.models import (
    JobOptions,
    MeshCompleted,
    MeshFormat,
    MeshingFailed,
    MeshingStarted,
    Quality,
    ReconstructionCompleted,
)
from gen3d_events.samples import BUCKET, JOB, SESSION, USER, samples
from gen3d_meshing.mesh import handler

from tests.unit.events.conftest import Cloud, cloud
from tests.unit.meshing.imports import loaded_with
from tests.unit.meshing.solids import SOLIDS, noisy_splat, ply, splat_rows

__all__ = ["cloud"]

pytestmark = pytest.mark.usefixtures("small_pictures")

PREFIX = f"users/{USER}/sessions/{SESSION}/jobs/{JOB}/"
SPLAT = noisy_splat(SOLIDS["capsule"], 6000)
SHEET = ply(
    splat_rows(
        np.random.default_rng(0).random((2000, 3)) * (1, 1, 0),
        np.tile([0.0, 0.0, 1.0], (2000, 1)),
        np.full((2000, 3), 0.5),
        np.random.default_rng(0),
    )
)


ALWAYS = {"preview.png": "image/png", "turntable.webp": "image/webp", "stats.json": "application/json"}


def reconstructed(formats: tuple[MeshFormat, ...] = ("glb",)) -> ReconstructionCompleted:
    sample = samples["Reconstruction Completed"]
    assert isinstance(sample, ReconstructionCompleted)
    options = JobOptions(quality=Quality.FAST, formats=formats, texture=None)
    changed = sample.model_copy(update={"options": options})
    return changed.with_metadata(sample.metadata)


def consume(s3: Any, splat: bytes, event: ReconstructionCompleted | None = None) -> list[Event]:
    event = event or reconstructed()
    s3.put_object(Bucket=BUCKET, Key=event.splat_key, Body=splat)
    return list(handler.consume(event))


def test_mesh_preview_and_statistics_are_stored(data_bucket: Any) -> None:
    started, completed = consume(data_bucket, SPLAT)
    assert isinstance(started, MeshingStarted)
    assert isinstance(completed, MeshCompleted)
    assert completed.splat_key == reconstructed().splat_key
    assert completed.engine == reconstructed().engine
    assert completed.quality == Quality.FAST
    assert completed.watertight
    stats = json.loads(data_bucket.get_object(Bucket=BUCKET, Key=f"{PREFIX}stats.json")["Body"].read())
    assert (stats["vertices"], stats["triangles"]) == (completed.vertices, completed.triangles)
    assert stats["engine"]["name"] == "relief"


@pytest.mark.parametrize(
    ("formats", "kinds"),
    [
        (("glb",), {"mesh.glb": "model/gltf-binary", "mesh.draco.glb": "model/gltf-binary"}),
        (
            ("obj", "ply", "stl", "usdz"),
            {
                "mesh-obj.zip": "application/zip",
                "mesh.ply": "application/octet-stream",
                "mesh.stl": "model/stl",
                "mesh.usdz": "model/vnd.usdz+zip",
            },
        ),
    ],
    ids=["the default", "others"],
)
def test_what_was_asked_for_is_stored_and_nothing_else(
    data_bucket: Any, formats: tuple[MeshFormat, ...], kinds: dict[str, str]
) -> None:
    _, completed = consume(data_bucket, SPLAT, reconstructed(formats))
    assert isinstance(completed, MeshCompleted)
    assert set(completed.files) == {*kinds, *ALWAYS}
    for role, file in completed.files.items():
        assert file.key == PREFIX + role
        stored = data_bucket.get_object(Bucket=BUCKET, Key=file.key)
        assert (stored["ContentLength"], stored["ContentType"]) == (file.bytes, (kinds | ALWAYS)[role])
    stored_keys = {it["Key"] for it in data_bucket.list_objects_v2(Bucket=BUCKET)["Contents"]}
    assert stored_keys == {completed.splat_key, *(file.key for file in completed.files.values())}


@pytest.mark.parametrize(
    ("splat", "code", "error_class"),
    [
        (SPLAT[:-1], "splat_invalid", "system"),
        (b"", "splat_invalid", "system"),
        (SHEET, "surface_missing", "user"),
    ],
    ids=["truncated", "empty", "sheet"],
)
def test_a_splat_that_gives_no_mesh_fails_the_job(
    data_bucket: Any, splat: bytes, code: str, error_class: str
) -> None:
    started, failed = consume(data_bucket, splat)
    assert isinstance(started, MeshingStarted)
    assert isinstance(failed, MeshingFailed)
    assert (failed.code, failed.error_class) == (code, error_class)
    assert failed.detail_text
    (only,) = data_bucket.list_objects_v2(Bucket=BUCKET)["Contents"]
    assert only["Key"] == reconstructed().splat_key


@pytest.mark.usefixtures("data_bucket")
def test_a_splat_that_is_gone_fails_the_job_at_once() -> None:
    started, failed = handler.consume(reconstructed())
    assert isinstance(started, MeshingStarted)
    assert isinstance(failed, MeshingFailed)
    assert (failed.code, failed.error_class) == ("splat_missing", "system")


def test_a_reconstruction_without_a_job_is_not_begun() -> None:
    event = reconstructed()
    without = event.with_metadata(event.metadata.model_copy(update={"job_id": None}))
    with pytest.raises(ValueError, match="without a job"):
        next(handler.consume(without))


def test_a_bucket_that_does_not_answer_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, data_bucket: Any
) -> None:
    monkeypatch.setenv("DATA_BUCKET", "no-such-bucket-of-ours")
    steps = handler.consume(reconstructed())
    assert isinstance(next(steps), MeshingStarted)
    with pytest.raises(ClientError):
        next(steps)


def test_meshing_has_begun_before_open3d_is_loaded() -> None:
    unwanted = ("open3d", "dash", "plotly", "numpy", "manifold3d", "PIL")
    assert loaded_with("gen3d_meshing.mesh", *unwanted) == []


def test_a_message_becomes_events_on_the_bus_once(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_BUCKET", BUCKET)
    s3, event = aws.client("s3"), reconstructed()
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    s3.put_object(Bucket=BUCKET, Key=event.splat_key, Body=SPLAT)
    message = {"source": event.source, "detail-type": event.detail_type, "detail": event.detail()}

    assert cloud.deliver(handler, cloud.record(message)) == []
    assert [type(heard) for heard in cloud.heard()] == [MeshingStarted, MeshCompleted]
    assert cloud.deliver(handler, cloud.record(message)) == []
    assert cloud.heard() == []


def test_the_last_failure_is_told(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_BUCKET", "no-such-bucket-of-ours")
    event = reconstructed()
    message = {"source": event.source, "detail-type": event.detail_type, "detail": event.detail()}

    assert len(cloud.deliver(handler, cloud.record(message, receives=5))) == 1
    *_, failed = cloud.heard()
    assert isinstance(failed, MeshingFailed)
    assert failed.code == "internal_error"
