"""Brings template.yaml into the engine: packages code, creates or updates the stack, waits for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from botocore.exceptions import ClientError

from gen3d_local import packages, rewrites
from gen3d_local.aws import client
from gen3d_local.children import poll
from gen3d_local.template import parse

STACK = "gen3d"
DEPLOY_SECONDS = 120.0
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
UNUSABLE = ("CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED")


class DeployFailed(RuntimeError):
    """The stack could not be created or updated. The message lists the resources and reasons."""


def deploy(engine_url: str, template: Path, parameters: Mapping[str, str]) -> dict[str, str]:
    """Deploy the template with its code, which lies beside it. Returns the stack's outputs.

    A stack that is up to date is left alone. Raises DeployFailed.
    """
    source = _read(template)
    s3 = client("s3", engine_url)
    uris = packages.upload(s3, template.parent, rewrites.packages(source))
    body = json.dumps(rewrites.for_laptop(source, uris)).encode()
    cloudformation = client("cloudformation", engine_url)
    request = {
        "StackName": STACK,
        # As a body it would be too large, here as on AWS.
        "TemplateURL": f"{engine_url}/{packages.BUCKET}/{packages.put(s3, 'template', 'json', body)}",
        "Capabilities": CAPABILITIES,
        "Parameters": [
            {"ParameterKey": key, "ParameterValue": value} for key, value in sorted(parameters.items())
        ],
    }
    try:
        _create_or_update(cloudformation, request)
    except ClientError as error:
        raise DeployFailed(f"{template.name} was refused: {error.response['Error']['Message']}") from error
    stack = _settled(cloudformation)
    if stack["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        raise DeployFailed(_reasons(cloudformation, stack))
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def _read(template: Path) -> Any:
    try:
        return parse(template.read_text())
    except yaml.YAMLError as error:
        raise DeployFailed(f"{template.name} cannot be read: {error}") from error


def _create_or_update(cloudformation: Any, request: dict[str, Any]) -> None:
    status = _status(cloudformation)
    if status in UNUSABLE:
        cloudformation.delete_stack(StackName=STACK)
        poll(lambda: _status(cloudformation) is None, DEPLOY_SECONDS)
        status = None
    if status is None:
        cloudformation.create_stack(**request)
        return
    try:
        cloudformation.update_stack(**request)
    except ClientError as error:
        if "No updates are to be performed" not in str(error):
            raise


def _status(cloudformation: Any) -> str | None:
    try:
        stack = _describe(cloudformation)
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    status: str = stack["StackStatus"]
    return None if status == "DELETE_COMPLETE" else status


def _describe(cloudformation: Any) -> Any:
    return cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]


def _settled(cloudformation: Any) -> Any:
    stack: Any = None

    def done() -> bool:
        nonlocal stack
        stack = _describe(cloudformation)
        return not stack["StackStatus"].endswith("_IN_PROGRESS")

    if not poll(done, DEPLOY_SECONDS):
        raise DeployFailed(f"The stack is still {stack['StackStatus']} after {DEPLOY_SECONDS:.0f} s.")
    return stack


def _reasons(cloudformation: Any, stack: Any) -> str:
    events = cloudformation.describe_stack_events(StackName=stack["StackId"])["StackEvents"]
    failed = [
        f"  {event['LogicalResourceId']} ({event.get('ResourceType', '')}): {event['ResourceStatusReason']}"
        for event in reversed(events)
        if event["ResourceStatus"].endswith("_FAILED") and event.get("ResourceStatusReason")
    ]
    return "\n".join([f"The stack ended in {stack['StackStatus']}.", *failed])
