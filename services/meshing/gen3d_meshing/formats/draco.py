"""Write a binary glTF 2.0 file whose geometry is compressed, by the extension KHR_draco_mesh_compression."""

from __future__ import annotations

import DracoPy
import numpy as np

from gen3d_meshing.formats.gltf import File, Vertices
from gen3d_meshing.model import Model

_EXTENSION = "KHR_draco_mesh_compression"
_POSITION_BITS = 16  # of the longest side: finer than the surface is known, and few vertices fall together
_NORMAL_BITS = 10
_UV_BITS = 14  # an eighth of a texel of the largest texture
_COLOUR_BITS = 12  # of linear light: its darkest steps are as fine as those of 8 bits of sRGB
_EFFORT = 10  # the most; decoding is about as fast
_NAMES = {
    DracoPy.AttributeType.POSITION: "POSITION",
    DracoPy.AttributeType.NORMAL: "NORMAL",
    DracoPy.AttributeType.TEX_COORD: "TEXCOORD_0",
    DracoPy.AttributeType.GENERIC: "COLOR_0",  # 16 bits; Draco's own kind of colours has 8
}


def write_draco_glb(model: Model) -> bytes:
    """The file's bytes, Y-up. A texture is embedded as JPEG."""
    vertices = Vertices.of(model)
    colours = None
    if vertices.colours is not None:
        levels = np.rint(vertices.colours * (2**_COLOUR_BITS - 1)).astype(np.uint16)
        colours = levels << (16 - _COLOUR_BITS)
    compressed = DracoPy.encode(
        vertices.positions,
        vertices.triangles,
        quantization_bits=_POSITION_BITS,
        compression_level=_EFFORT,
        normals=vertices.normals.astype(np.float64),
        normal_quantization_bits=_NORMAL_BITS,
        tex_coord=None if vertices.uv is None else vertices.uv.astype(np.float64),
        tex_coord_quantization_bits=_UV_BITS,
        generic_attributes=None if colours is None else {0: colours},
    )
    return _wrapped(compressed, ("image/jpeg", model.texture.jpeg) if model.texture else None)


def _wrapped(compressed: bytes, picture: tuple[str, bytes] | None) -> bytes:
    """Draco numbers the attributes, orders the vertices anew and rounds them. The accessors must tell what a
    reader will find, so it is read here too."""
    found, file = DracoPy.decode(compressed), File()
    ids: dict[str, int] = {}
    attributes: dict[str, int] = {}
    for attribute in found.attributes:
        name, data = _NAMES[attribute["attribute_type"]], attribute["data"]
        ids[name] = attribute["unique_id"]
        if name == "POSITION":
            attributes[name] = file.position(data)
        elif name == "COLOR_0":
            attributes[name] = file.accessor(data.astype(np.uint16), normalized=True)
        else:
            attributes[name] = file.accessor(data)
    primitive = {
        "attributes": attributes,
        "indices": file.accessor(found.faces.reshape(-1).astype(np.uint32)),
        "extensions": {_EXTENSION: {"bufferView": file.view(compressed), "attributes": ids}},
    }
    return file.pack(primitive, picture, (_EXTENSION,))
