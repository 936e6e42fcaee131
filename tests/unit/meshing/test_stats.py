"""What is said of a mesh: its measures, and the statistics of how it was made."""

from __future__ import annotations

import json
import resource
from pathlib import Path

import numpy as np
import pytest
from gen3d_events.models import JobOptions, Quality
from gen3d_events.samples import reconstructor
from gen3d_meshing.pipeline import mesh_splat
from gen3d_meshing.shape import Mesh, Triangles

from tests.unit.meshing.solids import SOLIDS, noisy_splat

pytestmark = pytest.mark.usefixtures("small_pictures")

TETRAHEDRON = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]], np.uint32)


def _mesh(triangles: Triangles) -> Mesh:
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    return Mesh(corners, triangles, corners, triangles, 1)


def test_measures_of_a_tetrahedron() -> None:
    mesh = _mesh(TETRAHEDRON)
    assert mesh.watertight
    assert mesh.genus == 0
    assert mesh.volume == pytest.approx(1 / 6)
    assert mesh.area == pytest.approx(1.5 + np.sqrt(3) / 2)


def test_torn_and_twisted_meshes_are_not_watertight() -> None:
    assert not _mesh(TETRAHEDRON[:3]).watertight
    assert not _mesh(np.concatenate([TETRAHEDRON[:3], TETRAHEDRON[3:, ::-1]])).watertight
    assert not _mesh(np.concatenate([TETRAHEDRON, TETRAHEDRON])).watertight


def test_statistics_tell_of_the_mesh_and_its_maker() -> None:
    splat = noisy_splat(SOLIDS["capsule"], 5000)
    result = mesh_splat(
        splat, JobOptions(quality=Quality.FAST, texture=512, formats=("glb", "splat")), engine=reconstructor
    )
    stats = json.loads(result.files["stats.json"])
    assert stats["engine"] == {"name": "relief", "version": "1.0.0", "weight_free": True}
    assert stats["quality"] == "fast"
    assert stats["gaussians"]["read"] == 5000
    assert 3500 < stats["gaussians"]["connected"] < 4600
    assert (
        f"element vertex {stats['gaussians']['without_strays']}\n".encode() in result.files["splat-clean.ply"]
    )
    assert list(stats["triangles_after"]) == ["poisson", "parts", "simplified"]
    assert (stats["vertices"], stats["triangles"]) == (len(result.mesh.vertices), len(result.mesh.triangles))
    assert (stats["watertight"], stats["genus"], stats["parts"]) == (True, 0, 1)
    assert stats["bounds"]["frame"] == stats["frame"]["mesh.glb"]
    assert stats["bounds"]["max"][1] == pytest.approx(0.45, abs=0.02)
    assert stats["volume"] == pytest.approx(SOLIDS["capsule"].volume, rel=0.05)
    assert stats["bytes"] == {
        "splat.ply": len(splat),
        **{name: len(result.files[name]) for name in result.files if name != "stats.json"},
    }
    assert sum(seconds for step, seconds in stats["seconds"].items() if step != "total") <= result.seconds
    assert stats["colours"] == {"mesh.glb": "texture", "mesh.draco.glb": "texture"}
    assert stats["peak_memory_mb"].keys() == stats["seconds"].keys()
    peaks = list(stats["peak_memory_mb"].values())
    assert peaks[0] > 50
    assert peaks == sorted(peaks)
    assert set(stats["versions"]) == {
        "python",
        "open3d",
        "manifold3d",
        "numpy",
        "Pillow",
        "DracoPy",
        "usd-core",
    }


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux forgets its peak")
def test_peak_memory_is_the_jobs_own() -> None:
    before = np.ones(50_000_000).nbytes / 2**20
    splat = noisy_splat(SOLIDS["sphere"], 3000)
    held = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20
    stats = json.loads(mesh_splat(splat, JobOptions(quality=Quality.FAST, texture=None)).files["stats.json"])
    assert held / 2 < stats["peak_memory_mb"]["total"] < held + before / 2
