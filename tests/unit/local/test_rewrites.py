"""What becomes of template.yaml on the laptop, and above all what stays as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from gen3d_local import rewrites
from gen3d_local.rewrites import Package
from gen3d_local.template import parse

ROOT = Path(__file__).parents[3]

SMALL = """
Transform: [AWS::LanguageExtensions, AWS::Serverless-2016-10-31]
Resources:
  Layer:
    Type: AWS::Serverless::LayerVersion
    Properties: {ContentUri: events/}
  Zipped:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: services/upload/, Handler: a.b, Environment: {Variables: {X: !Ref Bucket}}}
  Image:
    Type: AWS::Serverless::Function
    Metadata: {DockerContext: ., Dockerfile: services/meshing/Dockerfile}
    Properties: {PackageType: Image, ImageConfig: {Command: [mesh.handler]}, Timeout: 600}
  Bucket: {Type: AWS::S3::Bucket}
  Fn::ForEach::Copies:
    - Name
    - [A, B]
    - ${Name}Function:
        Type: AWS::Serverless::Function
        Properties: {CodeUri: services/embedding, Handler: c.d}
      ${Name}Queue: {Type: AWS::SQS::Queue}
"""


@pytest.fixture
def small() -> Any:
    return parse(SMALL)


@pytest.fixture
def rewritten(small: Any) -> Any:
    packages = rewrites.packages(small)
    uris = {package: f"s3://artifacts/{package.folder}.zip" for package in packages}
    return rewrites.for_laptop(small, uris)["Resources"]


def test_packages_are_the_folders_of_all_code(small: Any) -> None:
    assert rewrites.packages(small) == {
        Package("events", "python"),
        Package("services/upload"),
        Package("services/meshing"),
        Package("services/embedding"),
    }


def test_folders_become_addresses(small: Any, rewritten: Any) -> None:
    assert rewritten["Layer"]["Properties"]["ContentUri"] == "s3://artifacts/events.zip"
    assert rewritten["Zipped"]["Properties"] == {
        **small["Resources"]["Zipped"]["Properties"],
        "CodeUri": "s3://artifacts/services/upload.zip",
    }


def test_an_image_function_becomes_a_zip_function(rewritten: Any) -> None:
    assert rewritten["Image"]["Properties"] == {
        "CodeUri": "s3://artifacts/services/meshing.zip",
        "Handler": "mesh.handler",
        "Runtime": "python3.11",
        "Layers": [{"Ref": "Layer"}],
        "Timeout": 600,
    }


def test_code_in_a_loop_is_found(small: Any, rewritten: Any) -> None:
    name, values, body = rewritten["Fn::ForEach::Copies"]
    assert (name, values) == ("Name", ["A", "B"])
    assert body["${Name}Function"]["Properties"]["CodeUri"] == "s3://artifacts/services/embedding.zip"
    assert body["${Name}Queue"] == small["Resources"]["Fn::ForEach::Copies"][2]["${Name}Queue"]


def test_the_given_template_is_left_alone(small: Any, rewritten: Any) -> None:
    assert small == parse(SMALL)


def test_nothing_else_of_the_real_template_changes() -> None:
    template = parse((ROOT / "template.yaml").read_text())
    packages = rewrites.packages(template)
    result = rewrites.for_laptop(template, {package: f"s3://x/{package.folder}" for package in packages})

    assert all((ROOT / package.folder).is_dir() for package in packages)
    assert {key: value for key, value in result.items() if key != "Resources"} == {
        key: value for key, value in template.items() if key != "Resources"
    }
    changed = {
        name: {
            key
            for key in before.get("Properties", {}).keys() | after.get("Properties", {}).keys()
            if before.get("Properties", {}).get(key) != after.get("Properties", {}).get(key)
        }
        for (name, before), after in zip(_flat(template), dict(_flat(result)).values(), strict=True)
        if before != after
    }
    assert changed.pop("EventsLayer") == {"ContentUri"}
    assert changed.pop("MeshingMeshFunction") == {
        "PackageType",
        "ImageConfig",
        "Handler",
        "Runtime",
        "Layers",
        "CodeUri",
    }
    assert changed
    assert all(properties == {"CodeUri"} for properties in changed.values())


def _flat(template: Any) -> list[tuple[str, Any]]:
    """Name and content of every resource, also in loops."""
    found: list[tuple[str, Any]] = []
    for name, value in template["Resources"].items():
        found.extend(value[2].items() if name.startswith("Fn::ForEach") else [(name, value)])
    return found
