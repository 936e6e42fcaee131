"""Messages as they were delivered, to be delivered again, otherwise, or in another order."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from gen3d_events.event import Event
from gen3d_events.publisher import put_events_entry
from gen3d_local.cloud import ROOT, Cloud
from gen3d_local.packages import zipped
from gen3d_local.rewrites import Package
from gen3d_local.state import State

from tests.consumers import Consumer, System
from tests.waiting import eventually


def publish_again(cloud: Cloud, events: list[Event]) -> None:
    """Put events on the bus a second time, as EventBridge and its callers may."""
    bus = cloud.client("events")
    for event in events:
        reply = bus.put_events(Entries=[put_events_entry(event, cloud.outputs["BusName"])])
        assert reply["FailedEntryCount"] == 0


def deliver(system: System, consumer: str, event: Event) -> None:
    """Put an event into a consumer's queue, as its rule does."""
    envelope = {"source": event.source, "detail-type": event.detail_type, "detail": event.detail()}
    system.send(consumer, envelope)


class Foreign:
    """Keeps what S3 and SageMaker say, which is not on our bus."""

    def __init__(self, system: System) -> None:
        self._system = system
        cloud, self._sqs = system.cloud, system.sqs
        self._bodies: list[str] = []
        name = f"foreign-{uuid4().hex[:8]}"
        self._queue = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = _arn(self._sqs, self._queue)
        events = cloud.client("events")
        pattern = events.describe_rule(Name=_rule_name(system.consumers["UploadIngest"]))["EventPattern"]
        events.put_rule(Name=name, EventPattern=pattern)
        events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
        topics = [cloud.outputs["SuccessTopicArn"], cloud.outputs["ErrorTopicArn"]]
        let_in = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": topics}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [let_in]})
        self._sqs.set_queue_attributes(QueueUrl=self._queue, Attributes={"Policy": policy})
        for topic in topics:
            cloud.client("sns").subscribe(
                TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"}
            )

    def notices(self, inference_id: str) -> list[dict[str, Any]]:
        """What the endpoint has said of a request so far."""
        said = [json.loads(body) for body in self._heard()]
        return [one for one in said if one.get("inferenceId") == inference_id]

    def deliver_again(self, count: int) -> None:
        """Wait until `count` messages were heard, and deliver each to its consumer once more."""
        eventually(lambda: len(self._heard()) >= count)
        assert len(self._bodies) == count
        for body in self._bodies:
            notice = "invocationStatus" in json.loads(body)
            self._system.send("InferenceRelay" if notice else "UploadIngest", body)

    def _heard(self) -> list[str]:
        while messages := self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in messages:
                self._bodies.append(message["Body"])
                self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])
        return self._bodies


@contextmanager
def everything_twice(system: System) -> Iterator[None]:
    """Every rule has a twin meanwhile, so each message reaches its consumer twice at the same time."""
    events = system.cloud.client("events")
    ours = system.cloud.outputs["BusName"]
    twins = []
    for one in system.consumers.values():
        if one.rule is None:
            continue
        bus = {} if one.name == "UploadIngest" else {"EventBusName": ours}
        pattern = events.describe_rule(Name=_rule_name(one), **bus)["EventPattern"]
        twin = f"twin-of-{one.name}"
        events.put_rule(Name=twin, EventPattern=pattern, **bus)
        target = {"Id": "queue", "Arn": _arn(system.sqs, one.queue)}
        events.put_targets(Rule=twin, Targets=[target], **bus)
        twins.append((twin, bus))
    try:
        yield
    finally:
        for twin, bus in twins:
            events.remove_targets(Rule=twin, Ids=["queue"], **bus)
            events.delete_rule(Name=twin, **bus)


@contextmanager
def held(system: System, name: str) -> Iterator[None]:
    """The consumer's messages wait in its queue meanwhile."""
    functions = system.cloud.client("lambda")
    (mapping,) = functions.list_event_source_mappings(FunctionName=system.consumers[name].function)[
        "EventSourceMappings"
    ]
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    try:
        yield
    finally:
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)


@contextmanager
def killed_before(system: System, name: str, detail_type: str, timeout: int) -> Iterator[None]:
    """The consumer's function is killed once, when it is about to publish an event of this detail-type.

    timeout: of the function meanwhile, in s. The message of a killed function comes back when it has passed,
    and with it the record that the work is in progress.
    """
    one, functions = system.consumers[name], system.cloud.client("lambda")
    before = functions.get_function_configuration(FunctionName=one.function)
    visibility = system.sqs.get_queue_attributes(QueueUrl=one.queue, AttributeNames=["VisibilityTimeout"])
    original = zipped(ROOT, Package(f"services/{_service(name)}"))
    marker = str(State(Path(system.cloud.state)).temporary / f"killed-{uuid4().hex}")
    module, _, attribute = before["Handler"].rpartition(".")
    lethal = f"""
import os, signal
from gen3d_events import consumer
import {module} as real

publish = consumer.publish

def lethal(events, client=None):
    if events[0].detail_type == {detail_type!r}:
        try:
            os.close(os.open({marker!r}, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            pass
        else:
            os.kill(os.getpid(), signal.SIGKILL)
    publish(events, client)

consumer.publish = lethal
handler = real.{attribute}
"""
    try:
        _set_visibility(system, one, str(timeout + 1))
        functions.update_function_code(
            FunctionName=one.function, ZipFile=_with(original, "lethal.py", lethal)
        )
        functions.update_function_configuration(
            FunctionName=one.function, Handler="lethal.handler", Timeout=timeout
        )
        yield
        assert Path(marker).exists(), f"{name} was not killed"
    finally:
        functions.update_function_code(FunctionName=one.function, ZipFile=original)
        functions.update_function_configuration(
            FunctionName=one.function, Handler=before["Handler"], Timeout=before["Timeout"]
        )
        _set_visibility(system, one, visibility["Attributes"]["VisibilityTimeout"])


def _service(consumer: str) -> str:
    """`MeshingMesh` is a consumer of `meshing`: the first of the words."""
    return "".join(f" {letter}" if letter.isupper() else letter for letter in consumer).split()[0].lower()


def _with(archive: bytes, name: str, text: str) -> bytes:
    content = io.BytesIO(archive)
    with zipfile.ZipFile(content, "a") as opened:
        opened.writestr(name, text)
    return content.getvalue()


def _set_visibility(system: System, one: Consumer, seconds: str) -> None:
    system.sqs.set_queue_attributes(QueueUrl=one.queue, Attributes={"VisibilityTimeout": seconds})


def _rule_name(one: Consumer) -> str:
    """Of `bus|name` or an ARN the name."""
    assert one.rule is not None
    return one.rule.replace("|", "/").rpartition("/")[2]


def _arn(sqs: Any, queue: str) -> str:
    attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    arn: str = attributes["QueueArn"]
    return arn
