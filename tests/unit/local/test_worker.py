"""What the endpoint's worker does where the engine is not there to answer it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
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
    queue, role = Queue(tmp_path), Late(error)
    queue.put(
        Request(
            inference_id="1",
            input_location="s3://data/input/1",
            output_location="s3://data/output/1",
            failure_location="s3://data/failure/1",
            content_type="application/json",
            accept="*/*",
            ttl_seconds=60,
            timeout_seconds=60,
            accepted_at=time.time(),
        )
    )

    async def work_off() -> None:
        one = Worker(endpoint, queue, cast(Container, Echo()), cast(Role, role))
        one.start()
        async with asyncio.timeout(30):
            while list(queue.waiting()):
                await asyncio.sleep(0.01)
        await one.stop()

    asyncio.run(work_off())
    assert boto3.client("s3").get_object(Bucket="data", Key="output/1")["Body"].read() == b"asked"
