"""Why a splat gives no mesh. Each kind carries its code of the contract's table."""

from __future__ import annotations

from typing import ClassVar


class NoMesh(ValueError):
    """Trying again with the same splat cannot help. The message is for operators."""

    code: ClassVar[str] = "meshing_failed"


class SplatInvalid(NoMesh):
    """The file is no splat PLY, or is damaged."""

    code = "splat_invalid"


class SplatMissing(NoMesh):
    """The file is gone, as it is after its session's purge."""

    code = "splat_missing"


class SurfaceMissing(NoMesh):
    """The Gaussians do not bound a solid."""

    code = "surface_missing"


class MeshUnsound(NoMesh):
    """The reconstructed mesh is not closed."""
