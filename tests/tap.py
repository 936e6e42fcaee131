"""Listens to everything that the services publish, and judges a session's story as a whole."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress

from gen3d_events.event import Event, event_from_envelope
from gen3d_local.cloud import Cloud

from tests.waiting import SECONDS, eventually


class Tap:
    """A rule on the jobs bus that copies every event of ours into a queue."""

    def __init__(self, cloud: Cloud, name: str = "flow-tests") -> None:
        events, self._sqs = cloud.client("events"), cloud.client("sqs")
        bus = cloud.outputs["BusName"]
        self._queue = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        attributes = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])
        events.put_rule(
            Name=name, EventBusName=bus, EventPattern=json.dumps({"source": [{"prefix": "gen3d."}]})
        )
        target = {"Id": "queue", "Arn": attributes["Attributes"]["QueueArn"]}
        events.put_targets(Rule=name, EventBusName=bus, Targets=[target])
        self._heard: list[Event] = []

    def story(self, session_id: str, until: dict[str, int], seconds: float = SECONDS) -> list[Event]:
        """The session's events in the order heard, once each detail-type of `until` came that often."""

        def complete() -> list[Event]:
            self._listen()
            story = self._of(session_id)
            counted = Counter(event.detail_type for event in story)
            assert counted >= Counter(until), f"only {counted}"
            return story

        return eventually(complete, seconds, f"the story of {session_id}")

    def heard(self, session_id: str) -> list[Event]:
        """The session's events so far, each once for each time it was put on the bus."""
        self._listen()
        return self._of(session_id)

    def _of(self, session_id: str) -> list[Event]:
        return [event for event in self._heard if event.metadata.session_id == session_id]

    def _listen(self) -> None:
        while messages := self._sqs.receive_message(
            QueueUrl=self._queue, MaxNumberOfMessages=10, WaitTimeSeconds=0
        ).get("Messages"):
            for message in messages:
                with suppress(ValueError):  # what a test poisoned is no event
                    self._heard.append(event_from_envelope(json.loads(message["Body"])))
                self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])


def judge(story: list[Event]) -> None:
    """No event twice; every cause that is an event of ours lies in the story and came before its effect."""
    by_id = {event.metadata.event_id: event for event in story}
    assert len(by_id) == len(story), "an event was published twice"
    for event in story:
        metadata = event.metadata
        assert metadata.correlation_id == metadata.session_id
        if cause := by_id.get(metadata.causation_id or ""):
            assert cause.metadata.occurred_at <= metadata.occurred_at, f"{event.detail_type} before its cause"
