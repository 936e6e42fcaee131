"""Whatever is done to a splat file: it is meshed, or refused with a code, soon and within the memory."""

from __future__ import annotations

import os

import numpy as np
import pytest
from gen3d_events.models import JobOptions, Quality
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.unit.meshing.confined import MEMORY, MESHED, Confined
from tests.unit.meshing.solids import SOLIDS, paint, ply, splat_rows, text

GAUSSIANS = 300
RNG = np.random.default_rng(0)
PLACES, NORMALS = SOLIDS["sphere"].sample(RNG, GAUSSIANS)
ROWS = splat_rows(PLACES, NORMALS, paint(PLACES), RNG)
FILES = (
    ply(ROWS),
    ply(ROWS).partition(b"end_header")[0].replace(b"little", b"big")
    + b"end_header\n"
    + ROWS.astype(">f4").tobytes(),
    text(ROWS),
)
END = b"end_header\n"

WORDS = (
    *b"0 -1 1 150 299 301 600 19999999 99999999999999 1e3 nan float double uchar int short list".split(),
    *b"ply format ascii binary_little_endian binary_big_endian 1.0 comment element vertex face".split(),
    *b"property end_header x y opacity rot_0 \xff \0".split(),
    b"",
    b"x" * 70_000,
)
EXTREMES = (np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -40.0, 40.0, 1e6, -1e6, 1e-30, 1e-45, 1e30, 3.4e38)


files = st.sampled_from(FILES)


@st.composite
def truncated(draw: st.DrawFn) -> bytes:
    file = draw(files)
    return file[: draw(st.integers(0, len(file) - 1))]


@st.composite
def flipped(draw: st.DrawFn) -> bytes:
    """A few bytes are others, of the header or of what follows it."""
    file = bytearray(draw(files))
    body = file.index(END) + len(END)
    first, end = draw(st.sampled_from([(0, body), (body, len(file))]))
    places = st.integers(first, end - 1)
    for place, value in draw(st.lists(st.tuples(places, st.integers(0, 255)), min_size=1, max_size=20)):
        file[place] = value
    return bytes(file)


@st.composite
def spliced(draw: st.DrawFn) -> bytes:
    """A piece of one file stands in another, in place of a piece or between two bytes."""
    into, out_of = draw(files), draw(files)
    start, end = sorted(draw(st.tuples(*2 * [st.integers(0, len(into))])))
    first = draw(st.integers(0, len(out_of)))
    length = draw(st.one_of(st.just(end - start), st.integers(0, 5000)))
    return into[:start] + out_of[first : first + length] + into[draw(st.sampled_from([start, end])) :]


@st.composite
def edited(draw: st.DrawFn) -> bytes:
    """Lines of the header are swapped, lost or doubled, or words of it are others."""
    head, _, body = draw(files).partition(END)
    lines = head.splitlines()
    places = st.integers(0, len(lines) - 1)
    for _ in range(draw(st.integers(1, 3))):
        one, other = draw(places), draw(places)
        words = lines[one].split(b" ")
        match draw(st.sampled_from(["word", "word", "swap", "lose", "double"])):
            case "word":
                words[draw(st.integers(0, len(words) - 1))] = draw(st.sampled_from(WORDS))
                lines[one] = b" ".join(words)
            case "swap":
                lines[one], lines[other] = lines[other], lines[one]
            case "lose":
                lines[one] = b"comment"
            case _:
                lines[other] += b"\n" + lines[one]
    return b"\n".join([*lines, END]) + body


@st.composite
def extreme(draw: st.DrawFn) -> bytes:
    """Whole columns, or parts of them, hold values at the edge of what floats can be."""
    rows = ROWS.copy()
    for _ in range(draw(st.integers(1, 4))):
        share = draw(st.sampled_from([1, 2, 7, 100, GAUSSIANS]))
        column = draw(st.integers(0, 16))
        rows[::share, column] = draw(st.sampled_from(EXTREMES))
    return ply(rows) if draw(st.booleans()) else text(rows)


KINDS = {
    "truncated": (truncated(), 90),
    "flipped": (flipped(), 30),
    "spliced": (spliced(), 40),
    "edited": (edited(), 130),
    "extreme": (extreme(), 20),
}
TIMES = 10 if "GEN3D_SOAK" in os.environ else 1


def test_there_are_enough_cases() -> None:
    assert sum(cases for _, cases in KINDS.values()) >= 300


def test_the_files_are_sound_before() -> None:
    with Confined() as process:
        for file in FILES:
            assert process.mesh(file, JobOptions(quality=Quality.FAST, texture=None)).code == MESHED


@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")  # a failing file is long
@pytest.mark.parametrize("kind", KINDS)
def test_damage_gives_a_mesh_or_a_code(kind: str) -> None:
    damage, cases = KINDS[kind]

    @settings(
        max_examples=TIMES * cases,
        deadline=None,
        print_blob=True,
        phases=[Phase.explicit, Phase.reuse, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(damage, st.sampled_from([*9 * [None], 512]))
    def check(file: bytes, texture: int | None) -> None:
        options = JobOptions(quality=Quality.FAST, formats=("glb", "splat"), texture=texture)
        outcome = process.mesh(file, options)
        assert outcome.code in {MESHED, "splat_invalid", "surface_missing", "meshing_failed"}
        assert outcome.memory < MEMORY

    with Confined() as process:
        check()
