from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest
from gen3d_events.models import JobOptions, Quality
from gen3d_meshing.pipeline import Result, mesh_splat

from tests.unit.meshing import pictures
from tests.unit.meshing.solids import SOLIDS, Solid, noisy_splat

GAUSSIANS = 20_000


@cache
def meshed(name: str) -> Result:
    """A solid's noisy splat as a mesh with colours at its vertices, in three formats and small pictures."""
    options = JobOptions(quality=Quality.FAST, texture=None, formats=("glb", "ply", "stl"))
    with pictures.small_pictures():
        return mesh_splat(noisy_splat(SOLIDS[name], GAUSSIANS), options)


@pytest.fixture
def small_pictures() -> Iterator[None]:
    with pictures.small_pictures():
        yield


@pytest.fixture(params=sorted(SOLIDS))
def example(request: pytest.FixtureRequest) -> tuple[Solid, Result]:
    """Each solid and the mesh that its noisy splat gave."""
    return SOLIDS[request.param], meshed(request.param)


@pytest.fixture
def capsule() -> Result:
    return meshed("capsule")
