"""What is written down of each event: one line that sums it up, and its figures."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from gen3d_events import keys
from gen3d_events.consumer import UserFault, consumes
from gen3d_events.event import Event
from gen3d_events.folder import folds
from gen3d_events.ids import caused, derived_job_id, derived_session_id
from gen3d_events.measures import measures
from gen3d_events.models import (
    EmbeddingCompleted,
    EmbeddingFailed,
    ImageUploaded,
    InferenceSucceeded,
    JobOptions,
    MeshCompleted,
    Quality,
    ReconstructionCompleted,
    ReconstructionFailed,
)
from gen3d_events.notices import InferenceNotice, S3ObjectCreated
from gen3d_events.observability import logger
from gen3d_events.samples import JOB, SESSION, USER, envelope, foreign, samples

from tests.unit.events.conftest import Cloud
from tests.unit.logs import logged

UPLOADED, SUCCEEDED = samples["Image Uploaded"], samples["Inference Succeeded"]
COMPLETED = samples["Reconstruction Completed"]


def summaries(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in lines if "seconds" in line]


@consumes(InferenceSucceeded, failed=ReconstructionFailed)
def finish(event: InferenceSucceeded) -> Iterator[Event]:
    logger.info("on the way")
    assert isinstance(COMPLETED, ReconstructionCompleted)
    yield COMPLETED


# --- the line ------------------------------------------------------------------------------------------


def test_one_line_sums_up_an_event(cloud: Cloud) -> None:
    with logged() as lines:
        cloud.deliver(finish, cloud.record(envelope(SUCCEEDED)))
    (summary,) = summaries(lines)
    assert {
        "message": "consumed",
        "cause": "Inference Succeeded",
        "cause_id": SUCCEEDED.metadata.event_id,
        "correlation_id": SESSION,
        "session_id": SESSION,
        "job_id": JOB,
        "published": {"Reconstruction Completed": 1},
    }.items() <= summary.items()
    assert {"Reconstruction.Duration", "Reconstruction.Success"} == set(summary["figures"])
    assert summary["seconds"] >= 0
    assert summary["waited_seconds"] >= 0


def test_a_duplicate_a_failure_and_a_refusal_have_one_line_as_well(cloud: Cloud) -> None:
    @consumes(ImageUploaded, failed=EmbeddingFailed)
    def broken(event: ImageUploaded) -> Iterator[Event]:
        yield from ()
        raise OSError("disk")

    @consumes(ImageUploaded, failed=EmbeddingFailed)
    def refused(event: ImageUploaded) -> Iterator[Event]:
        yield from ()
        raise UserFault("endpoint_unavailable")

    record = cloud.record(envelope(SUCCEEDED))
    cloud.deliver(finish, record)
    uploaded = cloud.record(envelope(UPLOADED))
    for handler, message, said in (
        (finish, record, "done before"),
        (broken, uploaded, "failed"),
        (broken, cloud.record("junk"), "refused"),
        (refused, uploaded, "consumed"),
    ):
        with logged() as lines:
            cloud.deliver(handler, message)
        assert [line["message"] for line in summaries(lines)] == [said]


def test_a_foreign_message_is_known_by_the_events_told_of_it(cloud: Cloud) -> None:
    @consumes(S3ObjectCreated)
    def ingest(notice: S3ObjectCreated) -> Iterator[Event]:
        yield samples["Reconstruction Requested"].about(USER, SESSION, JOB)

    with logged() as lines:
        cloud.deliver(ingest, cloud.record(foreign["s3-object-created"]))
    (summary,) = summaries(lines)
    assert summary["cause"] == "Object Created"
    assert (summary["correlation_id"], summary["job_id"]) == (SESSION, JOB)


def s3_notice(key: str) -> dict[str, Any]:
    notice = copy.deepcopy(foreign["s3-object-created"])
    notice["detail"]["object"]["key"] = key
    return notice


def inference_notice(inference_id: str) -> dict[str, Any]:
    location = f"s3://bucket/{keys.inference_input(SESSION, inference_id)}"
    return foreign["sagemaker-completed"] | {
        "inferenceId": inference_id,
        "requestParameters": {"inputLocation": location},
    }


@pytest.mark.parametrize(
    ("notice", "known"),
    [
        (s3_notice(keys.incoming_photo(USER, SESSION)), {"correlation_id": SESSION, "session_id": SESSION}),
        (
            s3_notice(keys.incoming_mask(USER, SESSION, JOB)),
            {"correlation_id": SESSION, "session_id": SESSION, "job_id": JOB},
        ),
        (s3_notice("incoming/none-of-ours"), {}),
        (inference_notice(f"emb-{SESSION}-1"), {"correlation_id": SESSION, "session_id": SESSION}),
        (
            inference_notice(f"rec-{JOB}-2"),
            {"correlation_id": SESSION, "session_id": SESSION, "job_id": JOB},
        ),
        (inference_notice("none-of-ours"), {}),
        (foreign["sagemaker-completed"] | {"requestParameters": {"inputLocation": "nowhere"}}, {}),
    ],
)
def test_lines_about_a_foreign_message_that_ends_badly_say_whom_it_is_about(
    cloud: Cloud, notice: dict[str, Any], known: dict[str, str]
) -> None:
    @consumes(InferenceNotice if "inferenceId" in notice else S3ObjectCreated)
    def broken(notice: S3ObjectCreated | InferenceNotice) -> Iterator[Event]:
        logger.info("dropped: one was accepted")
        yield from ()
        raise OSError("disk")

    with logged() as lines:
        cloud.deliver(broken, cloud.record(notice))
    assert [line["message"] for line in lines] == ["dropped: one was accepted", "failed"]
    for line in lines:
        assert {
            name: line[name] for name in ("correlation_id", "session_id", "job_id") if name in line
        } == known


def test_lines_about_a_file_in_an_inbox_say_what_becomes_of_it(cloud: Cloud) -> None:
    body = s3_notice(f"inbox/{USER}/chair.png")
    notice = S3ObjectCreated.from_envelope(body)

    @consumes(S3ObjectCreated)
    def broken(_: S3ObjectCreated) -> Iterator[Event]:
        yield from ()
        raise OSError("disk")

    with logged() as lines:
        cloud.deliver(broken, cloud.record(body))
    (line,) = lines
    assert line["correlation_id"] == line["session_id"] == derived_session_id(notice)
    assert line["job_id"] == derived_job_id(notice)


def test_a_batch_that_is_folded_has_a_line_for_each_event(cloud: Cloud) -> None:
    def then(touched: str, _: Sequence[Event]) -> None:
        if touched == "Inference Succeeded":
            raise OSError("no")

    handler = folds(ImageUploaded, InferenceSucceeded, into=then)(lambda event: event.detail_type)
    with logged() as lines:
        cloud.deliver(handler, *(cloud.record(envelope(one)) for one in (UPLOADED, SUCCEEDED)))
    assert [(line["message"], line["cause"]) for line in summaries(lines)] == [
        ("folded", "Image Uploaded"),
        ("failed", "Inference Succeeded"),
    ]


# --- the figures ---------------------------------------------------------------------------------------


def metrics(text: str) -> list[dict[str, Any]]:
    """Embedded metrics with figures, without those that only count."""
    lines = [json.loads(line) for line in text.splitlines()]
    return [
        line
        for line in lines
        if any("." in it["Name"] for it in line["_aws"]["CloudWatchMetrics"][0]["Metrics"])
    ]


def test_figures_are_written_once_by_service_and_by_engine_and_quality(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    record = cloud.record(envelope(SUCCEEDED))
    cloud.deliver(finish, record)
    cloud.deliver(finish, record)
    (line,) = metrics(capsys.readouterr().out)
    (written,) = line["_aws"]["CloudWatchMetrics"]
    assert written["Namespace"] == "Gen3D"
    assert [set(one) for one in written["Dimensions"]] == [
        {"service"},
        {"service", "quality"},
        {"service", "engine", "quality"},
    ]
    assert {(it["Name"], it["Unit"]) for it in written["Metrics"]} == {
        ("Reconstruction.Duration", "Seconds"),
        ("Reconstruction.Success", "Count"),
    }
    assert (line["engine"], line["quality"]) == ("relief", "balanced")
    assert (line["session_id"], line["job_id"]) == (SESSION, JOB)
    assert line["Reconstruction.Success"] == [1]


def test_work_that_is_given_up_counts_as_no_success(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    @consumes(InferenceSucceeded, failed=ReconstructionFailed)
    def broken(event: InferenceSucceeded) -> Iterator[Event]:
        yield from ()
        raise OSError("disk")

    cloud.deliver(broken, cloud.record(envelope(SUCCEEDED), 4))
    assert metrics(capsys.readouterr().out) == []
    cloud.deliver(broken, cloud.record(envelope(SUCCEEDED), 5))
    (line,) = metrics(capsys.readouterr().out)
    assert line["Reconstruction.Success"] == [0]
    assert line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["service"]]


def test_a_failure_lowers_the_success_of_its_quality(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    @consumes(InferenceSucceeded)
    def ends(event: InferenceSucceeded) -> Iterator[Event]:
        yield COMPLETED
        yield ReconstructionFailed.because("inference_failed", quality=Quality.BALANCED)

    cloud.deliver(ends, cloud.record(envelope(SUCCEEDED)))
    lines = metrics(capsys.readouterr().out)
    assert [line["Reconstruction.Success"] for line in lines] == [[1], [0]]
    for line in lines:
        (written,) = line["_aws"]["CloudWatchMetrics"]
        assert {"service", "quality"} in [set(one) for one in written["Dimensions"]]
        assert line["quality"] == "balanced"


def figures(event: Event) -> dict[str, float]:
    return {figure.name: figure.value for figure in measures(event).figures}


def test_durations_are_from_the_first_request_to_the_result() -> None:
    embedded = samples["Embedding Completed"]
    assert isinstance(embedded, EmbeddingCompleted)
    assert figures(embedded) == {"Initialization.Duration": 4.0}
    assert measures(embedded).by == ({"engine": "classical"},)
    later = COMPLETED.metadata.occurred_at + timedelta(seconds=30)
    metadata = COMPLETED.metadata.model_copy(update={"occurred_at": later})
    assert figures(COMPLETED) == {"Reconstruction.Duration": 16.0, "Reconstruction.Success": 1}
    assert figures(COMPLETED.with_metadata(metadata))["Reconstruction.Duration"] == 46.0


def test_a_failure_counts_beside_the_successes_of_its_engine() -> None:
    failed = ReconstructionFailed.because("inference_failed", quality=Quality.HIGH, reconstructor="relief")
    by = ({"quality": "high"}, {"engine": "relief", "quality": "high"})
    assert measures(failed).by == by
    changed = COMPLETED.model_copy(update={"options": JobOptions(quality=Quality.HIGH)})
    assert measures(caused(changed, SUCCEEDED, "test", 0)).by == by


def test_a_mesh_has_its_time_and_size() -> None:
    meshed = samples["Mesh Completed"]
    assert isinstance(meshed, MeshCompleted)
    assert figures(meshed) == {"Meshing.Duration": 5.27, "MeshSize": 1_903_448}
    assert measures(meshed.model_copy(update={"quality": Quality.HIGH})).by == (
        {"engine": "relief", "quality": "high"},
    )


def test_mails_that_left_count_beside_those_that_did_not() -> None:
    assert figures(samples["User Notified"]) == {"Notification.Success": 1}
    assert figures(samples["Notification Failed"]) == {"Notification.Success": 0}


def test_a_request_of_an_earlier_version_has_no_duration() -> None:
    event = caused(COMPLETED.model_copy(update={"requested_at": None}), SUCCEEDED, "test", 0)
    assert figures(event) == {"Reconstruction.Success": 1}


def test_all_other_events_have_no_figures() -> None:
    named = {name for name, event in samples.items() if measures(event).figures}
    assert named == {
        "Embedding Completed",
        "Reconstruction Completed",
        "Reconstruction Failed",
        "Mesh Completed",
        "User Notified",
        "Notification Failed",
    }
