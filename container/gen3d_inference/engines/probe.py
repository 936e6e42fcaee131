"""What an engine's environment has, as JSON: `python -m gen3d_inference.engines.probe ENGINE`.

Run by preflight with the interpreter of that environment.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import platform
import sys
from typing import Any

PACKAGES = {
    "sam3": {"torch": "torch", "transformers": "transformers"},
    "sam3d": {
        "torch": "torch",
        "sam3d_objects": "sam3d_objects",
        "moge": "moge",
        "hydra": "hydra-core",
        "kaolin": "kaolin",
        "pytorch3d": "pytorch3d",
        "gsplat": "gsplat",
        "spconv": "spconv-cu121",
    },
    "sam3_text": {"torch": "torch", "torchvision": "torchvision", "triton": "triton", "sam3": "sam3"},
    "classical": {"onnx": "onnx", "scipy": "scipy"},
    "relief": {"scipy": "scipy"},
}
"""What each engine imports: modules, and the distributions that bring them."""


def main(engine: str) -> None:
    versions = {
        distribution: _version(module, distribution) for module, distribution in PACKAGES[engine].items()
    }
    print(json.dumps({"python": platform.python_version(), "packages": versions, "gpu": _gpu()}))


def _version(module: str, distribution: str) -> str | None:
    """None if it cannot be imported. SAM 3D Objects is not imported here: without a GPU that fails."""
    if importlib.util.find_spec(module) is None:
        return None
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def _gpu() -> dict[str, Any] | None:
    if importlib.util.find_spec("torch") is None:
        return None
    import torch  # noqa: PLC0415 - only some environments have it

    if not torch.cuda.is_available():
        return None
    properties = torch.cuda.get_device_properties(0)
    return {"name": properties.name, "bytes": properties.total_memory, "cuda": torch.version.cuda}


if __name__ == "__main__":
    main(sys.argv[1])
