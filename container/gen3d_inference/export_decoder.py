"""Writes SAM 3's click decoder as ONNX: `python -m gen3d_inference.export_decoder --weights DIR --out DIR`.

Graphs: `prepare`, `mask` and `decode`, which a manifest names together; `prepare_int8`, for embeddings of 8
bits; and `single`, which does the same alone. Beside them the licence under which the weights are given.
Nothing is written unless the graphs make the masks that PyTorch makes.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from gen3d_inference.engines import EngineUnavailable

_PACKAGES = (
    "No decoder was written: {error}. It is made with PyTorch, transformers and ONNX, so run this with an "
    "interpreter that has them: .venv-models/bin/python, which `make test-models` makes, or in the image the "
    "one that GEN3D_SAM3_PYTHON names."
)
try:
    from gen3d_inference.decoder import checkpoint, onnx_files, parity
except ModuleNotFoundError as error:
    if __name__ != "__main__":
        raise
    sys.exit(_PACKAGES.format(error=error))

LICENCE = "LICENSE"
NO_LICENCE = "Random weights, for tests: nobody's licence applies.\n"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m gen3d_inference.export_decoder", description=__doc__)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--weights", type=Path, help="folder with the files of facebook/sam3")
    source.add_argument("--random-weights", action="store_true", help="for tests: masks of nothing")
    parser.add_argument("--out", type=Path, required=True, help="folder for the files")
    options = parser.parse_args(arguments)
    if not _can_be_written(options.out):
        parser.error(f"{options.out} is no folder that can be written")
    try:
        if options.random_weights:
            found = export(checkpoint.random(), NO_LICENCE, options.out)
        else:
            model = checkpoint.pretrained(options.weights)
            found = export(model, licence(options.weights), options.out)
    except ModuleNotFoundError as error:  # of torch.onnx's own, which it imports when it is used
        sys.exit(_PACKAGES.format(error=error))
    except (EngineUnavailable, parity.NotAlike) as error:
        sys.exit(f"No decoder was written. {error}")
    print(
        f"Logits are PyTorch's within {found.logits:.1e}, masks overlap by {found.iou:.5f}, "
        f"and the three graphs agree with the single one within {found.forms:.1e}."
    )
    for path in sorted(options.out.iterdir()):
        print(f"{path.stat().st_size:>12,}  {path}")


def _can_be_written(folder: Path) -> bool:
    """Whether a folder, or the nearest of those that it would be made in, takes files."""
    nearest = next(one for one in (folder, *folder.parents) if one.exists())
    return nearest.is_dir() and os.access(nearest, os.W_OK)


def export(model: Any, licence: str, folder: Path) -> parity.Parity:
    """Write the graphs of a model and its licence into a folder. Raises NotAlike."""
    stored = onnx_files.rounded(model)
    graphs = onnx_files.graphs(stored)
    found = parity.check(model, stored, graphs)
    folder.mkdir(parents=True, exist_ok=True)
    for name, graph in graphs.items():
        (folder / f"{name}.onnx").write_bytes(graph)
    (folder / LICENCE).write_text(licence)
    return found


def licence(weights: Path) -> str:
    """The SAM License: as it came with the weights, or with Meta's package. Raises EngineUnavailable."""
    if (weights / LICENCE).is_file():
        return (weights / LICENCE).read_text()
    try:
        files = metadata.files("sam3") or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == LICENCE:
            return file.read_text()
    raise EngineUnavailable(
        f"The decoder may only be passed on with the SAM License: put the hub's {LICENCE} into {weights}, or "
        "install the package sam3."
    )


if __name__ == "__main__":
    main()
