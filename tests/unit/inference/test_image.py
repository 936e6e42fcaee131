"""What the image installs is what the tests run with, and all that the server needs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

REQUIREMENTS = Path("container/requirements.txt").read_text()
LOADED = """
import importlib.metadata, json, sys
import gen3d_inference.engines.classical, gen3d_inference.engines.relief, gen3d_inference.server
from gen3d_inference.engines.click_decoder import click_decoder
click_decoder()
roots = {module.partition(".")[0] for module in sys.modules}
known = importlib.metadata.packages_distributions()
print(json.dumps(sorted({name for root in roots for name in known.get(root, [])})))
"""


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned() -> dict[str, str]:
    lines = [line for line in REQUIREMENTS.splitlines() if line and not line.startswith("#")]
    return {normalised(name): version for name, version in (line.split("==") for line in lines)}


def with_dependencies(names: set[str]) -> set[str]:
    found: set[str] = set()
    left = set(names)
    while left:
        name = left.pop()
        found.add(name)
        for line in metadata.requires(name) or ():
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                left |= {normalised(requirement.name)} - found
    return found


def test_the_image_has_the_versions_of_the_tests() -> None:
    assert pinned() == {name: metadata.version(name) for name in pinned()}


def test_the_server_imports_nothing_that_the_image_lacks() -> None:
    told = subprocess.run(
        [sys.executable, "-c", LOADED],
        env={"PYTHONPATH": "container:events"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    # setuptools puts a file of its own into every environment; gen3d is this repository itself.
    loaded = {normalised(name) for name in json.loads(told)} - {"setuptools", "gen3d"}
    optional = {"certifi", "charset-normalizer", "defusedxml"}  # used by the others where they are installed
    assert loaded - optional <= with_dependencies(set(pinned()))
