"""An event that no try can handle lands in its consumer's dead-letter queue and stops nobody else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from gen3d import Job, Session

from tests.consumers import CONSUMERS, System
from tests.fault.conftest import FAST
from tests.waiting import SECONDS, eventually

Run = Callable[[], Job]

POISON: dict[str, Any] = {
    "UploadIngest": {"detail-type": "Object Created", "detail": {"bucket": {}, "object": {}}},
    "InferenceRelay": {"invocationStatus": "Completed"},
    "UploadProgress": "no JSON at all",
} | {
    name: {"detail-type": detail_type, "detail": {"metadata": {}, "data": {"poison": name}}}
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


def gen3d(system: System, *arguments: str) -> Any:
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


@pytest.fixture(scope="module")
def ended(session: Session, mask: Path) -> Job:
    """A job that all of this must not touch."""
    return session.create_job(mask, FAST).wait(SECONDS)


@pytest.mark.parametrize("name", CONSUMERS)
def test_poison_reaches_its_own_dead_letter_queue(system: System, ended: Job, name: str) -> None:
    before = system.dead()
    system.send(name, POISON[name])

    def alone() -> bool:
        assert system.dead() == before | {name: 1}
        return True

    eventually(alone)
    system.settled(ended, dead=before | {name: 1})


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


def test_an_operator_reads_dead_letters_and_sends_them_back(system: System, ended: Job) -> None:
    system.bury()
    system.send("MeshingMesh", POISON["MeshingMesh"])
    eventually(lambda: system.dead() == {"MeshingMesh": 1}, SECONDS)

    waiting = gen3d(system, "dlq", "list")["waiting"]
    assert waiting == {**dict.fromkeys([*CONSUMERS, "UploadWatchdog"], 0), "MeshingMesh": 1}

    (letter,) = gen3d(system, "dlq", "show", "MeshingMesh")["letters"]
    assert json.loads(letter["body"]) == POISON["MeshingMesh"]
    assert letter["receives"] >= 5
    assert "not a message for gen3d_meshing.mesh.handler" in letter["reason"]

    assert gen3d(system, "dlq", "redrive", "MeshingMesh") == {"redriven": 1}
    # It is as poisonous as before: it was tried again, and came back as another message.
    (again,) = eventually(lambda: gen3d(system, "dlq", "show", "MeshingMesh")["letters"])
    assert again["body"] == letter["body"]
    assert again["message_id"] != letter["message_id"]
    system.settled(ended, dead={"MeshingMesh": 1})
