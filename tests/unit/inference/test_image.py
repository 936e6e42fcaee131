"""What the images install is what their code imports: all of it pinned, and nothing else.

Each environment is followed through our code from what runs in it. What SAM 3D Objects itself imports is
recorded in upstream/sam3d_objects.json.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

CONTAINER = Path("container")
FOLDERS = {"gen3d_inference": CONTAINER, "gen3d_events": Path("events")}
DISTRIBUTIONS = {
    "PIL": "pillow",
    "botocore": "boto3",
    "cv2": "opencv-python-headless",
    "hydra": "hydra-core",
    "open3d": "open3d-cpu",
    "pydantic_core": "pydantic",
    "spconv": "spconv-cu121",
}
"""Of modules that are called otherwise."""
ENGINES = "gen3d_inference.engines"
ROOTS = {
    "requirements.in": {
        "gen3d_inference.server",
        "gen3d_inference.__main__",
        "gen3d_inference.weights.__main__",
        f"{ENGINES}.classical",
        f"{ENGINES}.relief",
    },
    "sam3.in": {
        f"{ENGINES}.process",
        f"{ENGINES}.sam3",
        f"{ENGINES}.sam3_text",
        "gen3d_inference.export_decoder",
    },
    "sam3d.in": {f"{ENGINES}.process", f"{ENGINES}.sam3d"},
}
UPSTREAM = {
    "requirements.in": set[str](),
    "sam3.in": {"onnxscript", "psutil"},  # torch.onnx writes graphs with the one, sam3 imports the other
    "sam3d.in": {
        *json.loads(Path(__file__, "../upstream/sam3d_objects.json").resolve().read_text())["imports"]
    }
    | {"huggingface_hub"},
}
"""What is imported by others than our code."""
BY_DOCKERFILE = {"torch", "torchvision", "kaolin", "pytorch3d", "gsplat", "utils3d", "moge", "sam3d-objects"}
LOADED = """
import importlib.metadata, json, sys
import gen3d_inference.engines.classical, gen3d_inference.engines.relief, gen3d_inference.server
import gen3d_inference.weights.__main__, gen3d_inference.__main__
from gen3d_inference.engines.click_decoder import click_decoder
click_decoder()
roots = {module.partition(".")[0] for module in sys.modules}
known = importlib.metadata.packages_distributions()
print(json.dumps(sorted({name for root in roots for name in known.get(root, [])})))
"""


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned(file: Path) -> dict[str, str]:
    lines = (line.split("#")[0].split("\\")[0].strip() for line in file.read_text().splitlines())
    pins = (line.split("==") for line in lines if "==" in line)
    return {normalised(name): version for name, version in pins}


def source(module: str) -> Path | None:
    """The file of a module of ours."""
    path = FOLDERS[module.partition(".")[0]].joinpath(*module.split("."))
    return next((one for one in (path.with_suffix(".py"), path / "__init__.py") if one.is_file()), None)


def imported(tree: ast.AST) -> Iterator[str]:
    """The modules that are imported, also within functions; not those under a condition."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "import_module":
            yield from (str(one.value) for one in node.args if isinstance(one, ast.Constant))
            yield from imported(node)
        elif not isinstance(node, ast.If):
            yield from imported(node)


def reached(roots: set[str]) -> set[str]:
    """The distributions that the modules import, directly and through other modules of ours."""
    found: set[str] = set()
    seen: set[str] = set()
    left = set(roots)
    while left:
        module = left.pop()
        top = module.partition(".")[0]
        if top not in FOLDERS:
            if top not in sys.stdlib_module_names:
                found.add(normalised(DISTRIBUTIONS.get(top, top)))
            continue
        path = source(module)
        if module in seen or path is None:
            continue
        seen.add(module)
        left |= {module.rpartition(".")[0]} - {""}
        left |= set(imported(ast.parse(path.read_text())))
    return found


@pytest.mark.parametrize("file", list(ROOTS))
def test_what_is_imported_is_pinned_and_what_is_pinned_is_imported(file: str) -> None:
    others = {normalised(DISTRIBUTIONS.get(name, name)) for name in UPSTREAM[file]}
    assert set(pinned(CONTAINER / file)) == (reached(ROOTS[file]) | others) - BY_DOCKERFILE


def test_what_the_dockerfile_installs_itself_has_a_version_or_a_commit() -> None:
    dockerfile = (CONTAINER / "Dockerfile").read_text()
    for name in BY_DOCKERFILE:
        written = name.replace("-", "_")
        assert re.search(
            rf"\b{written}==\d[\w.+]+|{written} @ git\+https://\S+\.git@[0-9a-f]{{40}}", dockerfile
        ), name
    unpinned = re.findall(r"git\+https://[^@\s]+(?:@(?![0-9a-f]{40}\b)\S+|(?=[\s\"]))", dockerfile)
    assert not unpinned


