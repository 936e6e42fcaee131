"""SageMaker's notifications become our events, or are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from gen3d_events.consumer import MessageInvalid
from gen3d_events.event import Event
from gen3d_events.inference import InferenceRequest
from gen3d_events.models import InferenceFailed, InferenceSucceeded
from gen3d_events.notices import InferenceNotice
from gen3d_events.samples import BUCKET, JOB, SESSION, USER, mask, options, photo, samples
from gen3d_relay import relay

ID = f"rec-{JOB}-1"
INPUT = f"inference/input/{SESSION}/{ID}.json"
REQUEST = InferenceRequest(
    task="reconstruct",
    inference_id=ID,
    metadata=samples["Reconstruction Requested"].metadata,
    bucket=BUCKET,
    photo=photo,
    mask=mask,
    options=options,
    output_prefix="users/a/",
)


def notice(**changes: Any) -> InferenceNotice:
    """A notification in SageMaker's shape; a change to None leaves that field out."""
    body = {
        "awsRegion": "us-east-1",
        "eventTime": "2026-11-20T12:01:50.000Z",
        "receivedTime": "2026-11-20T12:01:36.000Z",
        "invocationStatus": "Completed",
        "requestParameters": {
            "endpointName": "gen3d-dev",
            "contentType": "application/json",
            "inputLocation": f"s3://{BUCKET}/{INPUT}",
        },
        "responseParameters": {
            "contentType": "application/json",
            "outputLocation": f"s3://{BUCKET}/inference/output/a.out",
        },
        "inferenceId": ID,
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
    } | changes
    return InferenceNotice.from_envelope({key: value for key, value in body.items() if value is not None})


@pytest.fixture
def stored_request(data_bucket: Any) -> Any:
    data_bucket.put_object(Bucket=BUCKET, Key=INPUT, Body=REQUEST.model_dump_json().encode())
    return data_bucket


def consume(message: InferenceNotice) -> Event:
    [event] = relay.handler.consume(message)
    return event


def test_a_completed_request_succeeded(stored_request: Any) -> None:
    assert consume(notice()) == InferenceSucceeded(
        inference_id=ID, task="reconstruct", input_key=INPUT, output_key="inference/output/a.out"
    ).about(USER, SESSION, JOB)


@pytest.mark.parametrize(
    "failure",
    [
        {"failureLocation": f"s3://{BUCKET}/inference/failure/a.out", "responseParameters": None},
        {"responseParameters": {"failureLocation": f"s3://{BUCKET}/inference/failure/a.out"}},
    ],
)
def test_a_failed_request_failed_wherever_its_object_is_named(
    stored_request: Any, failure: dict[str, Any]
) -> None:
    event = consume(notice(invocationStatus="Failed", failureReason="why", **failure))
    assert event == InferenceFailed(
        inference_id=ID,
        task="reconstruct",
        input_key=INPUT,
        failure_key="inference/failure/a.out",
        status="Failed",
        reason="why",
    ).about(USER, SESSION, JOB)


@pytest.mark.parametrize("status", ["Expired", "Failed", "InProgress", ""])
def test_every_other_status_is_a_failure(stored_request: Any, status: str) -> None:
    event = consume(notice(invocationStatus=status, responseParameters=None))
    expected = InferenceFailed(inference_id=ID, task="reconstruct", input_key=INPUT, status=status)
    assert event == expected.about(USER, SESSION, JOB)


def test_completed_without_an_output_is_a_failure(stored_request: Any) -> None:
    assert isinstance(consume(notice(responseParameters=None)), InferenceFailed)


def test_a_long_reason_is_cut_to_what_an_event_holds(stored_request: Any) -> None:
    event = consume(notice(invocationStatus="Failed", failureReason="x" * 100_000))
    assert isinstance(event, InferenceFailed)
    assert len(event.reason) == relay.MAX_REASON


@pytest.mark.parametrize(
    "location",
    [f"s3://{BUCKET}/inference/input/missing.json", "https://example.com/in.json", "s3://only-a-bucket"],
)
def test_a_notice_about_no_request_of_ours_is_refused(stored_request: Any, location: str) -> None:
    with pytest.raises(MessageInvalid):
        list(relay.handler.consume(notice(requestParameters={"inputLocation": location})))


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"not json", b"\xff\xfe", json.dumps({"task": "embed"}).encode()]
)
def test_a_document_that_is_no_request_is_refused(data_bucket: Any, body: bytes) -> None:
    data_bucket.put_object(Bucket=BUCKET, Key=INPUT, Body=body)
    with pytest.raises(MessageInvalid):
        list(relay.handler.consume(notice()))


def test_another_requests_notice_is_refused(stored_request: Any) -> None:
    with pytest.raises(MessageInvalid, match="is the request of"):
        list(relay.handler.consume(notice(inferenceId="somebody-elses")))


def test_a_bucket_out_of_order_is_no_reason_to_refuse(
    data_bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATA_BUCKET", "not-made-yet")
    with pytest.raises(ClientError):
        list(relay.handler.consume(notice()))
