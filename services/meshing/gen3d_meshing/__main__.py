"""Mesh a splat file on this machine: `python -m gen3d_meshing splat.ply --out DIR`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from gen3d_events.models import JobOptions, Quality

from gen3d_meshing.pipeline import mesh_splat
from gen3d_meshing.problems import NoMesh


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 meshed, 1 the splat gives no mesh or a file cannot be used, 2 wrong arguments."""
    parser = argparse.ArgumentParser(prog="gen3d_meshing", description=__doc__)
    parser.add_argument("splat", type=Path, help="PLY file of Gaussian splats")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for mesh.glb, preview.png, stats.json"
    )
    parser.add_argument("--quality", type=Quality, choices=list(Quality), default=Quality.BALANCED)
    options = parser.parse_args(arguments)
    try:
        result = mesh_splat(options.splat.read_bytes(), JobOptions(quality=options.quality))
        options.out.mkdir(parents=True, exist_ok=True)
        for name, content in result.files.items():
            (options.out / name).write_bytes(content)
    except (NoMesh, OSError) as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    mesh = result.mesh
    sys.stdout.write(
        f"{options.out / 'mesh.glb'}: {len(mesh.triangles)} triangles, genus {mesh.genus}, "
        f"{result.seconds:.1f} s\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
