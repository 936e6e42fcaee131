"""A splat file is read as it is meant, or refused; it never does anything else."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from gen3d_meshing.ply import BLOCK, MAX_VERTICES
from gen3d_meshing.problems import SplatInvalid
from gen3d_meshing.splat import VALUES, Splat, read_splat
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.meshing.solids import PROPERTIES, SOLIDS, Array, ply, splat_rows, text

RNG = np.random.default_rng(0)
PLACES, NORMALS = SOLIDS["sphere"].sample(RNG, 50)
ROWS = splat_rows(PLACES, NORMALS, np.full((50, 3), 0.25), RNG).astype(np.float32).astype(float)
FILE = ply(ROWS)
HEADER_BYTES = FILE.index(b"end_header\n") + len("end_header\n")

READ = read_splat(FILE)[0]
COLUMNS = [PROPERTIES.index(name) for name in VALUES]


def table(rows: Array, kinds: Sequence[str], names: Sequence[str] = PROPERTIES, order: str = "<") -> bytes:
    """The rows as they follow a header, each column of its own type."""
    packed = np.empty(len(rows), [(name, order + kind) for name, kind in zip(names, kinds, strict=True)])
    for name, column in zip(names, rows.T, strict=True):
        packed[name] = column
    return packed.tobytes()


def assert_same(splat: Splat, rows: Array = ROWS) -> None:
    np.testing.assert_array_equal(splat.values, rows[:, COLUMNS].astype(np.float32))


def with_value(column: str, value: float) -> bytes:
    rows = ROWS.copy()
    rows[7, PROPERTIES.index(column)] = value
    return ply(rows)


def test_values_are_decoded() -> None:
    splat, dropped = read_splat(FILE)
    assert (len(splat), dropped) == (50, 0)
    np.testing.assert_allclose(splat.position, PLACES, atol=1e-6)
    np.testing.assert_allclose(splat.colour, 0.25, atol=1e-6)
    np.testing.assert_allclose(splat.opacity, 1 / (1 + np.exp(-ROWS[:, 9])), rtol=1e-5)
    np.testing.assert_allclose(splat.scale, np.exp(ROWS[:, 10:13]), rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(splat.rotation, axis=1), 1, rtol=1e-5)


@given(st.permutations(range(len(PROPERTIES))), st.sampled_from([ply, text]))
def test_the_order_of_properties_does_not_matter(
    order: list[int], write: Callable[[Array, Sequence[str]], bytes]
) -> None:
    assert_same(read_splat(write(ROWS[:, order], [PROPERTIES[i] for i in order]))[0])


def test_a_file_of_several_blocks_is_read_in_its_order() -> None:
    rows = np.resize(ROWS, (2 * BLOCK + 5, 17))
    rows[:, 0] = np.arange(len(rows)) / 2**15
    rows[[0, BLOCK, 2 * BLOCK + 4], 4] = np.nan  # not a value that is kept
    rows[[1, BLOCK - 1, BLOCK + 1], 2] = np.nan
    kept = np.delete(rows, [1, BLOCK - 1, BLOCK + 1], axis=0)
    for file in (ply(rows), text(rows)):
        splat, dropped = read_splat(file)
        assert dropped == 3
        assert_same(splat, kept)


def test_big_endian_is_read() -> None:
    head = FILE[:HEADER_BYTES].replace(b"little", b"big")
    assert_same(read_splat(head + table(ROWS, ["f4"] * 17, order=">"))[0])
    mixed = head.replace(b"float rot_3", b"double rot_3")
    assert_same(read_splat(mixed + table(ROWS, ["f4"] * 16 + ["f8"], order=">"))[0])


def test_spherical_harmonics_of_higher_degree_are_passed_over() -> None:
    names = [*PROPERTIES[:9], *(f"f_rest_{i}" for i in range(45)), *PROPERTIES[9:]]
    rows = np.insert(ROWS, [9] * 45, 7, axis=1)
    assert_same(read_splat(ply(rows, names))[0])
    assert_same(read_splat(text(rows, names))[0])


def test_further_types_and_comments_are_understood() -> None:
    names = [name for name in PROPERTIES if not name.startswith("n")]
    rows = np.column_stack([ROWS[:, [PROPERTIES.index(name) for name in names]], np.arange(50)])
    rows[:, names.index("opacity")] = np.rint(rows[:, names.index("opacity")])
    kinds = ["f8", *["f4"] * 5, "i2", *["f4"] * 7, "u1"]
    words = {"f8": "double", "f4": "float32", "i2": "short", "u1": "uchar"}
    lines = [
        "ply",
        "format binary_little_endian 1.0",
        "comment made by hand",
        "obj_info  ",
        "element vertex 50",
    ]
    lines += [f"property {words[kind]} {name}" for kind, name in zip(kinds, [*names, "label"], strict=True)]
    header = "\r\n".join([*lines, "end_header\r\n"])
    splat, dropped = read_splat(header.encode() + table(rows, kinds, [*names, "label"]))
    assert dropped == 0
    np.testing.assert_array_equal(splat.values, rows[:, :-1].astype(np.float32))


def test_a_double_that_is_too_large_for_a_float_is_infinite() -> None:
    rows = ROWS.copy()
    rows[3, 0], rows[4, 9] = 1e300, 1e300
    header = FILE[:HEADER_BYTES].replace(b"float", b"double")
    for file in (header + table(rows, ["f8"] * 17), text(rows)):
        splat, dropped = read_splat(file)
        assert dropped == 1
        assert splat.opacity[3] == 1
        assert np.isfinite(splat.values).all()


def test_text_may_have_other_line_ends_spaces_and_blank_lines_at_its_end() -> None:
    file = text(ROWS)
    for same in (
        file,
        file[:-1],
        file + b"\n \r\n\t",
        text(ROWS, line="\r\n"),
        file[:HEADER_BYTES] + file[HEADER_BYTES:].replace(b" ", b" \t "),
    ):
        assert_same(read_splat(same)[0])


def test_text_may_say_that_a_value_is_not_finite() -> None:
    rows = ROWS.copy()
    rows[3, 0], rows[4, 6], rows[5, 9], rows[6, 9] = np.nan, -np.inf, np.inf, np.nan
    splat, dropped = read_splat(text(rows))
    assert dropped == 3
    assert splat.opacity[3] == 1


OTHER = np.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize("before", [True, False])
def test_other_elements_are_passed_over(before: bool) -> None:
    """As the camera's, which some programs write beside the Gaussians."""
    lines = b"element camera 2\n" + b"".join(b"property double %c\n" % name for name in b"xyz")
    for file, other in ((FILE, OTHER.astype("<f8").tobytes()), (text(ROWS), b"0 1 2\n3 4 5\n")):
        start = file.index(b"end_header\n") + len(b"end_header\n")
        head, body = file[:start], file[start:]
        at = b"element vertex" if before else b"end_header"
        head = head.replace(at, lines + at)
        assert_same(read_splat(head + (other + body if before else body + other))[0])
        with pytest.raises(SplatInvalid):
            read_splat(head + body)


