"""The two chunks of a GLB."""

from __future__ import annotations

import json
import struct
from typing import Any


def document(glb: bytes) -> dict[str, Any]:
    length = struct.unpack_from("<I", glb, 12)[0]
    parsed: dict[str, Any] = json.loads(glb[20 : 20 + length])
    return parsed


def buffer_view(glb: bytes, index: int) -> bytes:
    view = document(glb)["bufferViews"][index]
    start = 28 + struct.unpack_from("<I", glb, 12)[0] + view["byteOffset"]
    return glb[start : start + view["byteLength"]]
