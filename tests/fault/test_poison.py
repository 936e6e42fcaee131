"""A message that no try can handle lands in its consumer's dead-letter queue and stops nobody else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from gen3d import Gen3D, Job

from tests.consumers import CONSUMERS, System
from tests.fault.conftest import FAST
from tests.waiting import SECONDS, eventually

Run = Callable[[], Job]

POISON = {
    "UploadIngest": json.dumps({"detail-type": "Object Created", "detail": {"bucket": {}, "object": {}}}),
    "InferenceRelay": json.dumps({"invocationStatus": "Completed"}),
    "UploadProgress": "no JSON at all",
} | {
    name: json.dumps({"detail-type": detail_type, "detail": {"metadata": {}, "data": {"poison": name}}})
    for name, detail_type in {
        "EmbeddingStart": "Image Uploaded",
        "EmbeddingFinish": "Inference Succeeded",
        "ReconstructionStart": "Reconstruction Requested",
        "ReconstructionFinish": "Inference Failed",
        "ReconstructionRetry": "Reconstruction Retry Scheduled",
        "MeshingMesh": "Reconstruction Completed",
        "NotificationMail": "Mesh Completed",
        "NotificationPush": "User Notified",
    }.items()
}


@pytest.fixture(scope="module", autouse=True)
def buried(system: System) -> Iterator[None]:
    """Dead letters of these tests are nobody else's."""
    yield
    system.bury()


def command(system: System, *arguments: str) -> Any:
    """What `gen3d ... --json` prints."""
    said = subprocess.run(
        [sys.executable, "-m", "gen3d", *arguments, "--json"],
        env=os.environ | {"GEN3D_STATE": system.cloud.state},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert said.returncode == 0, said.stderr
    return json.loads(said.stdout)


def test_poison_reaches_its_own_dead_letter_queue(
    gen3d: Gen3D, system: System, photo: Path, mask: Path
) -> None:
    """At all consumers at once, and a job passes through all of them."""
    for name in CONSUMERS:
        system.send(name, POISON[name])
    system.cloud.misbehave("fail", code="inference_out_of_memory", task="reconstruct")
    made = gen3d.create_session(photo).wait_ready(SECONDS).create_job(mask, FAST).wait(SECONDS)
    system.settled(made, dead=dict.fromkeys(CONSUMERS, 1))
    assert made.state == "completed"
    assert "reconstruction_started_2" in made.events, "the retry is a consumer, too"
    for name in CONSUMERS:
        (letter,) = system.sqs.receive_message(
            QueueUrl=system.consumers[name].dead_letters, VisibilityTimeout=0
        )["Messages"]
        assert letter["Body"] == POISON[name]


def test_a_poisonous_event_on_the_bus_stops_nobody(system: System, job: Run) -> None:
    """Everybody whose rule it meets gives it up, and the next job passes through them all."""
    system.bury()
    detail = {"metadata": {}, "data": {"task": "reconstruct"}}
    entry = {
        "EventBusName": system.cloud.outputs["BusName"],
        "Source": "gen3d.inference",
        "DetailType": "Inference Succeeded",
        "Detail": json.dumps(detail),
    }
    system.cloud.client("events").put_events(Entries=[entry])
    made = job()
    assert made.state == "completed"
    eventually(
        lambda: system.dead() == {"NotificationPush": 1, "ReconstructionFinish": 1, "UploadProgress": 1}
    )
    system.settled(made, dead=system.dead())


def test_an_operator_reads_dead_letters_and_sends_them_back(system: System) -> None:
    system.bury()
    system.send("MeshingMesh", POISON["MeshingMesh"])
    eventually(lambda: system.dead() == {"MeshingMesh": 1}, SECONDS)

    waiting = command(system, "dlq", "list")["waiting"]
    assert waiting == {**dict.fromkeys([*CONSUMERS, "UploadWatchdog"], 0), "MeshingMesh": 1}

    (letter,) = command(system, "dlq", "show", "MeshingMesh")["letters"]
    assert letter["body"] == POISON["MeshingMesh"]
    assert letter["receives"] >= 5
    assert "not a message for gen3d_meshing.mesh.handler" in letter["reason"]

    assert command(system, "dlq", "redrive", "MeshingMesh") == {"redriven": 1}
    # It is as poisonous as before: it was tried again, and came back as another message.
    (again,) = eventually(lambda: command(system, "dlq", "show", "MeshingMesh")["letters"])
    assert again["body"] == letter["body"]
    assert again["message_id"] != letter["message_id"]
    system.settled(dead={"MeshingMesh": 1})
