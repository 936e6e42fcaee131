"""The SageMaker stand-in: a real client, a real engine with permissions, a server process that obeys."""

from __future__ import annotations

import json
import os
import signal
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from botocore.exceptions import ClientError
from gen3d_events.notices import InferenceNotice
from gen3d_local import aws
from gen3d_local.admission import TOKEN_HEADER
from gen3d_local.children import HOST, Child, clean_environment, poll
from gen3d_local.misbehaviour import PATH
from gen3d_local.queue import Queue, Request
from gen3d_local.registry import Registry
from gen3d_local.state import State, free_port

NAME = "gen3d-test"
SECONDS = 30.0


class Stand:
    """An endpoint process with one deployed endpoint, and the queue that hears its two topics."""

    def __init__(self, engine: str, role: str, state: State) -> None:
        self.state = state
        self._engine = engine
        self.s3 = aws.client("s3", engine)
        self.s3.create_bucket(Bucket="inference")
        self._sqs = aws.client("sqs", engine)
        unique = uuid.uuid4().hex[:8]
        self._queue = self._sqs.create_queue(QueueName=f"heard-{unique}")["QueueUrl"]
        self.asked: set[str] = set()
        self.registry = Registry(state.sagemaker)
        self._topics = [self._topic(f"{kind}-{unique}") for kind in ("success", "error")]
        self._role = role
        self._port = free_port()
        self._runtime = aws.client("sagemaker-runtime", f"http://{HOST}:{self._port}")
        self.deploy(SETTING="as deployed")
        self.child = self._start()

    def deploy(self, **environment: str) -> None:
        """What CloudFormation would have the engine write down."""
        model = {"ExecutionRoleArn": self._role, "PrimaryContainer": {"Environment": environment}}
        output = {
            "S3OutputPath": "s3://inference/output/",
            "S3FailurePath": "s3://inference/failure/",
            "NotificationConfig": dict(zip(("SuccessTopic", "ErrorTopic"), self._topics, strict=True)),
        }
        config = {
            "ProductionVariants": [{"ModelName": "model"}],
            "AsyncInferenceConfig": {"OutputConfig": output},
        }
        self.registry.put("Model", "model", model)
        self.registry.put("EndpointConfig", "config", config)
        self.registry.put("Endpoint", NAME, {"EndpointConfigName": "config"})

    def _topic(self, name: str) -> str:
        sns = aws.client("sns", self._engine)
        arn: str = sns.create_topic(Name=name)["TopicArn"]
        queue_arn = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])
        policy = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "sns.amazonaws.com"},
                    "Action": "sqs:SendMessage",
                    "Resource": "*",
                }
            ],
        }
        self._sqs.set_queue_attributes(QueueUrl=self._queue, Attributes={"Policy": json.dumps(policy)})
        sns.subscribe(
            TopicArn=arn,
            Protocol="sqs",
            Endpoint=queue_arn["Attributes"]["QueueArn"],
            Attributes={"RawMessageDelivery": "true"},
        )
        return arn

    def _start(self) -> Child:
        settings = {
            "PORT": str(self._port),
            "GEN3D_STATE": str(self.state.folder),
            "GEN3D_ENGINE_URL": self._engine,
            "GEN3D_SERVER": "tests.unit.local.fake_server",
        }
        log = self.state.logs / "endpoint.log"
        child = Child("endpoint", "gen3d_local.endpoint", clean_environment(**settings), log)
        child.wait_ready(self._port, "/ready", SECONDS)
        return child

    def restart(self) -> None:
        self.child.stop(seconds=0)
        self.child = self._start()

    def ready(self) -> int:
        return httpx.get(f"http://{HOST}:{self._port}/ready", trust_env=False).status_code

    def misbehave(self, method: str = "POST", token: str | None = None, **order: Any) -> httpx.Response:
        headers = {TOKEN_HEADER: token or self.state.token()}
        url = f"http://{HOST}:{self._port}{PATH}"
        return httpx.request(method, url, json=order, headers=headers, trust_env=False)

    def servers(self) -> list[psutil.Process]:
        processes = psutil.Process(self.child.pid).children(recursive=True)
        return [one for one in processes if one.status() != psutil.STATUS_ZOMBIE]

    def invoke(self, document: dict[str, Any], **arguments: Any) -> Any:
        key = f"input/{uuid.uuid4()}.json"
        self.s3.put_object(Bucket="inference", Key=key, Body=json.dumps(document))
        return self.call(InputLocation=f"s3://inference/{key}", **arguments)

    def call(self, **arguments: Any) -> Any:
        self.asked.add(arguments.get("InputLocation", ""))
        return self._runtime.invoke_endpoint_async(**{"EndpointName": NAME, **arguments})

    def heard(self, count: int = 1) -> list[dict[str, Any]]:
        """The next `count` notifications of what this test asked, in the order of their arrival.

        An earlier test may have left before the last answer came.
        """
        messages: list[dict[str, Any]] = []

        def enough() -> bool:
            reply = self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            told = [json.loads(message["Body"]) for message in reply.get("Messages", [])]
            messages.extend(it for it in told if it["requestParameters"]["inputLocation"] in self.asked)
            return len(messages) >= count

        assert poll(enough, SECONDS), f"heard only {messages}; log: {self.child.tail()}"
        return messages

    def read(self, location: str) -> Any:
        bucket, key = location.removeprefix("s3://").split("/", 1)
        return json.loads(self.s3.get_object(Bucket=bucket, Key=key)["Body"].read())


