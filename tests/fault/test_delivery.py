"""Messages come twice, in another order, or after a killed function: each job still ends once."""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from gen3d import Gen3D, Job
from gen3d_events.event import Event
from gen3d_events.models import EmbeddingStarted
from gen3d_local.cloud import Cloud

from tests.consumers import System
from tests.fault.conftest import FAST
from tests.fault.deliveries import Foreign, everything_twice, killed_before, publish_again
from tests.fault.test_poison import gen3d as command
from tests.tap import Tap, judge
from tests.waiting import SECONDS, eventually

Run = Callable[[], Job]
SOAK = "GEN3D_SOAK" in os.environ
SHUFFLES = 200 if SOAK else 3


def ids(events: list[Event]) -> set[str]:
    return {event.metadata.event_id for event in events}


def test_every_message_again_after_the_end(
    gen3d: Gen3D, system: System, tap: Tap, photo: Path, mask: Path
) -> None:
    system.cloud.misbehave("fail", code="inference_out_of_memory", task="reconstruct")
    foreign = Foreign(system)
    session = gen3d.create_session(photo).wait_ready(SECONDS)
    job = session.create_job(mask, FAST).wait(SECONDS)
    system.settled(job)
    before, view = tap.heard(session.id), job.view["events"]
    judge(before)
    assert sum(event.detail_type == "Reconstruction Retry Scheduled" for event in before) == 1

    publish_again(system.cloud, before)
    foreign.deliver_again(5)  # photo, mask, and the endpoint's answers: one to the embedding, two to the job
    system.settled(job)

    after = tap.heard(session.id)
    assert ids(after) == ids(before)
    assert len(after) == 2 * len(before), "each was heard once more, and nothing else"
    assert job.state == "completed"
    assert job.view["events"] == view


def test_every_message_twice_at_the_same_time(
    gen3d: Gen3D, system: System, tap: Tap, photo: Path, mask: Path
) -> None:
    system.cloud.misbehave("doubled", times=2)
    with everything_twice(system):
        session = gen3d.create_session(photo).wait_ready(SECONDS)
        job = session.create_job(mask, FAST).wait(SECONDS)
        system.settled(job)
    told = tap.heard(session.id)
    judge(told)
    assert set(Counter(event.detail_type for event in told).values()) == {1, 2}
    assert {it for it, n in Counter(event.detail_type for event in told).items() if n == 2} == {
        "Inference Succeeded"  # one for each task
    }


class Row:
    """A row of the sessions table, and its folded events."""

    def __init__(self, cloud: Cloud, job: Job, user_id: str) -> None:
        self._table = {"TableName": cloud.outputs["SessionsTableName"]}
        self._key = {"user_id": {"S": user_id}, "item_id": {"S": f"{job.session_id}/{job.id}"}}
        self._dynamodb = cloud.client("dynamodb")

    def read(self) -> dict[str, Any]:
        answer = self._dynamodb.get_item(**self._table, Key=self._key, ConsistentRead=True)
        return {name: value for name, value in answer["Item"].items() if name != "revision"}

    def forget(self) -> None:
        """As if nothing had been heard of the job yet."""
        heard = [name for name, value in self.read().items() if "event_id" in value.get("M", {})]
        names = {f"#{n}": name for n, name in enumerate([*heard, "revision"])}
        self._dynamodb.update_item(
            **self._table,
            Key=self._key,
            UpdateExpression=f"REMOVE {', '.join(names)}",
            ExpressionAttributeNames=names,
        )


def test_any_order_gives_the_same(cloud: Cloud, system: System, tap: Tap, job: Run) -> None:
    """Also Started after Completed: from the last event to the first, and shuffled."""
    made = job()
    system.settled(made)
    told = [event for event in tap.heard(made.session_id) if event.metadata.job_id == made.id]
    row = Row(cloud, made, told[0].metadata.user_id)
    expected = row.read()
    chance = random.Random(4)  # noqa: S311
    orders = [told[::-1], *(chance.sample(told, len(told)) for _ in range(SHUFFLES))]
    for order in orders:
        row.forget()
        assert row.read() != expected
        for event in order:
            system.send(
                "UploadProgress",
                {"source": event.source, "detail-type": event.detail_type, "detail": event.detail()},
            )
        system.rested()
        assert row.read() == expected, [event.detail_type for event in order]
    system.settled(made)
    assert made.state == "completed"