@pytest.mark.parametrize("name", ["requirements", "sam3", "sam3d"])
def test_the_locks_hold_what_is_pinned_with_hashes(name: str) -> None:
    lock = pinned(CONTAINER / f"{name}.txt")
    assert pinned(CONTAINER / f"{name}.in").items() <= lock.items()
    assert not BY_DOCKERFILE & lock.keys()
    text = re.sub(r"^ *#.*\n", "", (CONTAINER / f"{name}.txt").read_text(), flags=re.MULTILINE)
    hashed = re.findall(r"^[\w.-]+==[\w.+]+(?: \\\n    --hash=sha256:[0-9a-f]{64})+$", text, re.MULTILINE)
    assert "\n".join(hashed) == text.rstrip()
    assert len(hashed) == len(lock)


def test_the_images_install_locks_by_their_hashes() -> None:
    for name in ("Dockerfile", "Dockerfile.cpu"):
        installed = re.findall(r"pip install ([^\n]*--requirement \S+)", (CONTAINER / name).read_text())
        assert installed
        assert all("--no-deps --require-hashes" in line for line in installed)


def test_the_server_needs_no_more_than_its_lock() -> None:
    lock = pinned(CONTAINER / "requirements.txt")
    assert with_dependencies(set(pinned(CONTAINER / "requirements.in"))) <= lock.keys()
    assert lock == {name: metadata.version(name) for name in lock}


def test_sam3_runs_on_what_its_tests_run_on() -> None:
    files = ("models.in", "sam3.in", "torch.txt", "torchvision.txt")
    tested = {name: version for file in files for name, version in pinned(Path("requirements", file)).items()}
    assert {name: tested[name] for name in pinned(CONTAINER / "sam3.in")} == pinned(CONTAINER / "sam3.in")
    both = f"torch=={tested['torch']} torchvision=={tested['torchvision']} "
    assert both in (CONTAINER / "Dockerfile").read_text()


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
    # Used by the others where they are installed:
    optional = {
        "certifi",
        "charset-normalizer",
        "defusedxml",
        "h2",
        "hpack",
        "hyperframe",
        "pygments",
        "rich",
    }
    assert loaded - optional <= pinned(CONTAINER / "requirements.txt").keys()


# --- building --------------------------------------------------------------------------------------------


def build(tmp_path: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the script beside a docker that has no engine."""
    (tmp_path / "docker").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "docker").chmod(0o755)
    return subprocess.run(
        [CONTAINER / "build.sh", *arguments],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_build_script_says_what_it_would_run(tmp_path: Path) -> None:
    addresses = {"SAM3_TORCH_INDEX": "a", "SAM3D_TORCH_INDEX": "b", "KAOLIN_LINKS": "c d"}
    done = build(tmp_path, "gpu", "repository:7", **addresses)
    assert done.returncode == 3
    command, said = done.stdout.splitlines()
    assert command.startswith("+ docker build --file container/Dockerfile --build-arg SAM3_TORCH_INDEX=a")
    assert command.endswith(r"--build-arg KAOLIN_LINKS=c\ d --platform linux/amd64 --tag repository:7 .")
    assert said == "No Docker engine runs here, so nothing was built."
    assert "--file container/Dockerfile.cpu" in build(tmp_path, "cpu").stdout


def test_the_build_script_says_what_it_lacks(tmp_path: Path) -> None:
    assert "SAM3_TORCH_INDEX is not set" in build(tmp_path, "gpu").stdout
    assert "container/build.sh cpu|gpu [TAG]" in build(tmp_path).stdout


def test_what_docs_run_in_the_image_is_in_its_path() -> None:
    shipped = (CONTAINER / "Dockerfile").read_text().rpartition("\nFROM ")[2]
    assert re.search(r"^ +PATH=/opt/server/bin:\$PATH \\$", shipped, re.MULTILINE)
    docs = (CONTAINER.parent / "docs" / "models.md").read_text()
    assert re.search(r"docker run .*--entrypoint python", docs)


def test_both_files_start_the_server_without_root_and_without_weights() -> None:
    for name in ("Dockerfile", "Dockerfile.cpu"):
        text = (CONTAINER / name).read_text()
        shipped = text.rpartition("\nFROM ")[2]
        assert re.search(r'^ENTRYPOINT \["\S+", "-m", "gen3d_inference\.server"\]$', shipped, re.MULTILINE)
        assert "\nUSER 10001\nWORKDIR /tmp\n" in shipped, "where preflight writes its report"
        assert not re.search(r"huggingface\.co|HF_TOKEN|hf download|/opt/ml", text)
