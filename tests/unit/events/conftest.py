"""A queue, a bus that is heard, and an idempotency table, all in moto; and what a Lambda poller does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from gen3d_events import aws, consumer
from gen3d_events.event import Event, event_from_envelope
from moto import mock_aws

BUS = "gen3d-jobs-test"
MAX_RECEIVE_COUNT = 5


@dataclass
class Context:
    """The Lambda context, as far as powertools reads it."""

    function_name: str = "test"
    function_version: str = "1"
    memory_limit_in_mb: int = 128
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:123456789012:function:test"
    aws_request_id: str = "52fdfc07-2182-454f-963f-5f0f9a621d72"
    remaining_ms: int = 30_000

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_ms


@dataclass
class Cloud:
    queue_url: str
    hidden: list[int] = field(default_factory=list)
    put: list[dict[str, Any]] = field(default_factory=list)
    sent_again: list[tuple[str, int]] = field(default_factory=list)

    def send(self, body: dict[str, Any] | str) -> None:
        text = body if isinstance(body, str) else json.dumps(body)
        aws.client("sqs").send_message(QueueUrl=self.queue_url, MessageBody=text)

    def record(self, body: dict[str, Any] | str, receives: int = 1) -> dict[str, Any]:
        """One record of a Lambda SQS event, received from the real queue, but for its n-th time."""
        self.send(body)
        message = aws.client("sqs").receive_message(QueueUrl=self.queue_url)["Messages"][0]
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": {"ApproximateReceiveCount": str(receives)},
            "messageAttributes": {},
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:in",
            "awsRegion": "eu-central-1",
        }

    def deliver(
        self,
        handler: Callable[[dict[str, Any], Any], Any],
        *records: dict[str, Any],
        remaining_ms: int = 30_000,
    ) -> list[str]:
        """Invoke a handler with a batch; the ids of the messages that it reports as failed."""
        answer = handler({"Records": list(records)}, Context(remaining_ms=remaining_ms))
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def heard(self) -> list[Event]:
        """What was put on the bus since the last call, in order."""
        entries, self.put = self.put, []
        return [
            event_from_envelope({"detail-type": entry["DetailType"], "detail": json.loads(entry["Detail"])})
            for entry in entries
            if entry["EventBusName"] == BUS
        ]

    def idempotency_items(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = aws.client("dynamodb").scan(TableName="idempotency")["Items"]
        return items


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    environment = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "BUS_NAME": BUS,
        "IDEMPOTENCY_TABLE": "idempotency",
        "MAX_RECEIVE_COUNT": str(MAX_RECEIVE_COUNT),
        "RETRY_BASE_SECONDS": "10",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for cached in (aws.client, consumer._store):
        cached.cache_clear()
    with mock_aws():
        sqs = aws.client("sqs")
        queue_url = sqs.create_queue(QueueName="in")["QueueUrl"]
        monkeypatch.setenv("QUEUE_URL", queue_url)
        aws.client("dynamodb").create_table(
            TableName="idempotency",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        )
        events = aws.client("events")
        events.create_event_bus(Name=BUS)
        cloud = Cloud(queue_url)
        events.meta.events.register(
            "provide-client-params.events.PutEvents", lambda params, **_: cloud.put.extend(params["Entries"])
        )
        sqs.meta.events.register(
            "provide-client-params.sqs.ChangeMessageVisibility",
            lambda params, **_: cloud.hidden.append(params["VisibilityTimeout"]),
        )
        sqs.meta.events.register("provide-client-params.sqs.SendMessage", lambda params, **_: keep(params))

        def keep(sent: dict[str, Any]) -> None:
            if "DelaySeconds" in sent:  # the tests themselves send without
                cloud.sent_again.append((sent["MessageBody"], sent["DelaySeconds"]))

        yield cloud
