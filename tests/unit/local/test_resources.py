"""What Ref and GetAtt give for the registered types, and what the endpoint reads of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from gen3d_local import resources
from gen3d_local.registry import Endpoint, Registry

CONFIG: dict[str, Any] = {
    "ProductionVariants": [{"ModelName": "stack-Model"}],
    "AsyncInferenceConfig": {
        "OutputConfig": {
            "S3OutputPath": "s3://bucket/output/",
            "S3FailurePath": "s3://bucket/failure",
            "NotificationConfig": {"SuccessTopic": "good", "ErrorTopic": "bad"},
        }
    },
}


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path)


def create(registry: Registry, kind: Any, properties: dict[str, Any]) -> tuple[str, dict[str, str]]:
    made: tuple[str, dict[str, str]] = resources.sagemaker(registry, kind)["create"](
        kind, properties, "stack"
    )
    return made


def test_an_endpoint_is_known_when_all_three_resources_are_there(registry: Registry) -> None:
    assert registry.endpoints() == {}
    arn, attributes = create(
        registry, "Endpoint", {"EndpointName": "e", "EndpointConfigName": "stack-EndpointConfig"}
    )
    assert arn == "arn:aws:sagemaker:us-east-1:000000000000:endpoint/e"
    assert attributes == {"EndpointName": "e"}
    assert registry.endpoints() == {}
    create(registry, "EndpointConfig", CONFIG)
    model = {"ExecutionRoleArn": "role", "PrimaryContainer": {"Image": "i", "Environment": {"N": 1}}}
    assert create(registry, "Model", model)[1] == {"ModelName": "stack-Model"}

    assert registry.endpoints() == {
        "e": Endpoint("e", "role", {"N": "1"}, "s3://bucket/output", "s3://bucket/failure", "good", "bad")
    }
    resources.sagemaker(registry, "Endpoint")["delete"](arn, {})
    assert registry.endpoints() == {}


def test_scaling_is_recorded_only() -> None:
    target = {
        "ResourceId": "endpoint/e/variant/main",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        "ServiceNamespace": "sagemaker",
    }
    physical_id, _ = resources.scalable_target()["create"]("Target", target, "stack")
    assert physical_id == "endpoint/e/variant/main|sagemaker:variant:DesiredInstanceCount|sagemaker"
    arn, attributes = resources.scaling_policy()["create"]("Policy", {"PolicyName": "p"}, "stack")
    assert attributes["Arn"] == arn
