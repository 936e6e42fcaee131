"""A mask is asked for, asked for again after a passing failure, and an answer becomes an event."""

from __future__ import annotations

from typing import Any

import pytest
from gen3d_events import aws
from gen3d_events.consumer import Consumer
from gen3d_events.event import Event
from gen3d_events.inference import InferenceRequest, ReconstructReply
from gen3d_events.inference_failure import InferenceFailure
from gen3d_events.models import (
    InferenceFailed,
    InferenceSucceeded,
    ReconstructionCompleted,
    ReconstructionFailed,
    ReconstructionRequested,
    ReconstructionRetryScheduled,
    ReconstructionStarted,
)
from gen3d_events.samples import (
    BUCKET,
    JOB,
    SESSION,
    USER,
    envelope,
    mask,
    options,
    photo,
    reconstructor,
    samples,
)
from gen3d_reconstruction import finish, retry, start
from gen3d_reconstruction.attempts import MAX_ATTEMPTS

from tests.unit.events.conftest import Cloud, cloud

__all__ = ["cloud"]

pytestmark = pytest.mark.usefixtures("endpoint_settings")

REQUESTED = samples["Reconstruction Requested"]
REPLY = ReconstructReply(
    inference_id=f"rec-{JOB}-1",
    engine=reconstructor,
    splat_key="users/a/splat.ply",
    bytes=13_631_890,
    gaussians=200_461,
    seconds=3.91,
)
OUT_OF_MEMORY = InferenceFailure("inference_out_of_memory", "CUDA out of memory")


@pytest.fixture(autouse=True)
def reconstructor_of_the_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECONSTRUCTOR", "relief")


def request(attempt: int = 1) -> InferenceRequest:
    return InferenceRequest(
        task="reconstruct",
        inference_id=f"rec-{JOB}-{attempt}",
        attempt=attempt,
        metadata=REQUESTED.metadata,
        requested_at=REQUESTED.metadata.occurred_at,
        bucket=BUCKET,
        photo=photo,
        mask=mask,
        options=options,
        output_prefix=f"users/{USER}/sessions/{SESSION}/jobs/{JOB}/",
    )


def stored(s3: Any, inference_id: str) -> InferenceRequest:
    found = s3.get_object(Bucket=BUCKET, Key=f"inference/input/{SESSION}/{inference_id}.json")
    return InferenceRequest.model_validate_json(found["Body"].read())


def test_a_mask_is_asked_for(data_bucket: Any) -> None:
    assert isinstance(REQUESTED, ReconstructionRequested)
    [started] = start.handler.consume(REQUESTED)

    assert isinstance(started, ReconstructionStarted)
    assert (started.inference_id, started.attempt) == (f"rec-{JOB}-1", 1)
    assert stored(data_bucket, started.inference_id) == request()


def test_a_retry_asks_again_with_its_own_number(data_bucket: Any) -> None:
    scheduled = ReconstructionRetryScheduled.because(
        "inference_out_of_memory",
        attempt=2,
        photo=photo,
        mask=mask,
        options=options,
        requested_at=REQUESTED.metadata.occurred_at,
    ).with_metadata(REQUESTED.metadata)

    [started] = retry.handler.consume(scheduled)

    assert isinstance(started, ReconstructionStarted)
    assert (started.inference_id, started.attempt) == (f"rec-{JOB}-2", 2)
    assert stored(data_bucket, started.inference_id) == request(attempt=2)


@pytest.mark.parametrize(
    ("handler", "cause"),
    [(start.handler, "Reconstruction Requested"), (retry.handler, "Reconstruction Retry Scheduled")],
    ids=["start", "retry"],
)
def test_an_attempt_that_is_given_up_says_of_which_quality(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, handler: Consumer[Event], cause: str
) -> None:
    monkeypatch.setenv("DATA_BUCKET", "no-such-bucket-of-ours")
    assert len(cloud.deliver(handler, cloud.record(envelope(samples[cause]), 5))) == 1
    (failed,) = cloud.heard()
    assert isinstance(failed, ReconstructionFailed)
    assert (failed.code, failed.quality) == ("internal_error", options.quality)
    assert failed.reconstructor == "relief"


