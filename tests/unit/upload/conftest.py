"""The upload service's part of AWS in moto: versioned buckets, the table with its index, a bus."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from gen3d_events import aws
from gen3d_events.event import Event, event_from_envelope
from gen3d_events.samples import BUCKET

TABLE, MEMORY, MODELS, BUS = "sessions", "memory", "gen3d-dev-models", "gen3d-jobs-dev"


@pytest.fixture
def s3(data_bucket: Any) -> Any:
    """The S3 client; the data bucket is versioned as the template makes it."""
    data_bucket.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    data_bucket.create_bucket(Bucket=MODELS)
    return data_bucket


@pytest.fixture
def table(moto_account: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The DynamoDB client, with the sessions' table as TABLE_NAME."""
    monkeypatch.setenv("TABLE_NAME", TABLE)
    dynamodb = aws.client("dynamodb")
    names = ("user_id", "item_id", "due_kind", "due_at")
    dynamodb.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
        KeySchema=[_key("user_id", "HASH"), _key("item_id", "RANGE")],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "due",
                "KeySchema": [_key("due_kind", "HASH"), _key("due_at", "RANGE")],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    return dynamodb


@pytest.fixture
def memory(moto_account: None) -> str:
    """The name of the service's idempotency table."""
    aws.client("dynamodb").create_table(
        TableName=MEMORY,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[_key("id", "HASH")],
    )
    return MEMORY


@pytest.fixture
def service(table: Any, s3: Any, memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that the API's function stands on, and its environment."""
    key = aws.client("kms").create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"][
        "KeyId"
    ]
    for name, value in {
        "AWS_REGION": "us-east-1",
        "MODEL_BUCKET": MODELS,
        "LINK_KEY_ID": key,
        "USER_POOL_ID": "us-east-1_Example",
        "USER_POOL_CLIENT_ID": "example-client",
        "ALLOWANCE_TABLE": memory,
        "IDEMPOTENCY_TABLE": memory,
        "REQUESTS_PER_MINUTE": "100",
        "DELETION_GRACE_SECONDS": "604800",
        "GPU_USD_PER_HOUR": "2.8",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def published(moto_account: None, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[Event]]:
    """A function that gives the events put on the bus since it was last called."""
    monkeypatch.setenv("BUS_NAME", BUS)
    events = aws.client("events")
    events.create_event_bus(Name=BUS)
    entries: list[dict[str, Any]] = []
    events.meta.events.register(
        "provide-client-params.events.PutEvents", lambda params, **_: entries.extend(params["Entries"])
    )

    def read() -> list[Event]:
        found = [
            event_from_envelope({"detail-type": entry["DetailType"], "detail": json.loads(entry["Detail"])})
            for entry in entries
        ]
        entries.clear()
        return found

    return read


def _key(name: str, kind: str) -> dict[str, str]:
    return {"AttributeName": name, "KeyType": kind}


@dataclass
class Context:
    """The Lambda context, as far as powertools reads it."""

    function_name: str = "upload"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:upload"
    aws_request_id: str = "52fdfc07-2182-454f-963f-5f0f9a621d72"
