"""Messages come twice, in another order, or after a killed function: each job still ends once."""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from gen3d import Gen3D, Job, Session
from gen3d_events.event import Event
from gen3d_events.ids import originate
from gen3d_events.models import EmbeddingStarted, JobTimedOut, MeshCompleted, ReconstructionStarted
from gen3d_events.read_model import Row, fold, job_state, problem
from gen3d_local.cloud import Cloud

from tests.consumers import System
from tests.fault.conftest import FAST
from tests.fault.deliveries import Foreign, deliver, everything_twice, held, killed_before, publish_again
from tests.fault.test_poison import command
from tests.flow.test_inbox import arrived, cut_out, put
from tests.flow.test_socket import listening
from tests.tap import Tap, judge
from tests.waiting import SECONDS, eventually

Run = Callable[[], Job]
SOAK = "GEN3D_SOAK" in os.environ
SHUFFLES = 200 if SOAK else 3


def ids(events: list[Event]) -> set[str]:
    return {event.metadata.event_id for event in events}


class Way(NamedTuple):
    """A job that was rejected and failed on its way and then ended well; what was told of its session."""

    session: Session
    job: Job
    told: list[Event]
    foreign: Foreign


WAY = {
    "Image Rejected": 1,
    "Image Uploaded": 1,
    "Embedding Started": 1,
    "Embedding Completed": 1,
    "Mask Rejected": 1,
    "Reconstruction Requested": 1,
    "Reconstruction Started": 2,
    "Inference Failed": 1,
    "Reconstruction Retry Scheduled": 1,
    "Inference Succeeded": 2,
    "Reconstruction Completed": 1,
    "Meshing Started": 1,
    "Mesh Completed": 1,
    "User Notified": 3,
}
MAILS = {"Your photo could not be accepted", "Your mask could not be accepted", "Your 3D model is ready"}


@pytest.fixture(scope="module")
def way(gen3d: Gen3D, system: System, tap: Tap, photo: Path, mask: Path) -> Way:
    """A photo and a mask are rejected before those that are accepted, and the first attempt fails; meanwhile
    every message is delivered twice."""
    system.cloud.misbehave("doubled", task="embed")
    system.cloud.misbehave("fail", code="inference_out_of_memory", task="reconstruct")
    system.cloud.misbehave("doubled", task="reconstruct")
    foreign = Foreign(system)
    with everything_twice(system):
        created = gen3d.api.post("/sessions", {})
        session = gen3d.session(created["session_id"])
        gen3d.upload(created["upload"], "notes.jpg", b"These are notes and no photo.")
        eventually(lambda: session.refresh().problem)
        gen3d.upload(created["upload"], photo.name, photo.read_bytes())
        eventually(lambda: session.refresh().events.get("image_uploaded"))
        session.wait_ready(SECONDS)
        asked = gen3d.api.post(f"/sessions/{session.id}/jobs", {"options": FAST.model_dump(mode="json")})
        job = gen3d.job(asked["job_id"])
        gen3d.upload(asked["upload"], photo.name, photo.read_bytes())
        eventually(lambda: job.refresh().problem)
        gen3d.upload(asked["upload"], mask.name, mask.read_bytes())
        eventually(lambda: job.refresh().events.get("reconstruction_requested"))
        job.wait(SECONDS)
        system.rested()
    return Way(session, job, tap.heard(session.id), foreign)


def has_settled(system: System, way: Way) -> None:
    """One end, and one mail of each thing that happened."""
    system.settled(way.job, mails=2)  # of the rejected mask, and of the mesh
    assert way.job.state == "completed"
    assert Counter(mail.subject for mail in system.mails(way.session)) == dict.fromkeys(MAILS, 1)


def test_every_message_twice_at_the_same_time(system: System, way: Way) -> None:
    has_settled(system, way)
    judge(way.told)
    assert Counter(event.detail_type for event in way.told) == WAY


def test_every_message_again_after_the_end(system: System, tap: Tap, way: Way) -> None:
    view = way.job.refresh().view["events"]
    publish_again(system.cloud, way.told)
    # Two photos, two masks, and the endpoint's answers: two to the embedding, the failure, two to the retry.
    way.foreign.deliver_again(2 + 2 + 2 + 1 + 2)
    has_settled(system, way)
    after = tap.heard(way.session.id)
    assert ids(after) == ids(way.told)
    assert len(after) == 2 * len(way.told), "each was heard once more, and nothing else"
    assert way.job.view["events"] == view


class Kept:
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
    row = Kept(cloud, made, told[0].metadata.user_id)
    expected = row.read()
    chance = random.Random(4)  # noqa: S311
    orders = [told[::-1], *(chance.sample(told, len(told)) for _ in range(SHUFFLES))]
    for order in orders:
        row.forget()
        assert row.read() != expected
        for event in order:
            deliver(system, "UploadProgress", event)
        system.rested()
        assert row.read() == expected, [event.detail_type for event in order]
    system.settled(made)
    assert made.state == "completed"


