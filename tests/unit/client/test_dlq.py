"""Dead letters of a stack in an engine: found by the stack's names, read, and sent back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from gen3d.dlq import DeadLetters
from gen3d.errors import Gen3DError, WrongUsage
from gen3d_local import aws
from gen3d_local.children import HOST, Child, clean_environment
from gen3d_local.state import free_port

Client = Callable[[str], Any]
STACK = "gen3d-prod"
QUEUES = ("MeshingMeshQueue", "MeshingMeshDeadLetterQueue", "UploadWatchdogDeadLetterQueue")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An engine with the stack."""
    port = free_port()
    settings = {"GATEWAY_PORT": str(port), "BIND_HOST": HOST, "IOT_MTLS_ENABLED": "0", "SFTP_ENABLED": "0"}
    child = Child("engine", "ministack", clean_environment(**settings), tmp_path_factory.mktemp("e") / "log")
    try:
        child.wait_ready(port, "/_ministack/ready", 30)
        template = {"Resources": {name: {"Type": "AWS::SQS::Queue"} for name in QUEUES}}
        address = f"http://{HOST}:{port}"
        cloudformation = aws.client("cloudformation", address)
        cloudformation.create_stack(StackName=STACK, TemplateBody=json.dumps(template))
        cloudformation.get_waiter("stack_create_complete").wait(StackName=STACK, WaiterConfig={"Delay": 0.1})
        yield address
    finally:
        child.stop()


@pytest.fixture(scope="module")
def engine(url: str) -> Client:
    """Its clients."""
    return cache(partial(aws.client, engine_url=url))


@pytest.fixture
def made(engine: Client) -> dict[str, str]:
    """Addresses of the stack's queues, which are empty."""
    resources = engine("cloudformation").list_stack_resources(StackName=STACK)["StackResourceSummaries"]
    found = {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in resources}
    for queue in found.values():
        engine("sqs").purge_queue(QueueUrl=queue)
    return found


@pytest.fixture
def letters(engine: Client, made: dict[str, str]) -> DeadLetters:
    return DeadLetters(engine, STACK)


def bury(engine: Client, made: dict[str, str], name: str, body: str, **said: str) -> None:
    engine("sqs").send_message(
        QueueUrl=made[f"{name}DeadLetterQueue"],
        MessageBody=body,
        MessageAttributes={key: {"DataType": "String", "StringValue": text} for key, text in said.items()},
    )


def bodies(engine: Client, queue: str) -> list[str]:
    found: list[dict[str, Any]] = (
        engine("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    )
    return sorted(one["Body"] for one in found)


def test_letters_are_counted_by_consumer(engine: Client, made: dict[str, str], letters: DeadLetters) -> None:
    bury(engine, made, "MeshingMesh", "one")
    bury(engine, made, "MeshingMesh", "two")
    assert letters.waiting() == {"MeshingMesh": 2, "UploadWatchdog": 0}


def test_reading_takes_nothing_away(engine: Client, made: dict[str, str], letters: DeadLetters) -> None:
    for number in range(12):
        bury(engine, made, "MeshingMesh", str(number))
    for _ in range(2):
        assert {it.body for it in letters.read("MeshingMesh")} == set(map(str, range(12)))


def test_eventbridge_says_why_it_could_not_deliver(
    engine: Client, made: dict[str, str], letters: DeadLetters
) -> None:
    bury(
        engine, made, "MeshingMesh", "x", ERROR_CODE="NO_PERMISSIONS", ERROR_MESSAGE="the queue let nobody in"
    )
    (letter,) = letters.read("MeshingMesh")
    assert letter.reason == "NO_PERMISSIONS: the queue let nobody in"


def test_letters_are_sent_back_each_once(engine: Client, made: dict[str, str], letters: DeadLetters) -> None:
    for number in range(12):
        bury(engine, made, "MeshingMesh", f"{number:02}")
    assert letters.redrive("MeshingMesh") == 12
    source = made["MeshingMeshQueue"]
    assert sorted(bodies(engine, source) + bodies(engine, source)) == [f"{number:02}" for number in range(12)]
    assert letters.waiting()["MeshingMesh"] == 0


def test_aws_sends_them_back_itself(url: str, engine: Client, made: dict[str, str]) -> None:
    """The engine knows no message move tasks, so AWS's answer is given here to a request that is checked."""
    asked: list[dict[str, Any]] = []

    def client(service: str) -> Any:
        made_client = aws.client(service, url)
        events = made_client.meta.events
        events.register(
            "provide-client-params.sqs.StartMessageMoveTask", lambda params, **_: asked.append(params)
        )
        events.register(
            "before-call.sqs.StartMessageMoveTask",
            lambda **_: (AWSResponse("", 200, {}, None), {"TaskHandle": "handle"}),
        )
        return made_client

    bury(engine, made, "MeshingMesh", "one")
    letters = DeadLetters(client, STACK)
    assert letters.redrive("MeshingMesh") == 1
    (task,) = asked
    assert task["SourceArn"].rpartition(":")[2] == made["MeshingMeshDeadLetterQueue"].rpartition("/")[2]
    assert task["DestinationArn"].rpartition(":")[2] == made["MeshingMeshQueue"].rpartition("/")[2]
    assert letters.waiting()["MeshingMesh"] == 1, "moved by AWS, and here not at all"


def test_what_does_not_exist_is_said(engine: Client, made: dict[str, str], letters: DeadLetters) -> None:
    with pytest.raises(WrongUsage, match="no queue Nobody"):
        letters.read("Nobody")
    with pytest.raises(WrongUsage, match="UploadWatchdog has no queue"):
        letters.redrive("UploadWatchdog")
    with pytest.raises(Gen3DError, match="gen3d-nowhere"):
        DeadLetters(engine, "gen3d-nowhere")
