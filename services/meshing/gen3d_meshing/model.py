"""What all files of a job show: the mesh with its colours, and its texture if one was asked for."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gen3d_meshing.shape import Mesh, Triangles
from gen3d_meshing.splat import Floats


@dataclass(frozen=True)
class Texture:
    """A picture of the surface and where each triangle finds itself in it.

    image: (s, s, 3) sRGB, its first row at the top. A corner is a mesh vertex at one place of the picture, so
    a vertex on a seam has several. uv: (c, 2) in 0..1, u to the right and v up, as in OBJ and USD; glTF's v
    runs down. vertex: (c,) the mesh vertex of each corner. triangles: (t, 3) corners, those of the mesh's
    triangles in their order.
    """

    image: NDArray[np.uint8]
    uv: Floats
    vertex: NDArray[np.uint32]
    triangles: Triangles

    @cached_property
    def used(self) -> float:
        """Share of the picture that triangles cover."""
        a, b, c = self.uv.astype(np.float64)[self.triangles.T].transpose(0, 2, 1)
        ab, ac = b - a, c - a
        return float((ab[0] * ac[1] - ab[1] * ac[0]).sum() / 2)

    def density(self, mesh: Mesh) -> float:
        """Texels per unit of length, over all of the mesh's surface."""
        return len(self.image) * float(np.sqrt(self.used / mesh.area))

    @cached_property
    def png(self) -> bytes:
        """The image, exact. The usual effort, 6, saves another hundredth of the bytes in twice the time."""
        return self._encoded("PNG", compress_level=4)

    @cached_property
    def jpeg(self) -> bytes:
        """The image to 40 dB or better, in a quarter of the bytes."""
        return self._encoded("JPEG", quality=90, subsampling=0)

    def _encoded(self, form: str, **options: int) -> bytes:
        file = io.BytesIO()
        Image.fromarray(self.image).save(file, form, **options)
        return file.getvalue()


@dataclass(frozen=True)
class Model:
    """mesh: Z-up, front at -Y. colours: (v, 3) linear RGB in 0..1; none (0, 3) where nothing shows them."""

    mesh: Mesh
    colours: Floats = field(default_factory=lambda: np.empty((0, 3), np.float32))
    texture: Texture | None = None
