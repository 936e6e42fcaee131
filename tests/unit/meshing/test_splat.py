"""A splat file is read as it is meant, or refused; it never does anything else."""

from __future__ import annotations

import numpy as np
import pytest
from gen3d_meshing.problems import SplatInvalid
from gen3d_meshing.splat import read_splat
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.meshing.solids import PROPERTIES, SOLIDS, ply, splat_rows

RNG = np.random.default_rng(0)
PLACES, NORMALS = SOLIDS["sphere"].sample(RNG, 50)
ROWS = splat_rows(PLACES, NORMALS, np.full((50, 3), 0.25), RNG)
FILE = ply(ROWS)
HEADER_BYTES = FILE.index(b"end_header\n") + len("end_header\n")


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


@given(st.permutations(range(len(PROPERTIES))))
def test_the_order_of_properties_does_not_matter(order: list[int]) -> None:
    splat, _ = read_splat(ply(ROWS[:, order], [PROPERTIES[i] for i in order]))
    np.testing.assert_allclose(splat.position, PLACES, atol=1e-6)
    np.testing.assert_allclose(splat.colour, 0.25, atol=1e-6)


def test_further_properties_types_and_comments_are_understood() -> None:
    names = [name for name in PROPERTIES if not name.startswith("n")]
    fields = [(name, "<f8" if name == "x" else "<f4") for name in names] + [("label", "u1")]
    table = np.zeros(50, fields)
    for name in names:
        table[name] = ROWS[:, PROPERTIES.index(name)]
    lines = ["ply", "format binary_little_endian 1.0", "comment made by hand", "element vertex 50"]
    lines += [f"property {'double' if name == 'x' else 'float32'} {name}" for name in names]
    header = "\r\n".join([*lines, "property uchar label", "end_header"]) + "\n"
    splat, _ = read_splat(header.encode() + table.tobytes())
    np.testing.assert_allclose(splat.position, PLACES, atol=1e-6)


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


REFUSED = {
    "nothing": b"",
    "not a PLY": b"\x89PNG\r\n\x1a\n" + FILE,
    "a header without end": FILE[: HEADER_BYTES - 12],
    "no Gaussians": ply(ROWS[:0]),
    "ASCII": FILE.replace(b"binary_little_endian", b"ascii"),
    "big endian": FILE.replace(b"little", b"big"),
    "no colour": ply(ROWS, ["nz2" if name == "f_dc_1" else name for name in PROPERTIES]),
    "a property twice": ply(ROWS, ["x" if name == "nx" else name for name in PROPERTIES]),
    "faces too": FILE.replace(b"end_header", b"element face 0\nend_header"),
    "a list": FILE.replace(b"property float nx", b"property list uchar int nx"),
    "a count below zero": FILE.replace(b"vertex 50", b"vertex -5"),
    "a count that overflows": ply(ROWS, count=2**62),
    "a header that is not text": FILE.replace(b"nx", b"n\xff"),
    "no finite Gaussian": ply(np.full((5, 17), np.nan)),
    "an endless header": b"ply\n" + b"comment\n" * 20_000 + FILE[4:],
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
