"""The PLY layout, byte by byte."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gen3d_inference.ply import SH_C0, Splats, from_ply, to_ply
from hypothesis import given
from hypothesis import strategies as st

HEADER = (
    b"ply\n"
    b"format binary_little_endian 1.0\n"
    b"element vertex 2\n"
    b"property float x\n"
    b"property float y\n"
    b"property float z\n"
    b"property float nx\n"
    b"property float ny\n"
    b"property float nz\n"
    b"property float f_dc_0\n"
    b"property float f_dc_1\n"
    b"property float f_dc_2\n"
    b"property float opacity\n"
    b"property float scale_0\n"
    b"property float scale_1\n"
    b"property float scale_2\n"
    b"property float rot_0\n"
    b"property float rot_1\n"
    b"property float rot_2\n"
    b"property float rot_3\n"
    b"end_header\n"
)


def two(opacities: tuple[float, float] = (0.5, 0.5)) -> Splats:
    return Splats(
        centres=np.array([[0.1, -0.2, 0.3], [-0.4, 0.5, 0]], np.float32),
        scales=np.array([[1, np.e, np.e**2], [0.01, 0.02, 0.03]], np.float32),
        rotations=np.array([[1, 0, 0, 0], [0.5, -0.5, 0.5, -0.5]], np.float32),
        opacities=np.array(opacities, np.float32),
        colours=np.array([[0.5, 0.5 + SH_C0, 0.5 - SH_C0], [0, 1, 0.5]], np.float32),
    )


def test_the_file_is_the_documented_header_and_68_bytes_a_vertex() -> None:
    data = to_ply(two())
    assert data.startswith(HEADER)
    assert len(data) == len(HEADER) + 2 * 68
    first = struct.unpack("<17f", data[len(HEADER) : len(HEADER) + 68])
    assert first == pytest.approx(
        (0.1, -0.2, 0.3, 0, 0, 0, 0, 1, -1, 0, 0, 1, 2, 1, 0, 0, 0),
        abs=1e-6,
    )


def test_it_is_the_file_that_upstreams_own_class_writes() -> None:
    """upstream/write_ply.py made it, of the same values; upstream does not normalise quaternions."""
    theirs = (Path(__file__).parent / "upstream" / "gaussians.ply").read_bytes()
    features = np.array([[0, 1, -1], [0.5, -0.5, 0.25], [1.5, 0, -1.5]])
    ours = to_ply(
        Splats(
            centres=np.array([[0.1, -0.2, 0.3], [-0.4, 0.5, 0], [0.25, 0, -0.5]], np.float32),
            scales=np.array([[0.1, 0.2, 0.3], [0.01, 0.02, 0.03], [0.002, 0.002, 0.004]], np.float32),
            rotations=np.array([[1, 0, 0, 0], [1, -1, 1, -1], [0.6, 0, 0.8, 0]], np.float32),
            opacities=np.array([0.5, 0.02, 0.98], np.float32),
            colours=(0.5 + SH_C0 * features).astype(np.float32),
        )
    )
    header = HEADER.replace(b"vertex 2", b"vertex 3")
    assert theirs[: len(header)] == ours[: len(header)] == header
    assert len(theirs) == len(ours)
    found, expected = (np.frombuffer(data, "<f4", offset=len(header)) for data in (ours, theirs))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(from_ply(theirs).opacities, [0.5, 0.02, 0.98], atol=1e-5)


def test_how_arrays_lie_in_memory_does_not_matter() -> None:
    splats = two()
    by_columns = {
        field: np.asfortranarray(getattr(splats, field))
        for field in ("centres", "scales", "rotations", "colours")
    }
    assert to_ply(replace(splats, **by_columns)) == to_ply(splats)


def test_saturated_opacity_stays_finite() -> None:
    rows = struct.iter_unpack("<17f", to_ply(two((0, 1)))[len(HEADER) :])
    logits = [row[9] for row in rows]
    assert np.isfinite(logits).all()
    assert logits[0] < -10
    assert logits[1] > 10


def test_what_is_written_is_read_again() -> None:
    splats, read = two((0.2, 0.99)), from_ply(to_ply(two((0.2, 0.99))))
    for field in ("centres", "scales", "rotations", "opacities", "colours"):
        np.testing.assert_allclose(getattr(read, field), getattr(splats, field), rtol=1e-4, atol=1e-6)


@given(cut=st.integers(0, len(HEADER) + 2 * 68 - 1))
def test_a_truncated_file_is_refused(cut: int) -> None:
    with pytest.raises(ValueError, match=r"bytes present|not a PLY"):
        from_ply(to_ply(two())[:cut])


@pytest.mark.parametrize(
    "harm",
    [
        lambda data: data + b"\0",
        lambda data: data.replace(b"vertex 2", b"vertex 3"),
        lambda data: data.replace(b"rot_3", b"rot_9"),
        lambda data: data[:-4] + struct.pack("<f", float("nan")),
        lambda data: data[:-4] + struct.pack("<f", float("inf")),
    ],
)
def test_a_harmed_file_is_refused(harm: object) -> None:
    assert callable(harm)
    with pytest.raises(ValueError, match=r"present|not a PLY|finite"):
        from_ply(harm(to_ply(two())))
