"""The SageMaker resources of the stack: written by the engine's resource types, read by the endpoint.

One JSON file of CloudFormation properties per resource: `<folder>/<Kind>/<name>.json`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from gen3d_local.state import read_json, write_json

Kind = Literal["Model", "EndpointConfig", "Endpoint"]


@dataclass(frozen=True)
class Endpoint:
    """What an asynchronous endpoint is. Paths are `s3://bucket/prefix`; `environment` is its container's."""

    name: str
    role_arn: str
    environment: Mapping[str, str]
    output_path: str
    failure_path: str
    success_topic: str
    error_topic: str


class Registry:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, kind: Kind, name: str, properties: Mapping[str, Any]) -> None:
        path = self._path(kind, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, properties)

    def remove(self, kind: Kind, name: str) -> None:
        self._path(kind, name).unlink(missing_ok=True)

    def endpoints(self) -> dict[str, Endpoint]:
        """Every complete endpoint by name; one whose model or config is missing is left out."""
        found = (self._endpoint(path.stem) for path in sorted((self._folder / "Endpoint").glob("*.json")))
        return {endpoint.name: endpoint for endpoint in found if endpoint}

    def _endpoint(self, name: str) -> Endpoint | None:
        try:
            config = self._read("EndpointConfig", self._read("Endpoint", name)["EndpointConfigName"])
            model = self._read("Model", config["ProductionVariants"][0]["ModelName"])
        except FileNotFoundError:
            return None
        output = config["AsyncInferenceConfig"]["OutputConfig"]
        container = model.get("PrimaryContainer") or model["Containers"][0]
        return Endpoint(
            name=name,
            role_arn=model["ExecutionRoleArn"],
            environment={key: str(value) for key, value in container.get("Environment", {}).items()},
            output_path=output["S3OutputPath"].rstrip("/"),
            failure_path=output["S3FailurePath"].rstrip("/"),
            success_topic=output["NotificationConfig"]["SuccessTopic"],
            error_topic=output["NotificationConfig"]["ErrorTopic"],
        )

    def _read(self, kind: Kind, name: str) -> Any:
        return read_json(self._path(kind, name))

    def _path(self, kind: Kind, name: str) -> Path:
        return self._folder / kind / f"{name}.json"
