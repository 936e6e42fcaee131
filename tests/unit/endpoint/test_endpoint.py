"""Asking the endpoint and reading its answers: S3 in moto, InvokeEndpointAsync against a real HTTP server."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from gen3d_events import endpoint
from gen3d_events.consumer import UserFault
from gen3d_events.inference import EmbedReply, InferenceRequest
from gen3d_events.inference_failure import InferenceFailure
from gen3d_events.models import InferenceFailed, InferenceSucceeded
from gen3d_events.samples import BUCKET, SESSION, photo, samples, segmenter

INPUT = f"inference/input/{SESSION}/emb-1.json"
REQUEST = InferenceRequest(
    task="embed",
    inference_id="emb-1",
    metadata=samples["Image Uploaded"].metadata,
    bucket=BUCKET,
    photo=photo,
    output_prefix="users/a/",
)
REPLY = EmbedReply(
    inference_id="emb-1", engine=segmenter, manifest_key="m", embedding_key="e", bytes=1, seconds=2
)


@dataclass
class Runtime:
    """What the stand-in for SageMaker's runtime answers, and what it was asked."""

    status: int = 202
    error: str = ""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)


@pytest.fixture
def runtime(data_bucket: Any, endpoint_settings: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runtime]:
    runtime = Runtime()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            runtime.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            body = json.dumps(
                {"InferenceId": "emb-1"} if runtime.status == 202 else {"message": "no"}
            ).encode()
            self.send_response(runtime.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            if runtime.error:
                self.send_header("x-amzn-ErrorType", runtime.error)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    yield runtime
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_request_document_is_stored_and_its_address_queued(runtime: Runtime, data_bucket: Any) -> None:
    before = datetime.now(UTC)
    due_at = endpoint.ask(REQUEST)
    after = datetime.now(UTC)

    stored = data_bucket.get_object(Bucket=BUCKET, Key=INPUT)
    assert InferenceRequest.model_validate_json(stored["Body"].read()) == REQUEST
    [(path, headers)] = runtime.asked
    assert path == "/endpoints/gen3d-test/async-invocations"
    assert headers["x-amzn-sagemaker-inputlocation"] == f"s3://{BUCKET}/{INPUT}"
    assert headers["x-amzn-sagemaker-inference-id"] == "emb-1"
    assert headers["x-amzn-sagemaker-requestttlseconds"] == "3600"
    assert headers["x-amzn-sagemaker-invocationtimeoutseconds"] == "900"
    assert headers["x-amzn-sagemaker-content-type"] == "application/json"
    wait = timedelta(seconds=3600 + 900 + 300)
    assert before + wait <= due_at <= after + wait


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, "ValidationError"), (404, "ValidationError"), (403, "AccessDeniedException"), (424, "ModelError")],
)
def test_a_refusal_is_final(runtime: Runtime, status: int, error: str) -> None:
    runtime.status, runtime.error = status, error
    with pytest.raises(UserFault) as refusal:
        endpoint.ask(REQUEST)
    assert refusal.value.code == "endpoint_unavailable"
    assert error in refusal.value.detail
    assert len(runtime.asked) == 1


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (429, "TooManyRequestsException"),
        (400, "ThrottlingException"),
        (500, "InternalFailure"),
        (503, "ServiceUnavailable"),
    ],
)
def test_a_busy_or_broken_endpoint_is_asked_again_later(runtime: Runtime, status: int, error: str) -> None:
    runtime.status, runtime.error = status, error
    with pytest.raises(ClientError) as answer:
        endpoint.ask(REQUEST)
    assert answer.value.response["Error"]["Code"] == error


def test_an_unreachable_endpoint_is_asked_again_later(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", "http://127.0.0.1:1")
    with pytest.raises(EndpointConnectionError):
        endpoint.ask(REQUEST)


def test_the_request_behind_an_event_is_read_back(runtime: Runtime) -> None:
    endpoint.ask(REQUEST)
    assert endpoint.request_behind(_succeeded()) == REQUEST


def test_a_reply_is_read_from_the_output(data_bucket: Any) -> None:
    _put(data_bucket, "out", REPLY.model_dump_json().encode())
    assert endpoint.answer(_succeeded(), EmbedReply) == REPLY


@pytest.mark.parametrize("body", [b"", b"{}", b"\xff\xfe", b"[]", b'{"task": "reconstruct"}'])
def test_a_reply_of_another_form_is_a_failed_inference(data_bucket: Any, body: bytes) -> None:
    _put(data_bucket, "out", body)
    answer = endpoint.answer(_succeeded(), EmbedReply)
    assert isinstance(answer, InferenceFailure)
    assert answer.code == "inference_failed"
    assert "agreed form" in answer.detail


def test_a_missing_reply_is_an_error_and_no_answer(data_bucket: Any) -> None:
    with pytest.raises(ClientError):
        endpoint.answer(_succeeded(), EmbedReply)


@pytest.mark.parametrize(
    ("failure_object", "reason", "code"),
    [
        (
            b'{"code": "model_unavailable", "error_class": "system", "message": "no weights"}',
            "",
            "model_unavailable",
        ),
        (b"\x00\xff not text", '{"code": "inference_out_of_memory"}', "inference_out_of_memory"),
        (b"", "Your invocation timed out", "inference_timed_out"),
        (None, "Your invocation timed out", "inference_timed_out"),
        (None, "", "inference_failed"),
    ],
)
def test_a_failure_is_read_from_the_object_or_the_reason_or_neither(
    data_bucket: Any, failure_object: bytes | None, reason: str, code: str
) -> None:
    if failure_object is not None:
        _put(data_bucket, "failed", failure_object)
    event = _failed("failed", reason)
    answer = endpoint.answer(event, EmbedReply)
    assert isinstance(answer, InferenceFailure)
    assert answer.code == code


def test_a_failure_without_a_place_is_read_from_its_reason(data_bucket: Any) -> None:
    answer = endpoint.answer(_failed(None, "it timed out"), EmbedReply)
    assert answer == InferenceFailure("inference_timed_out", "Failed: it timed out")


def test_of_an_endless_failure_object_only_the_beginning_is_read(data_bucket: Any) -> None:
    _put(data_bucket, "failed", b"x" * (endpoint.MAX_FAILURE_BYTES * 2))
    answer = endpoint.answer(_failed("failed", ""), EmbedReply)
    assert isinstance(answer, InferenceFailure)
    assert len(answer.detail) == endpoint.MAX_FAILURE_BYTES + len("Failed: ")


def _put(s3: Any, key: str, body: bytes) -> None:
    s3.put_object(Bucket=BUCKET, Key=key, Body=body)


def _succeeded() -> InferenceSucceeded:
    return InferenceSucceeded(inference_id="emb-1", task="embed", input_key=INPUT, output_key="out")


def _failed(key: str | None, reason: str) -> InferenceFailed:
    return InferenceFailed(
        inference_id="emb-1",
        task="embed",
        input_key=INPUT,
        failure_key=key,
        status="Failed",
        reason=reason,
    )