def test_who_hears_of_a_job_backwards_is_told_the_same(
    gen3d: Gen3D, system: System, tap: Tap, session: Session, mask: Path
) -> None:
    """Pages hear the last event first, Started after Completed. Of a time-out that is heard after the mesh
    there is no mail."""
    hearers = ("NotificationPush", "NotificationMail")
    with listening(system.cloud, gen3d) as page:
        with held(system, hearers[0]), held(system, hearers[1]):
            job = session.create_job(mask, FAST)
            eventually(lambda: job.refresh().state == "completed")
            told = [event for event in tap.heard(session.id) if event.metadata.job_id == job.id]
            (started,) = (event for event in told if isinstance(event, ReconstructionStarted))
            (completed,) = (event for event in told if isinstance(event, MeshCompleted))
            for name in hearers:
                system.sqs.purge_queue(QueueUrl=system.consumers[name].queue)
            for event in reversed(told):
                deliver(system, "NotificationPush", event)
            deliver(system, "NotificationMail", completed)
        system.settled(job)
        about = started.metadata
        overdue = JobTimedOut.because("job_timed_out").about(about.user_id, session.id, job.id)
        publish_again(system.cloud, [originate(overdue, cause_id=job.id, at=about.occurred_at)])
        eventually(lambda: job.refresh().events.get("job_timed_out"))
        system.settled(job)
        page.rest()
    heard = [event for event in page.events if event.metadata.job_id == job.id]
    assert len(heard) == len(ids(heard)) == len(told) + 2  # the time-out, and the mail
    assert heard.index(started) > heard.index(completed)
    row: Row = {}
    for event in heard:
        row = fold(row, event)
    assert (job_state(row), problem(row)) == ("completed", None)


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
    "UploadIngest": ("Image Uploaded", "Reconstruction Requested"),
    "EmbeddingStart": ("Embedding Started",),
    "InferenceRelay": ("Inference Succeeded",),
    "EmbeddingFinish": ("Embedding Completed",),
    "ReconstructionStart": ("Reconstruction Started",),
    "ReconstructionFinish": ("Reconstruction Completed",),
    "ReconstructionRetry": ("Reconstruction Started",),
    "MeshingMesh": ("Mesh Completed",),
    "NotificationMail": ("User Notified",),
}
"""The consumers that tell of something on a job's way, each with what it tells after its effect."""

ON_ONE_WAY = ("ReconstructionStart", "MeshingMesh", "NotificationMail")
SECONDS_TO_WORK = {"MeshingMesh": 20}
"""The time-out of a function that is to be killed, where 8 s are too little for it on a busy machine, from a
cold start: it would be killed at every receive. As long its message stays away after the kill."""

Kill = tuple[str, str]
ALONE: list[tuple[Kill, ...]] = [((name, event),) for name, events in KILLED.items() for event in events]


def killed(system: System, name: str, event: str) -> AbstractContextManager[None]:
    return killed_before(system, name, event, SECONDS_TO_WORK.get(name, 8))


def told_once(tap: Tap, session: Session) -> None:
    """Of each attempt of each job. The same event may have been put on the bus twice."""
    told = {event.metadata.event_id: event for event in tap.heard(session.id)}.values()
    kinds = Counter(
        (event.detail_type, event.metadata.job_id, getattr(event, "attempt", 1)) for event in told
    )
    assert set(kinds.values()) == {1}, kinds


@pytest.mark.parametrize(
    "kills",
    [tuple((name, KILLED[name][0]) for name in ON_ONE_WAY), *(ALONE if SOAK else ())],
    ids=lambda kills: "-".join(f"{name}:{event.replace(' ', '')}" for name, event in kills),
)
def test_functions_are_killed_after_their_effect_and_before_they_tell(
    gen3d: Gen3D, system: System, tap: Tap, photo: Path, mask: Path, *, kills: tuple[Kill, ...]
) -> None:
    names = dict(kills)
    if "ReconstructionRetry" in names:
        system.cloud.misbehave("fail", code="inference_unavailable", task="reconstruct")
    with ExitStack() as stack:
        for name, event in kills:
            stack.enter_context(killed(system, name, event))
        session = gen3d.create_session(photo).wait_ready(SECONDS)
        # Each function is killed at one of them, so nearly all wait for their messages at the same time.
        jobs = [session.create_job(mask, FAST) for _ in names]
        for job in jobs:
            job.wait(2 * SECONDS)
        system.rested()
    assert {job.refresh().state for job in jobs} == {"completed"}
    assert system.dead() == {}
    # That the mail was sent nobody knows, so it is sent again, which is better than none.
    mails = sorted(len(system.mails(job)) for job in jobs)
    assert mails == [*[1] * (len(jobs) - 1), 2 if "NotificationMail" in names else 1]
    told_once(tap, session)


@pytest.mark.parametrize("event", KILLED["UploadIngest"] if SOAK else ())
def test_the_ingest_of_an_inbox_is_killed_before_it_tells(
    gen3d: Gen3D, system: System, tap: Tap, photo: Path, mask: Path, *, event: str
) -> None:
    """Of the photo, or of the mask when the photo was told of."""
    with killed(system, "UploadIngest", event):
        put(system.cloud, f"killed before {event}.png", cut_out(photo, mask))
        session = arrived(gen3d, f"killed before {event}")
        (job,) = eventually(lambda: session.refresh().jobs)
        job.wait(2 * SECONDS)
        system.rested()
    system.settled(job)
    assert job.state == "completed"
    told_once(tap, session)


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
