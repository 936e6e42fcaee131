"""What the units of several services stand on: a data bucket in moto, and the environment of a function."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from gen3d_events import aws
from gen3d_events.samples import BUCKET
from hypothesis import settings
from moto import mock_aws
from moto.kms.utils import generate_private_key

settings.register_profile("gen3d", deadline=None)  # no test asserts a time
settings.load_profile("gen3d")


@pytest.fixture(scope="session", autouse=True)
def one_key_pair() -> Iterator[None]:
    """moto makes a pair of RSA keys with every key of KMS, also with those for links, which use none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("moto.kms.models.generate_private_key", cache(generate_private_key))
        yield


@pytest.fixture
def moto_account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A fresh account in moto; clients that the code has kept are forgotten before and after."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        forget_clients()
        yield
        forget_clients()


@pytest.fixture
def data_bucket(moto_account: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The S3 client, with the samples' bucket as DATA_BUCKET."""
    monkeypatch.setenv("DATA_BUCKET", BUCKET)
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    return s3


@pytest.fixture
def endpoint_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of a function that asks the endpoint."""
    monkeypatch.setenv("ENDPOINT_NAME", "gen3d-test")
    monkeypatch.setenv("REQUEST_TTL_SECONDS", "3600")
    monkeypatch.setenv("INVOCATION_TIMEOUT_SECONDS", "900")
    monkeypatch.setenv("OVERDUE_AFTER_SECONDS", "300")


def forget_clients() -> None:
    """Clients may have a test's hooks. Their session, which has read botocore's service data, stays."""
    aws.client.cache_clear()