def test_lists_are_passed_over_where_there_are_none_or_in_text() -> None:
    faces = b"element face %d\nproperty list uchar int vertex_indices\nend_header"
    assert_same(read_splat(FILE.replace(b"end_header", faces % 0))[0])
    assert_same(read_splat(text(ROWS).replace(b"end_header", faces % 1) + b"3 0 1 2\n")[0])


@pytest.mark.parametrize("column", ["x", "f_dc_1", "scale_2", "rot_0", "opacity"])
def test_gaussians_that_are_not_finite_are_dropped(column: str) -> None:
    splat, dropped = read_splat(with_value(column, np.nan))
    assert (len(splat), dropped) == (49, 1)
    if column != "opacity":
        assert read_splat(with_value(column, np.inf))[1] == 1


def test_a_saturated_opacity_is_kept() -> None:
    splat, dropped = read_splat(with_value("opacity", np.inf))
    assert dropped == 0
    assert splat.opacity[7] == 1


def test_a_rotation_of_zero_is_dropped() -> None:
    rows = ROWS.copy()
    rows[3, 13:17] = 0
    assert read_splat(ply(rows))[1] == 1


TEXT = text(ROWS)
REFUSED = {
    "nothing": b"",
    "not a PLY": b"\x89PNG\r\n\x1a\n" + FILE,
    "compressed": gzip.compress(FILE),
    "a header without end": FILE[: HEADER_BYTES - 12],
    "an endless header": b"ply\n" + b"comment\n" * 20_000 + FILE[4:],
    "an endless line in the header": FILE.replace(b"element", b"comment " + b"x" * 100_000 + b"\nelement"),
    "a header that is not text": FILE.replace(b"nx", b"n\xff"),
    "no format": FILE.replace(b"format binary_little_endian 1.0\n", b""),
    "two formats": FILE.replace(b"element", b"format ascii 1.0\nelement"),
    "a format of the future": FILE.replace(b"1.0", b"2.0"),
    "an unknown format": FILE.replace(b"little", b"middle"),
    "an unknown type": FILE.replace(b"float nx", b"half nx"),
    "binary called text": FILE.replace(b"binary_little_endian", b"ascii"),
    "little called big": FILE.replace(b"little", b"big"),
    "text called binary": TEXT.replace(b"ascii", b"binary_little_endian"),
    "no Gaussians": ply(ROWS[:0]),
    "no Gaussians in text": text(ROWS[:0]),
    "no vertices": FILE.replace(b"vertex", b"points"),
    "vertices twice": FILE.replace(b"end_header", b"element vertex 0\nend_header"),
    "no colour": ply(ROWS, ["nz2" if name == "f_dc_1" else name for name in PROPERTIES]),
    "a property twice": ply(ROWS, ["x" if name == "nx" else name for name in PROPERTIES]),
    "a property of nothing": FILE.replace(b"element", b"property float a\nelement"),
    "faces too": FILE.replace(b"end_header", b"element face 1\nproperty list uchar int v\nend_header")
    + b"\0",
    "a list": FILE.replace(b"property float nx", b"property list uchar int nx"),
    "a count below zero": FILE.replace(b"vertex 50", b"vertex -5"),
    "a count that is no integer": FILE.replace(b"vertex 50", b"vertex 5e1"),
    "a count that overflows": ply(ROWS, count=2**62),
    "a count of many digits": FILE.replace(b"vertex 50", b"vertex " + b"5" * 5000),
    "more than there can be": ply(ROWS, count=MAX_VERTICES + 1),
    "text of a false count": text(ROWS).replace(b"vertex 50", b"vertex 49"),
    "text of a count beyond it": text(ROWS).replace(b"vertex 50", b"vertex 15000000"),
    "text with too short a line": TEXT + b"1 2\n",
    "text with a blank line": TEXT.replace(b"end_header\n", b"end_header\n\n").replace(b"50\n", b"51\n"),
    "text of blank lines": TEXT[:HEADER_BYTES] + b"\x1c\n" * 50 + b" " * 2000,
    "text with a word": TEXT.replace(b" 0 0 0 ", b" 0 zero 0 ", 1),
    "text with hexadecimals": TEXT.replace(b" 0 0 0 ", b" 0 0x0 0 ", 1),
    "text with commas": TEXT[:HEADER_BYTES] + TEXT[HEADER_BYTES:].replace(b" ", b","),
    "text with a null": TEXT.replace(b" 0 0 0 ", b" 0 \0 0 ", 1),
    "text of other letters": TEXT.replace(b" 0 0 0 ", " 0 \uff10 0 ".encode(), 1),
    "text with a row in two lines": TEXT.replace(b" 0 0 0 ", b" 0 0\n0 ", 1),
    "text with an endless number": TEXT.replace(b" 0 0 0 ", b" 0 0" + b"0" * 100_000 + b" 0 ", 1),
    "no finite Gaussian": ply(np.full((5, 17), np.nan)),
    "no finite Gaussian in text": text(np.full((5, 17), np.nan)),
}