@pytest.fixture(scope="module")
def kept(engine: str, role: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    state = State(tmp_path_factory.mktemp("endpoint"))
    state.prepare()
    made = Stand(engine, role, state)
    yield made
    made.child.stop()


@pytest.fixture
def stand(kept: Stand) -> Iterator[Stand]:
    kept.asked.clear()
    yield kept
    kept.misbehave("DELETE")
    kept.deploy(SETTING="as deployed")


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


# --- what goes wrong when it is told to ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "statuses"),
    [
        ({"kind": "slow", "seconds": 0.1}, ["Completed"]),
        ({"kind": "doubled"}, ["Completed", "Completed"]),
        ({"kind": "success-after-failure", "seconds": 0.1}, ["Failed", "Completed"]),
        ({"kind": "failure-after-success", "seconds": 0.1}, ["Completed", "Failed"]),
        ({"kind": "expired"}, ["Expired"]),
        ({"kind": "fail"}, ["Failed"]),
        ({"kind": "killed"}, ["Failed"]),
        ({"kind": "silent"}, []),
    ],
)
def test_misbehaves_once_as_ordered(stand: Stand, order: dict[str, Any], statuses: list[str]) -> None:
    assert stand.misbehave(**order).status_code == 200
    stand.invoke({"do": "echo"}, InferenceId="ordered")
    stand.invoke({"do": "echo"}, InferenceId="next")

    heard = [(one["inferenceId"], one["invocationStatus"]) for one in stand.heard(len(statuses) + 1)]
    assert heard == [*(("ordered", status) for status in statuses), ("next", "Completed")]


@pytest.mark.parametrize("place", ["response", "top", "nowhere"])
def test_a_failure_names_its_code_in_one_place(stand: Stand, place: str) -> None:
    stand.misbehave(kind="fail", code="inference_out_of_memory", failure_location=place)
    accepted = stand.invoke({"do": "echo"})
    [message] = stand.heard()

    notice = InferenceNotice.model_validate(message)
    assert ("failureLocation" in message) == (place == "top")
    assert ("responseParameters" in message) == (place == "response")
    if place == "nowhere":
        assert notice.failure_location is None
        assert "inference_out_of_memory" in message["failureReason"]
    else:
        assert notice.failure_location == accepted["FailureLocation"]
        assert stand.read(accepted["FailureLocation"])["code"] == "inference_out_of_memory"
        assert "inference_out_of_memory" not in message["failureReason"]


def test_a_late_request_holds_nobody_up_and_is_answered_in_the_end(stand: Stand) -> None:
    stand.misbehave(kind="late")
    stand.invoke({"do": "echo"}, InferenceId="late")
    stand.invoke({"do": "echo"}, InferenceId="next")
    assert [message["inferenceId"] for message in stand.heard()] == ["next"]
    stand.restart()
    assert stand.misbehave("DELETE").json() == []

    [message] = stand.heard()
    assert (message["inferenceId"], message["invocationStatus"]) == ("late", "Completed")


@pytest.mark.parametrize(
    ("kind", "error", "status"), [("refused", "ValidationError", 400), ("busy", "ServiceUnavailable", 503)]
)
def test_what_is_refused_at_once_is_not_accepted(stand: Stand, kind: str, error: str, status: int) -> None:
    stand.misbehave(kind=kind, times=3)  # a client asks a busy endpoint three times
    with pytest.raises(ClientError) as refusal:
        stand.invoke({"do": "echo"}, InferenceId="refused")
    assert refusal.value.response["Error"]["Code"] == error
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    stand.misbehave("DELETE")
    stand.invoke({"do": "echo"}, InferenceId="next")
    assert [message["inferenceId"] for message in stand.heard()] == ["next"]


def test_an_order_may_be_for_some_requests_only(stand: Stand) -> None:
    stand.misbehave(kind="expired", task="reconstruct")
    stand.misbehave(kind="fail", inference_id="emb-2", times=2)
    for name in ("emb-1", "emb-2", "rec-1", "rec-2"):
        stand.invoke({"do": "echo"}, InferenceId=name)

    heard = {one["inferenceId"]: one["invocationStatus"] for one in stand.heard(4)}
    assert heard == {"emb-1": "Completed", "emb-2": "Failed", "rec-1": "Expired", "rec-2": "Completed"}
    (left,) = stand.misbehave("GET").json()
    assert (left["kind"], left["times"]) == ("fail", 1)
    stand.misbehave("DELETE")


def test_orders_want_the_token_and_a_known_form(stand: Stand) -> None:
    assert stand.misbehave(token="guessed", kind="silent").status_code == 403
    for order in (
        {"kind": "unheard-of"},
        {"kind": "fail", "code": "unheard_of"},
        {"kind": "fail", "code": "link_expired"},
        {"kind": "slow", "times": 0},
    ):
        answer = stand.misbehave(**order)
        assert answer.status_code == 400
        assert "\n" not in answer.text
        assert "pydantic" not in answer.text
    refused = stand.misbehave(kind="fail", code="link_expired").text
    assert refused == "code: link_expired is no code of docs/errors.md with which a request can fail"
    assert stand.misbehave("GET").json() == []
