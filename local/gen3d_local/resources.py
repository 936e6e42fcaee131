"""CloudFormation resource types that the engine does not know, as its registry wants them.

A handler creates with `(logical_id, properties, stack_name) -> (physical_id, attributes)` and deletes with
`(physical_id, properties)`. Types without `update` are created again over the old one, which these allow.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from gen3d_local.aws import REGION
from gen3d_local.registry import Kind, Registry

ACCOUNT = "000000000000"
Properties = Mapping[str, Any]
Made = tuple[str, dict[str, str]]
Handler = dict[str, Callable[..., Any]]


def sagemaker(registry: Registry, kind: Kind) -> Handler:
    """AWS::SageMaker::<kind>. Ref gives the ARN, as on AWS; GetAtt `<kind>Name` the name."""

    def create(logical_id: str, properties: Properties, stack: str) -> Made:
        name = properties.get(f"{kind}Name") or f"{stack}-{logical_id}"
        registry.put(kind, name, properties)
        return _arn("sagemaker", f"{_dashed(kind)}/{name}"), {f"{kind}Name": name}

    def delete(physical_id: str, properties: Properties) -> None:
        registry.remove(kind, physical_id.rsplit("/", 1)[1])

    return {"create": create, "delete": delete}


def scalable_target() -> Handler:
    """AWS::ApplicationAutoScaling::ScalableTarget: recorded only, a laptop's endpoint does not scale."""

    def create(logical_id: str, properties: Properties, stack: str) -> Made:
        parts = (properties[name] for name in ("ResourceId", "ScalableDimension", "ServiceNamespace"))
        return "|".join(parts), {}

    return {"create": create, "delete": _nothing}


def scaling_policy() -> Handler:
    """AWS::ApplicationAutoScaling::ScalingPolicy: recorded only."""

    def create(logical_id: str, properties: Properties, stack: str) -> Made:
        arn = _arn("autoscaling", f"scalingPolicy:{stack}:policyName/{properties['PolicyName']}")
        return arn, {"Arn": arn, "PolicyName": properties["PolicyName"]}

    return {"create": create, "delete": _nothing}


def alarm() -> Handler:
    """AWS::CloudWatch::Alarm: recorded only. The engine has neither the metrics of queues nor metric math."""

    def create(logical_id: str, properties: Properties, stack: str) -> Made:
        name = properties.get("AlarmName") or f"{stack}-{logical_id}"
        return name, {"Arn": _arn("cloudwatch", f"alarm:{name}")}

    return {"create": create, "delete": _nothing}


def archive(call: Callable[[str, dict[str, Any]], None]) -> Handler:
    """AWS::Events::Archive, kept by the engine: `call(operation, request)` creates, updates or deletes."""

    def made(name: str) -> Made:
        return name, {"ArchiveName": name, "Arn": _arn("events", f"archive/{name}")}

    def request(name: str, properties: Properties) -> dict[str, Any]:
        optional = {key: properties[key] for key in ("RetentionDays", "Description") if key in properties}
        if "EventPattern" in properties:
            optional["EventPattern"] = json.dumps(properties["EventPattern"])
        return {"ArchiveName": name, "EventSourceArn": properties["SourceArn"], **optional}

    def create(logical_id: str, properties: Properties, stack: str) -> Made:
        name = properties.get("ArchiveName") or f"{stack}-{logical_id}"[:48]
        call("create", request(name, properties))
        return made(name)

    def update(physical_id: str, old: Properties, new: Properties, stack: str) -> Made:
        call("update", request(physical_id, new))
        return made(physical_id)

    def delete(physical_id: str, properties: Properties) -> None:
        call("delete", {"ArchiveName": physical_id})

    return {"create": create, "update": update, "delete": delete}


def _arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


def _dashed(kind: Kind) -> str:
    return {"Model": "model", "EndpointConfig": "endpoint-config", "Endpoint": "endpoint"}[kind]


def _nothing(physical_id: str, properties: Properties) -> None:
    """Nothing was made, so nothing is deleted."""
