"""The consumers of a laptop cloud as its stack made them, and whether everything has come to rest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from gen3d import Job, Session
from gen3d_local.cloud import Cloud
from gen3d_local.deploy import STACK
from gen3d_local.mail import Mail
from gen3d_local.state import State

from tests.waiting import SECONDS, eventually

COUNTS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)
CONSUMERS = (
    "UploadIngest",
    "UploadProgress",
    "EmbeddingStart",
    "EmbeddingFinish",
    "InferenceRelay",
    "ReconstructionStart",
    "ReconstructionFinish",
    "ReconstructionRetry",
    "MeshingMesh",
    "NotificationMail",
    "NotificationPush",
)


class Consumer(NamedTuple):
    """Addresses of a consumer's queue and dead-letter queue; its function and rule (the relay has none)."""

    name: str
    queue: str
    dead_letters: str
    function: str
    rule: str | None


class System:
    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.sqs = cloud.client("sqs")
        pages = cloud.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=STACK)
        made = {
            one["LogicalResourceId"]: one["PhysicalResourceId"]
            for page in pages
            for one in page["StackResourceSummaries"]
        }
        self.consumers = {
            name: Consumer(
                name,
                made[f"{name}Queue"],
                made[f"{name}DeadLetterQueue"],
                made[f"{name}Function"],
                made.get(f"{name}Rule"),
            )
            for name in CONSUMERS
        }
        assert {name.removesuffix("Mapping") for name in made if name.endswith("Mapping")} == set(CONSUMERS)
        self.watchdog = made["UploadWatchdogFunction"]
        self._unlooked = made["UploadWatchdogDeadLetterQueue"]

    def count(self, queue: str) -> int:
        """Messages of a queue, also those that are hidden, delayed or being handled."""
        attributes = self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
        return sum(int(attributes[name]) for name in COUNTS)

    def waiting(self) -> dict[str, int]:
        """Consumers whose queue is not empty, and how many requests wait for the endpoint."""
        requests = len(list(State(Path(self.cloud.state)).queues.glob("*/[0-9]*.json")))
        counted = {one.name: self.count(one.queue) for one in self.consumers.values()}
        return {name: n for name, n in {**counted, "endpoint": requests}.items() if n}

    def dead(self) -> dict[str, int]:
        """Consumers with dead letters, and the watchdog if a look of its was given up."""
        counted = {one.name: self.count(one.dead_letters) for one in self.consumers.values()}
        counted["UploadWatchdog"] = self.count(self._unlooked)
        return {name: n for name, n in counted.items() if n}

    def send(self, consumer: str, body: object) -> None:
        text = body if isinstance(body, str) else json.dumps(body)
        self.sqs.send_message(QueueUrl=self.consumers[consumer].queue, MessageBody=text)

    def bury(self) -> None:
        """Delete all dead letters."""
        for queue in (*(one.dead_letters for one in self.consumers.values()), self._unlooked):
            self.sqs.purge_queue(QueueUrl=queue)

    def look(self) -> dict[str, Any]:
        """Have the watchdog look, as its schedule does every five minutes; what it answers."""
        reply = self.cloud.client("lambda").invoke(FunctionName=self.watchdog, Payload=b"{}")
        assert "FunctionError" not in reply, reply["Payload"].read()
        answer: dict[str, Any] = json.loads(reply["Payload"].read())
        return answer

    def rested(self, seconds: float = SECONDS, late: int = 0) -> None:
        """Return when nothing is under way any more, but for requests that the endpoint holds back."""

        def empty() -> bool:
            waiting = self.waiting()
            assert waiting == ({"endpoint": late} if late else {}), waiting
            return True

        eventually(empty, seconds)

    def settled(
        self, *jobs: Job, seconds: float = SECONDS, mails: int = 1, dead: dict[str, int] | None = None
    ) -> None:
        """Nothing is under way, nothing was given up but `dead`, and each job came to one end, told to its
        person."""
        self.rested(seconds)
        found = self.dead()
        assert found == (dead or {}), f"dead letters: {found}"
        for job in jobs:
            assert job.refresh().state in {"completed", "failed"}, job.state
            told = self.mails(job)
            assert len(told) == mails, [mail.subject for mail in told]

    def mails(self, job: Job | Session) -> list[Mail]:
        """What the person was told of a job, or of a session and its jobs."""
        return [
            mail for mail in self.cloud.mails() if self.cloud.user.email in mail.to and job.id in mail.text
        ]
