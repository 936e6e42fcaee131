"""All that is different in template.yaml on a laptop, in memory. What is not here is a stack parameter.

1. Code of functions and layers: a folder becomes the S3 address of its zip.
2. Functions in container images become zip functions: the handler is the image's command, the code the
   Dockerfile's folder, and the layer brings what the Dockerfile copies from events/. Their packages come from
   the engine's own environment, as for every function.

The types that the engine does not know are not rewritten but registered with it: see engine.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, NamedTuple

Json = dict[str, Any]
RUNTIME = "python3.11"
LAYER = "AWS::Serverless::LayerVersion"
FUNCTION = "AWS::Serverless::Function"


class Package(NamedTuple):
    """A folder of the repository to be zipped; `inside` is the folder within the zip."""

    folder: str
    inside: str = ""


def packages(template: Json) -> set[Package]:
    """What must lie in S3 before the template can be deployed."""
    return {package for resource in _resources(template["Resources"]) if (package := _package(resource))}


def for_laptop(template: Json, uris: Mapping[Package, str]) -> Json:
    """The template with its code at `uris` (`s3://bucket/key` per package)."""
    layers = [name for name, resource in template["Resources"].items() if _type(resource) == LAYER]

    def rewritten(resource: Json) -> Json:
        package = _package(resource)
        if package is None:
            return resource
        properties = dict(resource["Properties"])
        if resource["Type"] == LAYER:
            properties["ContentUri"] = uris[package]
            return {**resource, "Properties": properties}
        if properties.get("PackageType") == "Image":
            for image_only in ("PackageType", "ImageUri"):
                properties.pop(image_only, None)
            command = properties.pop("ImageConfig")["Command"][0]
            zipped = {"Handler": command, "Runtime": RUNTIME, "Layers": [{"Ref": name} for name in layers]}
            properties = {**properties, **zipped}
        properties["CodeUri"] = uris[package]
        return {**resource, "Properties": properties}

    return {**template, "Resources": _mapped(template["Resources"], rewritten)}


def _package(resource: Json) -> Package | None:
    properties = resource.get("Properties", {})
    if resource.get("Type") == LAYER:
        return Package(_folder(properties["ContentUri"]), "python")
    if resource.get("Type") != FUNCTION:
        return None
    if properties.get("PackageType") == "Image":
        metadata = resource["Metadata"]
        dockerfile = PurePosixPath(metadata["DockerContext"], metadata["Dockerfile"])
        return Package(_folder(str(dockerfile.parent)))
    return Package(_folder(properties["CodeUri"]))


def _folder(path: str) -> str:
    return str(PurePosixPath(path))


def _type(resource: Any) -> str | None:
    return resource.get("Type") if isinstance(resource, dict) else None


def _resources(resources: Json) -> Iterator[Json]:
    """Every resource, also those inside Fn::ForEach."""
    for name, value in resources.items():
        if name.startswith("Fn::ForEach::"):
            yield from _resources(value[2])
        else:
            yield value


def _mapped(resources: Json, change: Any) -> Json:
    return {
        name: [*value[:2], _mapped(value[2], change)] if name.startswith("Fn::ForEach::") else change(value)
        for name, value in resources.items()
    }
