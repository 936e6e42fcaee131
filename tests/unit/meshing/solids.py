"""Splats of solids whose every distance, normal and colour is known, and the PLY bytes of any splat."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

PROPERTIES = (
    *("x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2", "opacity"),
    *("scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"),
)


@dataclass(frozen=True)
class Solid:
    """sample(rng, n): places (n, 3) on the surface and outward normals. distance: signed, negative inside."""

    sample: Callable[[np.random.Generator, int], tuple[Array, Array]]
    distance: Callable[[Array], Array]
    volume: float
    genus: int


def _unit(vectors: Array) -> Array:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


def _sphere(rng: np.random.Generator, n: int) -> tuple[Array, Array]:
    normals = _unit(rng.normal(size=(n, 3)))
    return 0.4 * normals, normals


def _torus(rng: np.random.Generator, n: int) -> tuple[Array, Array]:
    around, across = rng.uniform(0, 2 * np.pi, (2, 4 * n))
    kept = np.flatnonzero(rng.uniform(0, 0.45, 4 * n) < 0.33 + 0.12 * np.cos(across))[:n]
    around, across = around[kept], across[kept]
    outward = np.stack([np.cos(around), np.sin(around), 0 * around], axis=1)
    normals = np.cos(across)[:, None] * outward + np.sin(across)[:, None] * (0, 0, 1)
    return 0.33 * outward + 0.12 * normals, normals


def _capsule(rng: np.random.Generator, n: int) -> tuple[Array, Array]:
    """It stands upright."""
    radius, half = 0.15, 0.3
    on_side = rng.random(n) < half / (half + radius)
    normals = _unit(rng.normal(size=(n, 3)))
    normals[on_side, 2] = 0
    normals = _unit(normals)
    middle = np.where(on_side, rng.uniform(-half, half, n), half * np.sign(normals[:, 2]))
    return radius * normals + middle[:, None] * (0, 0, 1), normals


SOLIDS = {
    "sphere": Solid(_sphere, lambda p: np.linalg.norm(p, axis=1) - 0.4, 4 / 3 * np.pi * 0.4**3, 0),
    "torus": Solid(
        _torus,
        lambda p: np.hypot(np.hypot(p[:, 0], p[:, 1]) - 0.33, p[:, 2]) - 0.12,
        2 * np.pi**2 * 0.33 * 0.12**2,
        1,
    ),
    "capsule": Solid(
        _capsule,
        lambda p: np.linalg.norm(p - np.clip(p[:, 2:], -0.3, 0.3) * (0, 0, 1), axis=1) - 0.15,
        np.pi * 0.15**2 * 0.6 + 4 / 3 * np.pi * 0.15**3,
        0,
    ),
}


def paint(places: Array) -> Array:
    """A colour (n, 3), sRGB in 0..1, for each place: dark below, bright above, red to the right."""
    x, y, z = places.T
    return np.stack([0.5 + 0.8 * x, 0.5 + 0.5 * y, 0.5 + 0.8 * z], axis=1).clip(0.02, 0.98)


def splat_rows(places: Array, normals: Array, colours: Array, rng: np.random.Generator) -> Array:
    """(n, 17) rows of flat, fairly opaque Gaussians that cover the places, as they stand in a file. A flat
    Gaussian does not tell its front from its back: half of them are turned around."""
    n = len(places)
    spread = 0.6 / np.sqrt(n / 2)
    rows = np.zeros((n, 17))
    rows[:, 0:3] = places
    rows[:, 6:9] = (colours - 0.5) / 0.28209479
    rows[:, 9] = rng.uniform(0.5, 6, n)
    rows[:, 10:13] = np.log([spread, spread, spread / 8]) + rng.normal(0, 0.2, (n, 3))
    rows[:, 13:17] = _turns(normals * rng.choice([-1, 1], (n, 1))) * rng.uniform(0.5, 2, (n, 1))
    return rows


def noisy_splat(solid: Solid, n: int, seed: int = 0) -> bytes:
    """The solid as a reconstruction gives it: 15 % of the Gaussians are round, 10 % faint and off it, 4 %
    strays anywhere in the cube; normals are off by some degrees, places by 0.1 % of the cube."""
    rng = np.random.default_rng(seed)
    places, normals = solid.sample(rng, n)
    rows = splat_rows(
        places + rng.normal(0, 0.001, places.shape),
        _unit(normals + rng.normal(0, 0.1, normals.shape)),
        paint(places),
        rng,
    )
    kind = rng.random(n)
    rows[kind < 0.15, 12] = rows[kind < 0.15, 10]
    faint = (kind > 0.3) & (kind < 0.4)
    rows[faint, 9] = -4
    rows[faint, 0:3] += rng.normal(0, 0.02, (int(faint.sum()), 3))
    stray = kind > 0.96
    rows[stray, 0:3] = rng.uniform(-0.5, 0.5, (int(stray.sum()), 3))
    return ply(rows)


def ply(rows: Array, names: Sequence[str] = PROPERTIES, *, count: int | None = None) -> bytes:
    """A PLY file of floats. `count` is what the header claims, where that is a lie."""
    lines = [
        "ply",
        "format binary_little_endian 1.0",
        f"element vertex {len(rows) if count is None else count}",
        *(f"property float {name}" for name in names),
        "end_header\n",
    ]
    return "\n".join(lines).encode() + rows.astype("<f4").tobytes()


def text(rows: Array, names: Sequence[str] = PROPERTIES, *, line: str = "\n") -> bytes:
    """An ASCII PLY file, with digits enough for every float32."""
    head = ply(rows[:0], names, count=len(rows)).replace(b"binary_little_endian", b"ascii")
    body = "".join(" ".join(f"{value:.9g}" for value in row) + line for row in rows)
    return head.replace(b"\n", line.encode()) + body.encode()


def _turns(normals: Array) -> Array:
    """(n, 4) quaternions w, x, y, z that turn the z axis to the normals."""
    x, y, z = normals.T
    turns = np.stack([1 + z, -y, x, 0 * z], axis=1)
    turns[np.linalg.norm(turns, axis=1) < 1e-6] = (0, 1, 0, 0)
    return _unit(turns)