def test_started_after_completed_changes_nothing(gen3d: Gen3D, system: System, tap: Tap, photo: Path) -> None:
    """Even a Started of another cause, as after a function that was killed at its work."""
    session = gen3d.create_session(photo).wait_ready(SECONDS)
    system.rested()
    (started,) = (event for event in tap.heard(session.id) if isinstance(event, EmbeddingStarted))
    other = started.metadata.model_copy(update={"event_id": "7" + started.metadata.event_id[1:]})
    publish_again(system.cloud, [started.with_metadata(other)])
    system.settled()
    assert session.refresh().state == "ready"
    assert system.mails(session) == [], "of a photo that is ready nobody is told"
    assert session.events["embedding_started"]["event_id"] == started.metadata.event_id


KILLED = {
    "UploadIngest": "Image Uploaded",
    "EmbeddingStart": "Embedding Started",
    "InferenceRelay": "Inference Succeeded",
    "EmbeddingFinish": "Embedding Completed",
    "ReconstructionStart": "Reconstruction Started",
    "ReconstructionFinish": "Reconstruction Completed",
    "MeshingMesh": "Mesh Completed",
    "NotificationMail": "User Notified",
}
"""The consumers on a job's way, each with an event that it publishes after its effect."""

ON_ONE_WAY = ("ReconstructionStart", "MeshingMesh", "NotificationMail")
SECONDS_TO_WORK = {"MeshingMesh": 20}
"""The time-out of a function that is to be killed, where 8 s are too little for it on a busy machine, from a
cold start: it would be killed at every receive. As long its message stays away after the kill."""


@pytest.mark.parametrize("names", [ON_ONE_WAY, *(((name,) for name in KILLED) if SOAK else ())], ids="-".join)
def test_functions_are_killed_after_their_effect_and_before_they_tell(
    gen3d: Gen3D, system: System, tap: Tap, request: pytest.FixtureRequest, names: tuple[str, ...]
) -> None:
    photo, mask = request.getfixturevalue("photo"), request.getfixturevalue("mask")
    with ExitStack() as stack:
        for name in names:
            stack.enter_context(killed_before(system, name, KILLED[name], SECONDS_TO_WORK.get(name, 8)))
        session = gen3d.create_session(photo).wait_ready(SECONDS)
        job = session.create_job(mask, FAST).wait(2 * SECONDS)
        # That the mail was sent nobody knows, so it is sent again, which is better than none.
        system.settled(job, mails=2 if "NotificationMail" in names else 1)
    assert job.state == "completed"
    told = {event.metadata.event_id: event for event in tap.heard(session.id)}.values()
    kinds = Counter(event.detail_type for event in told)
    assert kinds.pop("Inference Succeeded") == 2
    assert set(kinds.values()) == {1}, kinds


def test_on_its_last_receive_a_message_is_told_of_as_failed(
    cloud: Cloud, system: System, tap: Tap, job: Run
) -> None:
    """Nobody may write the request document, so every try fails; then an operator mends it, too late."""
    s3, bucket = cloud.client("s3"), cloud.outputs["DataBucketName"]
    policy = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{bucket}/inference/input/*/rec-*",
    }
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [policy]}))
    try:
        made = job()
        assert made.problem is not None
        assert made.problem["code"] == "internal_error"
        eventually(lambda: system.dead() == {"ReconstructionStart": 1})
        system.rested()
    finally:
        s3.delete_bucket_policy(Bucket=bucket)
    told = Counter(
        event.detail_type for event in tap.heard(made.session_id) if event.metadata.job_id == made.id
    )
    assert told == {"Reconstruction Requested": 1, "Reconstruction Failed": 1, "User Notified": 2}
    (letter,) = system.sqs.receive_message(
        QueueUrl=system.consumers["ReconstructionStart"].dead_letters,
        AttributeNames=["ApproximateReceiveCount"],
        VisibilityTimeout=0,
    )["Messages"]
    assert json.loads(letter["Body"])["detail"]["metadata"]["job_id"] == made.id
    assert command(system, "dlq", "redrive", "ReconstructionStart") == {"redriven": 1}
    system.settled(made)
    assert made.state == "failed"
    assert len(system.mails(made)) == 1
