"""The SageMaker stand-in: a real client, a real engine with permissions, a server process that obeys."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError
from gen3d_events.notices import InferenceNotice
from gen3d_local.children import poll
from gen3d_local.queue import Queue, Request

from tests.unit.local.stand import NAME, SECONDS, Stand


def test_answers_in_sagemakers_shapes(stand: Stand) -> None:
    accepted = stand.invoke({"do": "echo"}, InferenceId="rec-1", ContentType="application/json")
    [message] = stand.heard()

    assert accepted["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert accepted["InferenceId"] == "rec-1"
    assert accepted["OutputLocation"].startswith("s3://inference/output/")
    assert accepted["FailureLocation"].startswith("s3://inference/failure/")
    assert stand.read(accepted["OutputLocation"]) == {"echo": {"do": "echo"}, "setting": "as deployed"}
    assert message["invocationStatus"] == "Completed"
    assert message["responseParameters"]["outputLocation"] == accepted["OutputLocation"]
    assert message["requestParameters"]["endpointName"] == NAME
    assert InferenceNotice.model_validate(message).inference_id == "rec-1"


@pytest.mark.parametrize("status", [400, 500, 503])
def test_the_models_refusal_is_kept_and_told(stand: Stand, status: int) -> None:
    accepted = stand.invoke({"do": "fail", "status": status}, InferenceId="rec-2")
    [message] = stand.heard()

    assert message["invocationStatus"] == "Failed"
    assert f"({status})" in message["failureReason"]
    assert stand.read(accepted["FailureLocation"]) == {"code": "model_unavailable"}
    assert message["responseParameters"]["failureLocation"] == accepted["FailureLocation"]
    assert InferenceNotice.model_validate(message).status == "Failed"


@pytest.mark.parametrize(
    ("arguments", "wording"),
    [
        ({"EndpointName": "another"}, "Endpoint another of account 000000000000 not found"),
        ({"RequestTTLSeconds": 59}, "requestTTLSeconds"),
        ({"RequestTTLSeconds": 21601}, "requestTTLSeconds"),
        ({"InvocationTimeoutSeconds": 3601}, "invocationTimeoutSeconds"),
        ({"InferenceId": "x" * 65}, "inferenceId"),
        ({"InputLocation": "https://elsewhere/x"}, "InputLocation"),
    ],
)
def test_refuses_what_sagemaker_refuses(
    stand: Stand, arguments: dict[str, Any], wording: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botocore.validate.ParamValidator.validate", lambda *_: _Fine())
    with pytest.raises(ClientError, match=wording) as refusal:
        stand.call(**{"InputLocation": "s3://inference/x", **arguments})

    assert refusal.value.response["Error"]["Code"] == "ValidationError"
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


class _Fine:
    def has_errors(self) -> bool:
        return False


def test_one_at_a_time_in_order(stand: Stand, tmp_path: Path) -> None:
    begun, until = tmp_path / "begun", tmp_path / "until"
    stand.invoke({"do": "sleep", "begun": str(begun), "until": str(until)}, InferenceId="first")
    assert poll(begun.exists, SECONDS)
    stand.invoke({"do": "echo"}, InferenceId="second")
    stand.invoke({"do": "echo"}, InferenceId="third")
    until.touch()

    assert [message["inferenceId"] for message in stand.heard(3)] == ["first", "second", "third"]


def test_accepted_requests_are_answered_after_a_kill(stand: Stand, tmp_path: Path) -> None:
    begun, until = tmp_path / "begun", tmp_path / "until"
    stand.invoke({"do": "sleep", "begun": str(begun), "until": str(until)}, InferenceId="running")
    assert poll(begun.exists, SECONDS)
    stand.invoke({"do": "echo"}, InferenceId="waiting")
    os.kill(stand.child.pid, signal.SIGKILL)
    until.touch()
    stand.restart()

    assert {message["inferenceId"] for message in stand.heard(2)} == {"running", "waiting"}


def test_a_request_that_waited_too_long_expires(stand: Stand) -> None:
    stand.child.stop()
    queue = Queue(stand.state.queues / NAME)
    stand.s3.put_object(Bucket="inference", Key="input/late.json", Body=b'{"do": "echo"}')
    stand.asked.add("s3://inference/input/late.json")
    queue.put(
        Request(
            "late",
            "s3://inference/input/late.json",
            "s3://inference/output/late",
            "s3://inference/failure/late",
            "application/json",
            "*/*",
            ttl_seconds=60,
            timeout_seconds=60,
            accepted_at=time.time() - 61,
        )
    )
    stand.restart()
    [message] = stand.heard()

    assert (message["inferenceId"], message["invocationStatus"]) == ("late", "Expired")
    assert "responseParameters" not in message


def test_an_invocation_that_takes_too_long_fails(stand: Stand, tmp_path: Path) -> None:
    until = tmp_path / "until"
    document = {"do": "sleep", "begun": str(tmp_path / "begun"), "until": str(until)}
    stand.invoke(document, InferenceId="slow", InvocationTimeoutSeconds=1)
    [message] = stand.heard()
    until.touch()

    assert message["invocationStatus"] == "Failed"
    assert "timed out" in message["failureReason"]


def test_a_server_that_dies_fails_its_request_and_is_started_again(stand: Stand) -> None:
    stand.invoke({"do": "die"}, InferenceId="deadly")
    stand.invoke({"do": "echo"}, InferenceId="next")

    statuses = {message["inferenceId"]: message["invocationStatus"] for message in stand.heard(2)}
    assert statuses == {"deadly": "Failed", "next": "Completed"}


def test_a_server_that_is_killed_while_idle_is_started_again(stand: Stand) -> None:
    [server] = psutil.Process(stand.child.pid).children(recursive=True)
    server.kill()
    assert poll(lambda: not server.is_running() or server.status() == psutil.STATUS_ZOMBIE, SECONDS)
    assert stand.ready() in {200, 503}
    assert poll(lambda: stand.servers() not in ([], [server]), SECONDS)
    assert poll(lambda: stand.ready() == 200, SECONDS)


@pytest.mark.parametrize("location", ["s3://Bad_Bucket!/x", "s3://[/x"])
def test_a_request_that_cannot_be_asked_for_fails_and_holds_nothing_up(stand: Stand, location: str) -> None:
    stand.call(InputLocation=location, InferenceId="poison")
    stand.invoke({"do": "echo"}, InferenceId="behind")

    messages = stand.heard(2)
    assert [message["inferenceId"] for message in messages] == ["poison", "behind"]
    assert [message["invocationStatus"] for message in messages] == ["Failed", "Completed"]
    assert InferenceNotice.model_validate(messages[0]).status == "Failed"


def test_a_reply_that_cannot_be_kept_fails(stand: Stand) -> None:
    config = json.loads((stand.state.sagemaker / "EndpointConfig" / "config.json").read_text())
    config["AsyncInferenceConfig"]["OutputConfig"]["S3OutputPath"] = "s3://nobodys/output"
    stand.registry.put("EndpointConfig", "config", config)
    stand.invoke({"do": "echo"}, InferenceId="nowhere")
    [message] = stand.heard()

    assert (message["inferenceId"], message["invocationStatus"]) == ("nowhere", "Failed")
    assert "InternalError" in message["failureReason"]


def test_a_file_that_holds_no_request_holds_nothing_up(stand: Stand) -> None:
    (stand.state.queues / NAME / "00000000000000000001.json").write_text('{"from": "another version"}')
    stand.invoke({"do": "echo"}, InferenceId="behind")

    assert [message["inferenceId"] for message in stand.heard()] == ["behind"]


def test_the_worker_outlives_what_it_did_not_expect(stand: Stand) -> None:
    folder = stand.state.queues / NAME / "00000000000000000001.json"
    folder.mkdir()
    stand.invoke({"do": "echo"}, InferenceId="later")
    assert poll(lambda: "cannot be worked off" in stand.child.log.read_text(), SECONDS)
    folder.rmdir()

    assert [message["inferenceId"] for message in stand.heard()] == ["later"]


def test_the_server_works_as_the_endpoints_role(stand: Stand) -> None:
    accepted = stand.invoke({"do": "whoami"}, InferenceId="who")
    stand.heard()

    assert ":assumed-role/endpoint-of-the-tests/" in stand.read(accepted["OutputLocation"])["arn"]


def test_what_the_role_may_not_read_fails(stand: Stand) -> None:
    stand.s3.create_bucket(Bucket="elsewhere")
    stand.s3.put_object(Bucket="elsewhere", Key="secret.json", Body=b'{"do": "echo"}')
    stand.call(InputLocation="s3://elsewhere/secret.json", InferenceId="curious")
    [message] = stand.heard()

    assert message["invocationStatus"] == "Failed"
    assert "AccessDenied" in message["failureReason"]


def test_a_deleted_endpoint_is_unknown_and_its_server_ends(stand: Stand) -> None:
    before = psutil.Process(stand.child.pid).children(recursive=True)
    stand.registry.remove("Endpoint", NAME)
    with pytest.raises(ClientError, match="not found"):
        stand.call(InputLocation="s3://inference/x")

    assert len(before) == 1
    assert not before[0].is_running()


def test_a_changed_endpoint_restarts_its_server(stand: Stand) -> None:
    stand.deploy(SETTING="as changed")
    accepted = stand.invoke({"do": "echo"}, InferenceId="after")
    stand.heard()

    assert stand.read(accepted["OutputLocation"])["setting"] == "as changed"
