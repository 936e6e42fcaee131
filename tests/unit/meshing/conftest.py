from __future__ import annotations

from functools import cache

import pytest
from gen3d_events.models import JobOptions, Quality
from gen3d_meshing.pipeline import Result, mesh_splat

from tests.unit.meshing.solids import SOLIDS, Solid, noisy_splat

GAUSSIANS = 20_000


@cache
def meshed(name: str) -> Result:
    return mesh_splat(noisy_splat(SOLIDS[name], GAUSSIANS), JobOptions(quality=Quality.FAST, texture=None))


@pytest.fixture(params=sorted(SOLIDS))
def example(request: pytest.FixtureRequest) -> tuple[Solid, Result]:
    """Each solid and the mesh that its noisy splat gave."""
    return SOLIDS[request.param], meshed(request.param)


@pytest.fixture
def capsule() -> Result:
    return meshed("capsule")
