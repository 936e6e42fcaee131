"""boto3 clients of the local engine that see nothing of the person's own AWS settings."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import boto3
import botocore.session
from botocore.config import Config

REGION = "us-east-1"
ROOT = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}


def session(credentials: Mapping[str, str] = ROOT) -> Any:
    """A boto3 session with these credentials (by default the engine's root user) and no files."""
    nothing = (None, None, os.devnull, None)
    core = botocore.session.Session(
        session_vars={
            "profile": (None, None, None, None),
            "config_file": nothing,
            "credentials_file": nothing,
        }
    )
    return boto3.Session(botocore_session=core, region_name=REGION, **credentials)


def client(service: str, engine_url: str, credentials: Mapping[str, str] = ROOT) -> Any:
    """A client of the engine at `engine_url`; proxies are for the world outside."""
    config = Config(proxies={}, retries={"mode": "standard", "total_max_attempts": 3})
    return session(credentials).client(service, endpoint_url=engine_url, config=config)


def role_credentials(engine_url: str, role_arn: str, session_name: str) -> Any:
    """sts:AssumeRole's `Credentials`: what this role may do is then what its policies say."""
    reply = client("sts", engine_url).assume_role(
        RoleArn=role_arn, RoleSessionName=session_name, DurationSeconds=3600
    )
    return reply["Credentials"]


def as_keys(credentials: Mapping[str, Any]) -> dict[str, str]:
    """STS credentials as arguments of `client`."""
    return {
        "aws_access_key_id": credentials["AccessKeyId"],
        "aws_secret_access_key": credentials["SecretAccessKey"],
        "aws_session_token": credentials["SessionToken"],
    }
