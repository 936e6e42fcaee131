"""`sam build` of the zip functions; each handler then imports with its folder, the layer and boto3 alone.

The laptop's engine hides a missing requirement, because functions there see its own packages too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
from importlib.metadata import distributions, version
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from tests.wiring import stack
from tests.wiring.stack import ROOT

SAM = ROOT / ".venv-lint" / "bin" / "sam"
ZIPPED = {
    name: function["Handler"]
    for name, function in stack.of_type(stack.transformed(), "Lambda::Function").items()
    if "Handler" in function
}
# What Lambda's Python brings with boto3.
RUNTIME = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six.py", "urllib3")
IMPORT = (
    "import importlib, sys; sys.path[:0] = sys.argv[2:]; print(importlib.import_module(sys.argv[1]).__file__)"
)


@pytest.fixture(scope="module")
def built() -> Path:
    """The output: a folder per function and one for the layer. Images, which need Docker, are left out.

    It lies in one place, because there the next build finds what it downloaded.
    """
    folder = ROOT / ".aws-sam" / "zipped"
    folder.mkdir(parents=True, exist_ok=True)
    template = stack.source()
    template["Resources"] = {
        name: resource
        for name, resource in template["Resources"].items()
        if isinstance(resource, list) or resource["Properties"].get("PackageType") != "Image"
    }
    (folder / "template.json").write_text(json.dumps(template))
    result = subprocess.run(
        [
            *(SAM, "build", "--language-extensions", "--cached", "--parallel"),
            *("--template", folder / "template.json", "--base-dir", ROOT),
            *("--build-dir", folder / "build", "--cache-dir", folder / "cache"),
        ],
        cwd=ROOT,
        env={
            **os.environ,
            "PATH": f"{SAM.parent}{os.pathsep}{os.environ['PATH']}",
            "SAM_CLI_TELEMETRY": "0",
            "AWS_DEFAULT_REGION": "us-east-1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return folder / "build"


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with boto3 and what it needs, and nothing else."""
    folder = tmp_path_factory.mktemp("runtime")
    packages = Path(sysconfig.get_path("purelib"))
    for name in RUNTIME:
        (folder / name).symlink_to(packages / name)
    return folder


@pytest.mark.parametrize("function", ZIPPED)
def test_handler_imports_from_its_build(function: str, built: Path, runtime: Path) -> None:
    module = ZIPPED[function].rsplit(".", 1)[0]
    paths = [built / function, built / "EventsLayer" / "python", runtime]
    # As in Lambda: no site-packages, and neither the user's environment nor this folder on the path.
    result = subprocess.run(
        [Path(sysconfig.get_path("scripts")) / "python", "-I", "-S", "-c", IMPORT, module, *paths],
        env={"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1", "POWERTOOLS_SERVICE_NAME": "test"},
        cwd=built,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert Path(result.stdout.strip()).is_relative_to(built / function)


def test_layer_brings_both_halves_of_the_sdk_or_none(built: Path) -> None:
    """One half of its own and the other of Lambda's would be of different versions."""
    layer = built / "EventsLayer" / "python"
    assert (layer / "botocore").exists() == (layer / "boto3").exists()


@pytest.mark.parametrize(("part", "at_least"), [("EventsLayer", 500), ("UploadIngestFunction", 80)])
def test_libraries_are_compiled(built: Path, part: str, at_least: int) -> None:
    """Lambda's folders are read-only: what has no bytecode is compiled at every cold start."""
    unchecked = (0b01).to_bytes(4, "little")  # PEP 552: valid whatever the source's time
    modules = list((built / part).rglob("*.py"))
    compiled = [Path(cache_from_source(str(module))) for module in modules]
    assert len(modules) > at_least
    assert [path for path in compiled if not path.exists() or path.read_bytes()[4:8] != unchecked] == []


def test_layer_has_the_versions_that_are_tested(built: Path) -> None:
    layer = distributions(path=[str(built / "EventsLayer" / "python")])
    assert [one.name for one in layer if one.version != version(one.name)] == []


def test_everything_fits(built: Path) -> None:
    """Lambda unpacks at most 250 MB for a function and its layers."""

    def megabytes(folder: Path) -> float:
        return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6

    layer = megabytes(built / "EventsLayer")
    assert {name for name in ZIPPED if megabytes(built / name) + layer > 200} == set()
