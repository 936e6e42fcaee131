"""Jobs with other formats than the default: every file reaches the person, and opens."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest
import trimesh
from gen3d import Gen3D, Job, JobOptions, Quality, Session
from gen3d_local.cloud import Cloud
from numpy.typing import NDArray
from trimesh.visual.material import PBRMaterial
from trimesh.visual.texture import TextureVisuals

from tests.waiting import SECONDS, eventually

ASKED = {"mesh-obj.zip", "mesh.ply", "mesh.stl", "mesh.usdz", "splat-clean.ply", "splat.spz"}


@pytest.fixture(scope="module")
def session(gen3d: Gen3D, photo: Path) -> Session:
    return gen3d.create_session(photo).wait_accepted(SECONDS)


@pytest.fixture(scope="module")
def without_glb(session: Session, mask: Path) -> Job:
    options = JobOptions(
        quality=Quality.FAST, formats=("obj", "ply", "stl", "usdz", "splat"), texture=None, seed=7
    )
    return session.create_job(mask, options).wait(SECONDS)


@pytest.fixture(scope="module")
def files(without_glb: Job, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return without_glb.download(tmp_path_factory.mktemp("formats"))


def of_formats(job: Job) -> set[str]:
    """The names of a job's files that a format stands for."""
    return {name for name in job.view["files"] if name.startswith(("mesh", "splat"))} - {"splat.ply"}


def closed(mesh: trimesh.Trimesh) -> bool:
    """Whether it is watertight where equal places are one vertex, whatever their normals and colours."""
    return bool(trimesh.Trimesh(mesh.vertices, mesh.faces).is_watertight)


def extents(mesh: trimesh.Trimesh) -> NDArray[np.float64]:
    return np.sort(mesh.extents)


def test_what_was_asked_for_is_there_and_nothing_else(without_glb: Job, files: dict[str, Path]) -> None:
    assert of_formats(without_glb) == ASKED
    assert set(files) == {*without_glb.view["files"], "job.json", "events.jsonl"}
    assert {"mask.png", "splat.ply", "preview.png", "stats.json"} < set(files)
    assert without_glb.view["options"] == {
        "quality": "fast",
        "formats": ["obj", "ply", "stl", "usdz", "splat"],
        "texture": None,
        "seed": 7,
    }


def from_obj(path: Path) -> trimesh.Trimesh:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        (name,) = (name for name in archive.namelist() if name.endswith(".obj"))
        return trimesh.load_mesh(io.BytesIO(archive.read(name)), "obj", process=True)


@pytest.mark.parametrize(
    ("name", "read"),
    [("mesh-obj.zip", from_obj), ("mesh.ply", trimesh.load_mesh), ("mesh.stl", trimesh.load_mesh)],
)
def test_each_mesh_opens_and_is_the_same_closed_one(
    without_glb: Job, files: dict[str, Path], name: str, read: Callable[[Path], trimesh.Trimesh]
) -> None:
    told, mesh = without_glb.events["mesh_completed"], read(files[name])
    uncoloured = json.loads(files["stats.json"].read_bytes())["triangles_after"]["simplified"]
    # STL has no colours, so it needs none of the triangles that carry them.
    assert len(mesh.faces) == (uncoloured if name == "mesh.stl" else told["triangles"])
    assert closed(mesh)
    assert extents(mesh) == pytest.approx(extents(trimesh.load_mesh(files["mesh.stl"])), rel=1e-4)


def test_the_other_containers_open(files: dict[str, Path]) -> None:
    with zipfile.ZipFile(files["mesh.usdz"]) as archive:
        assert archive.testzip() is None
        assert archive.namelist()[0].endswith((".usd", ".usda", ".usdc"))
    assert files["splat-clean.ply"].read_bytes().startswith(b"ply\nformat binary_little_endian")
    assert files["splat.spz"].stat().st_size < files["splat-clean.ply"].stat().st_size / 4


def test_the_mail_has_a_link_for_each_and_they_lead_there(
    cloud: Cloud, without_glb: Job, files: dict[str, Path]
) -> None:
    def letter() -> str:
        return next((mail.text for mail in reversed(cloud.mails()) if without_glb.id in mail.text), "")

    text = eventually(letter)
    links = re.findall(rf"{re.escape(cloud.url)}/api/d/\S+", text)
    fetched = {httpx.get(link, follow_redirects=True).raise_for_status().content for link in links}
    linked = {name for name, path in files.items() if path.read_bytes() in fetched}
    assert linked == {"splat.ply", *ASKED}


def test_another_try_goes_back_to_the_default(without_glb: Job, tmp_path: Path) -> None:
    again = without_glb.retry(JobOptions(formats=("glb",), texture=512)).wait(SECONDS)
    files = again.download(tmp_path)
    assert of_formats(again) == {"mesh.glb", "mesh.draco.glb"}
    mesh = trimesh.load_mesh(files["mesh.glb"])
    assert closed(mesh)
    assert isinstance(mesh.visual, TextureVisuals)
    assert isinstance(mesh.visual.material, PBRMaterial)
    assert mesh.visual.material.baseColorTexture.size == (512, 512)
    kinds = {
        name: httpx.get(file["url"]).headers["Content-Type"] for name, file in again.view["files"].items()
    }
    assert kinds["mesh.glb"] == kinds["mesh.draco.glb"] == "model/gltf-binary"
