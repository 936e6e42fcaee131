"""Mesh a file of Gaussian splats on this machine."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from gen3d_events import option_text
from gen3d_events.codes import codes
from gen3d_events.models import JobOptions, MeshFormat, Quality, TextureSize

from gen3d_meshing.pipeline import Result, mesh_splat
from gen3d_meshing.problems import NoMesh

FAILED = 1
TRIANGLES = range(4, 1_000_001)
"""Fewer cannot close a mesh; more take gigabytes and help nobody."""

_DEFAULT = JobOptions()
_CLEAR_LINE = "\r\x1b[K"


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 meshed; 1 the splat gives no mesh, or a file cannot be read or written; 2 wrong usage."""
    given = _parser().parse_args(arguments)
    steps = _Steps()
    try:
        data = given.splat.read_bytes()
        given.out.mkdir(parents=True, exist_ok=True)  # before the work that would be lost without it
        result = mesh_splat(
            data,
            JobOptions(quality=given.quality, formats=given.formats, texture=given.texture),
            target_triangles=given.target_triangles,
            on_step=steps.begin,
        )
        steps.end()
        for name, content in result.files.items():
            (given.out / name).write_bytes(content)
    except NoMesh as problem:
        steps.end()
        entry = codes[problem.code]
        sys.stderr.write(f"{given.splat}: {entry.message} ({problem.code})\n{problem}\n")
        return FAILED
    except OSError as problem:
        steps.end()
        sys.stderr.write(f"{problem.filename or given.splat}: {problem.strerror or problem}\n")
        return FAILED
    _print(result, given.out)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m gen3d_meshing",
        description=__doc__,
        epilog="Exit codes: 0 meshed, 1 the splat gives no mesh or a file cannot be used, 2 wrong usage.",
    )
    parser.add_argument("splat", metavar="SPLAT.ply", type=Path, help="a PLY file of Gaussian splats")
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="the folder for what is made")
    parser.add_argument(
        "--quality", choices=[quality.value for quality in Quality], default=_DEFAULT.quality.value
    )
    parser.add_argument(
        "--formats",
        metavar=",".join(option_text.FORMATS),
        type=_formats,
        default=_DEFAULT.formats,
        help="default: glb",
    )
    parser.add_argument(
        "--texture",
        metavar="|".join(option_text.TEXTURES),
        type=_texture,
        default=_DEFAULT.texture,
        help="its side in px; none: colours at the vertices only; default: 1024",
    )
    parser.add_argument(
        "--target-triangles", metavar="N", type=_triangles, help="about so many; default: the quality's"
    )
    return parser


def _formats(text: str) -> tuple[MeshFormat, ...]:
    try:
        return option_text.formats(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _texture(text: str) -> TextureSize | None:
    try:
        return option_text.texture(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _triangles(text: str) -> int:
    digits = text.isascii() and text.isdigit() and len(text) <= len(str(TRIANGLES.stop))
    if not digits or int(text) not in TRIANGLES:
        raise argparse.ArgumentTypeError(
            f"{text[:80]!r} is no number of triangles from {TRIANGLES.start} to {TRIANGLES.stop - 1:,}."
        )
    return int(text)


class _Steps:
    """Shows a person which step runs: on a terminal only, in a line that goes when it ends."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()

    def begin(self, name: str) -> None:
        if self._shown:
            sys.stderr.write(f"{_CLEAR_LINE}{name} ...")
            sys.stderr.flush()

    def end(self) -> None:
        if self._shown:
            sys.stderr.write(_CLEAR_LINE)


def _print(result: Result, directory: Path) -> None:
    mesh = result.mesh
    for name, content in result.files.items():
        sys.stdout.write(f"{len(content):>12,} bytes  {directory / name}\n")
    sys.stdout.write(
        f"{len(mesh.triangles):,} triangles, {len(mesh.vertices):,} vertices, genus {mesh.genus}, "
        f"{'watertight' if mesh.watertight else 'not watertight'}, {result.seconds:.1f} s\n"
    )


if __name__ == "__main__":
    sys.exit(main())
