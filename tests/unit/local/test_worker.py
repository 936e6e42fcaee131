"""What the endpoint's worker does while the engine is not there to answer it, or slow to be told."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import boto3
import httpx
import pytest
from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    IncompleteReadError,
    ReadTimeoutError,
)
from gen3d_local import worker
from gen3d_local.container import Container
from gen3d_local.queue import Queue, Request
from gen3d_local.registry import Endpoint
from gen3d_local.roles import Role
from gen3d_local.worker import Worker
from moto import mock_aws

URL = "http://127.0.0.1:1"


class Echo:
    """A server that answers what it was asked."""

    lost = False
    uptime = 0.0

    async def invoke(self, body: bytes, *_: object) -> httpx.Response:
        return httpx.Response(200, content=body)

    async def stop(self) -> None:
        return


class Counting(Echo):
    """As Echo: how many requests it began, and how many at most at a time."""

    def __init__(self) -> None:
        self.begun = self.most = self._now = 0

    async def invoke(self, body: bytes, *_: object) -> httpx.Response:
        self.begun += 1
        self._now += 1
        self.most = max(self.most, self._now)
        await asyncio.sleep(0.02)
        self._now -= 1
        return await super().invoke(body)


class Slow:
    """An engine that hears of an answer only when `until` says so, of the number of those heard before it."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.until: Callable[[int], bool] = lambda _: True

    def client(self, service: str) -> Any:
        return self if service == "sns" else boto3.client(service)

    def publish(self, *, TopicArn: str, Message: str) -> None:  # noqa: N803
        for _ in range(100):
            if self.until(len(self.told)):
                break
            time.sleep(0.02)
        else:
            raise TimeoutError
        self.told.append(json.loads(Message)["inferenceId"])


class Late:
    """An engine that is there from its third call on."""

    def __init__(self, error: Exception) -> None:
        self._error = error
        self.calls = 0

    def client(self, service: str) -> Any:
        self.calls += 1
        if self.calls < 3:
            raise self._error
        return boto3.client(service)


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    monkeypatch.setattr(worker, "RETRY_SECONDS", 0.01)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        s3, sns = boto3.client("s3"), boto3.client("sns")
        s3.create_bucket(Bucket="data")
        s3.put_object(Bucket="data", Key="input/1", Body=b"asked")
        yield Endpoint(
            name="gen3d",
            role_arn="arn:aws:iam::123456789012:role/endpoint",
            environment={},
            output_path="s3://data/output",
            failure_path="s3://data/failure",
            success_topic=sns.create_topic(Name="success")["TopicArn"],
            error_topic=sns.create_topic(Name="error")["TopicArn"],
        )


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url=URL),
        ConnectTimeoutError(endpoint_url=URL),
        ReadTimeoutError(endpoint_url=URL),
        ConnectionClosedError(endpoint_url=URL),
        IncompleteReadError(actual_bytes=1, expected_bytes=2),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_request_waits_for_an_engine_that_is_away(
    endpoint: Endpoint, tmp_path: Path, error: Exception
) -> None:
    """As one that was accepted before a stop, while the cloud starts: it is answered, not failed."""
    work_off(endpoint, Queue(tmp_path), Echo(), Late(error), ["1"])
    assert boto3.client("s3").get_object(Bucket="data", Key="output/1")["Body"].read() == b"asked"


def test_while_a_request_is_told_of_the_next_one_is_computed_and_no_other(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    server, teller = Counting(), Slow()
    teller.until = lambda told: server.begun >= min(told + 2, 3)  # itself, those before it, and the next one
    work_off(endpoint, Queue(tmp_path), server, teller, ["1", "2", "3"])
    assert teller.told == ["1", "2", "3"]
    assert (server.begun, server.most) == (3, 1)


def test_what_was_not_told_of_before_a_stop_is_still_in_the_queue(endpoint: Endpoint, tmp_path: Path) -> None:
    queue, teller = Queue(tmp_path), Slow()
    teller.until = lambda _: False
    with pytest.raises(TimeoutError):
        work_off(endpoint, queue, Echo(), teller, ["1", "2", "3"], seconds=0.3)
    teller.until = lambda _: True
    assert [request.inference_id for _, request in queue.waiting()] == ["1", "2", "3"]
    work_off(endpoint, queue, Echo(), teller, [])
    assert teller.told[-3:] == ["1", "2", "3"]


def work_off(
    endpoint: Endpoint,
    queue: Queue,
    server: Echo,
    role: Late | Slow,
    names: list[str],
    *,
    seconds: float = 30,
) -> None:
    """Put requests into the queue, and work until it is empty."""
    for name in names:
        queue.put(
            Request(
                inference_id=name,
                input_location="s3://data/input/1",
                output_location=f"s3://data/output/{name}",
                failure_location=f"s3://data/failure/{name}",
                content_type="application/json",
                accept="*/*",
                ttl_seconds=60,
                timeout_seconds=60,
                accepted_at=time.time(),
            )
        )

    async def work() -> None:
        one = Worker(endpoint, queue, cast(Container, server), cast(Role, role))
        one.start()
        try:
            async with asyncio.timeout(seconds):
                while list(queue.waiting()):
                    await asyncio.sleep(0.01)
        finally:
            await one.stop()

    asyncio.run(work())