def test_an_answer_that_is_given_up_says_of_which_quality(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATA_BUCKET", BUCKET)
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    s3.put_object(Bucket=BUCKET, Key="in", Body=request().model_dump_json().encode())
    answer = samples["Inference Succeeded"].model_copy(update={"input_key": "in", "output_key": "none"})
    event = answer.with_metadata(samples["Inference Succeeded"].metadata)
    assert len(cloud.deliver(finish.handler, cloud.record(envelope(event), 5))) == 1
    (failed,) = cloud.heard()
    assert isinstance(failed, ReconstructionFailed)
    assert (failed.code, failed.quality) == ("internal_error", options.quality)
    assert failed.reconstructor == "relief"


def test_an_answer_whose_request_is_gone_is_given_up_all_the_same(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATA_BUCKET", "no-such-bucket-of-ours")
    event = samples["Inference Succeeded"]
    assert len(cloud.deliver(finish.handler, cloud.record(envelope(event), 5))) == 1
    (failed,) = cloud.heard()
    assert isinstance(failed, ReconstructionFailed)
    assert (failed.code, failed.quality) == ("internal_error", None)


def test_an_event_about_no_job_is_an_error(data_bucket: Any) -> None:
    assert isinstance(REQUESTED, ReconstructionRequested)
    metadata = REQUESTED.metadata.model_copy(update={"job_id": None})
    with pytest.raises(ValueError, match="about no job"):
        list(start.handler.consume(REQUESTED.with_metadata(metadata)))


def test_a_reply_completes_the_reconstruction_with_what_the_request_said(data_bucket: Any) -> None:
    data_bucket.put_object(Bucket=BUCKET, Key="in", Body=request(attempt=2).model_dump_json().encode())
    data_bucket.put_object(Bucket=BUCKET, Key="out", Body=REPLY.model_dump_json().encode())
    event = InferenceSucceeded(
        inference_id=f"rec-{JOB}-2", task="reconstruct", input_key="in", output_key="out"
    )

    [completed] = finish.handler.consume(event)

    assert completed == ReconstructionCompleted(
        splat_key=REPLY.splat_key,
        bytes=REPLY.bytes,
        gaussians=REPLY.gaussians,
        mask=mask,
        options=options,
        engine=reconstructor,
        seconds=3.91,
        attempt=2,
        requested_at=REQUESTED.metadata.occurred_at,
    )


def test_a_failure_is_read_and_repeated_if_it_may_pass(data_bucket: Any) -> None:
    data_bucket.put_object(Bucket=BUCKET, Key="in", Body=request().model_dump_json().encode())
    event = InferenceFailed(
        inference_id=f"rec-{JOB}-1",
        task="reconstruct",
        input_key="in",
        status="Failed",
        reason="Your invocation timed out",
    )

    events: list[Event] = list(finish.handler.consume(event))

    assert events == [
        ReconstructionRetryScheduled.because(
            "inference_timed_out",
            "Failed: Your invocation timed out",
            attempt=2,
            photo=photo,
            mask=mask,
            options=options,
            requested_at=REQUESTED.metadata.occurred_at,
        )
    ]


@pytest.mark.parametrize("attempt", range(1, MAX_ATTEMPTS))
def test_a_passing_failure_schedules_the_next_attempt(attempt: int) -> None:
    event = finish.outcome(request(attempt), OUT_OF_MEMORY)
    assert isinstance(event, ReconstructionRetryScheduled)
    assert (event.attempt, event.code) == (attempt + 1, "inference_out_of_memory")


def test_the_last_attempt_is_final() -> None:
    event = finish.outcome(request(MAX_ATTEMPTS), OUT_OF_MEMORY)
    assert event == ReconstructionFailed.because(
        *OUT_OF_MEMORY, quality=options.quality, reconstructor="relief"
    )


@pytest.mark.parametrize("code", ["inference_failed", "model_unavailable", "inference_request_invalid"])
def test_a_lasting_failure_is_final_at_once(code: str) -> None:
    event = finish.outcome(request(), InferenceFailure(code, "why"))
    assert event == ReconstructionFailed.because(code, "why", quality=options.quality, reconstructor="relief")


def test_the_request_of_an_embedding_is_no_reconstructions(data_bucket: Any) -> None:
    embed = request().model_copy(update={"mask": None, "options": None})
    with pytest.raises(ValueError, match="not a reconstruction request"):
        finish.outcome(embed, REPLY)
