"""splat-clean.ply and splat.spz hold the Gaussians that were read."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest
from gen3d_inference.ply import from_ply
from gen3d_meshing.formats import WRITERS
from gen3d_meshing.formats.frames import FRAMES, Y_UP, Z_UP, y_up
from gen3d_meshing.formats.splat import write_splat
from gen3d_meshing.formats.spz import write_spz
from gen3d_meshing.normals import shortest_axes
from gen3d_meshing.splat import VALUES, Splat, read_splat

from tests.unit.meshing.painted import pebble
from tests.unit.meshing.solids import SOLIDS, Array, noisy_splat

SPLAT = read_splat(noisy_splat(SOLIDS["capsule"], 2000))[0]


def test_the_format_gives_two_files_whose_frames_are_told() -> None:
    assert set(WRITERS["splat"](pebble(textured=False), SPLAT)) == {"splat-clean.ply", "splat.spz"}
    assert (FRAMES["splat-clean.ply"], FRAMES["splat.spz"]) == (Z_UP, Y_UP)


def test_the_cleaned_splat_is_read_as_the_same() -> None:
    again, dropped = read_splat(write_splat(SPLAT))
    assert dropped == 0
    np.testing.assert_array_equal(again.values, SPLAT.values)


def test_the_cleaned_splat_has_the_reconstructors_layout() -> None:
    found = from_ply(write_splat(SPLAT))
    np.testing.assert_array_equal(found.centres, SPLAT.position)
    np.testing.assert_allclose(found.rotations, SPLAT.rotation, atol=1e-6)


def spz(content: bytes) -> tuple[Splat, int]:
    """Read as the format's description says, in the file's frame; and its fraction bits."""
    data = gzip.decompress(content)
    magic, version, n, degree, bits, flags, reserved = struct.unpack_from("<4sIIBBBB", data)
    assert (magic, version, degree, flags, reserved) == (b"NGSP", 3, 0, 0, 0)
    assert len(data) == 16 + 20 * n
    values = np.zeros((n, len(VALUES)), np.float32)
    for i in range(n):
        for axis in range(3):
            at = 16 + 9 * i + 3 * axis
            values[i, axis] = int.from_bytes(data[at : at + 3], "little", signed=True) / 2**bits
        opacity = data[16 + 9 * n + i] / 255
        values[i, 6] = np.log(max(opacity, 1e-9) / max(1 - opacity, 1e-9))
        for axis in range(3):
            values[i, 3 + axis] = (data[16 + 10 * n + 3 * i + axis] / 255 - 0.5) / 0.15
            values[i, 7 + axis] = data[16 + 13 * n + 3 * i + axis] / 16 - 10
        values[i, 10:] = _quaternion(struct.unpack_from("<I", data, 16 + 16 * n + 4 * i)[0])
    return Splat(values), bits


def _quaternion(packed: int) -> Array:
    """w, x, y, z."""
    largest = packed >> 30
    found = np.zeros(4)
    for component in (3, 2, 1, 0):
        if component != largest:
            found[component] = (packed & 511) / 511 * np.sqrt(0.5) * (-1 if packed >> 9 & 1 else 1)
            packed >>= 10
    found[largest] = np.sqrt(1 - (found**2).sum())
    return found[[3, 0, 1, 2]]


def test_spz_stands_upright_and_keeps_what_is_seen() -> None:
    found, bits = spz(write_spz(SPLAT))
    assert bits == 16
    np.testing.assert_allclose(found.position, y_up(SPLAT.position), atol=1 / 2**17)
    np.testing.assert_allclose(found.opacity, SPLAT.opacity, atol=0.003)
    np.testing.assert_allclose(found.colour, SPLAT.colour, atol=0.005)
    np.testing.assert_allclose(found.scale, SPLAT.scale, rtol=0.035)


def test_spz_turns_rotations_with_the_frame() -> None:
    found, _ = spz(write_spz(SPLAT))
    for axis in range(3):  # whichever is made the shortest shows where it points
        long = np.delete([7, 8, 9], axis)
        ours, theirs = SPLAT.values.copy(), found.values.copy()
        ours[:, long], theirs[:, long] = 0, 0
        ours[:, 7 + axis] = theirs[:, 7 + axis] = -1
        expected = y_up(shortest_axes(Splat(ours)))
        np.testing.assert_allclose(shortest_axes(Splat(theirs)), expected, atol=0.005)


@pytest.mark.parametrize(("farthest", "bits"), [(100.0, 16), (1000.0, 13), (1e6, 3)])
def test_spz_holds_far_positions(farthest: float, bits: int) -> None:
    values = SPLAT.values[:3].copy()
    values[:, :3] = [[farthest, 0, 0], [0, -farthest, 0], [0, 0, 0.25]]
    found, kept = spz(write_spz(Splat(values)))
    assert kept == bits
    np.testing.assert_allclose(found.position, y_up(values[:, :3]), atol=0.5 / 2**bits)


def test_spz_is_small_and_the_same_each_time() -> None:
    content = write_spz(SPLAT)
    assert content == write_spz(SPLAT)
    assert len(content) < len(write_splat(SPLAT)) / 3