@pytest.mark.parametrize("file", REFUSED.values(), ids=REFUSED.keys())
def test_damaged_files_are_refused(file: bytes) -> None:
    with pytest.raises(SplatInvalid) as refusal:
        read_splat(file)
    assert refusal.value.code == "splat_invalid"


@given(st.integers(0, len(FILE) - 1))
def test_no_truncated_file_is_read(length: int) -> None:
    with pytest.raises(SplatInvalid):
        read_splat(FILE[:length])


@given(st.binary(min_size=1, max_size=200))
def test_no_file_with_something_behind_it_is_read(tail: bytes) -> None:
    with pytest.raises(SplatInvalid):
        read_splat(FILE + tail)


@given(st.integers(0, 10**12).filter(lambda count: count != len(ROWS)))
def test_no_lying_count_is_believed(count: int) -> None:
    with pytest.raises(SplatInvalid):
        read_splat(ply(ROWS, count=count))


@given(st.integers(0, len(TEXT.rstrip()) - 1))
def test_truncated_text_is_refused_or_only_its_last_number_is_shorter(length: int) -> None:
    try:
        splat, _ = read_splat(TEXT[:length])
    except SplatInvalid:
        return
    np.testing.assert_array_equal(splat.values[:-1], READ.values[:-1])
    np.testing.assert_array_equal(splat.values[-1, :-1], READ.values[-1, :-1])


@pytest.mark.parametrize("file", [ply(ROWS, count=10**7), text(ROWS).replace(b"50", b"10000000", 1)])
def test_nothing_is_allocated_for_gaussians_that_are_not_there(file: bytes) -> None:
    tracemalloc.start()
    with pytest.raises(SplatInvalid):
        read_splat(file)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**20


@given(st.binary(max_size=400))
def test_garbage_is_refused(garbage: bytes) -> None:
    with pytest.raises(SplatInvalid):
        read_splat(garbage)


@given(st.integers(0, HEADER_BYTES - 1), st.integers(0, 255))
def test_any_byte_of_the_header_may_be_wrong(place: int, value: int) -> None:
    damaged = bytearray(FILE)
    damaged[place] = value
    try:
        splat, dropped = read_splat(bytes(damaged))
    except SplatInvalid:
        return
    assert len(splat) + dropped == len(ROWS)


@given(st.binary(min_size=68 * 4, max_size=68 * 4))
def test_any_values_become_finite_gaussians_or_a_refusal(body: bytes) -> None:
    try:
        splat, dropped = read_splat(ply(np.zeros((0, 17)), count=4) + body)
    except SplatInvalid:
        return
    assert len(splat) + dropped == 4
    for values in (splat.position, splat.colour, splat.opacity, splat.scale, splat.rotation):
        assert np.isfinite(values).all()
