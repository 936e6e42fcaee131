"""Colours of bottle, table and wall, as functions of place. All colours are linear RGB."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def _srgb(code: str) -> Floats:
    value = np.array([int(code[i : i + 2], 16) for i in (0, 2, 4)]) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


_GLAZE, _SHADE = _srgb("f3ecdd"), _srgb("e4d9c3")
_COBALT, _WASH, _GOLD = _srgb("1d3f86"), _srgb("6f97c9"), _srgb("c8953c")
_CLAY, _STOPPER = _srgb("a5633f"), _srgb("a83a26")
_OAK, _OAK_DARK = _srgb("c39a6c"), _srgb("8a6240")
_PLASTER = _srgb("d3cabb")


def noise(x: Floats, y: Floats, octaves: int = 4) -> Floats:
    """Smooth fractal noise in -1..1 with features of about 1 in x and y."""
    total, amplitude = np.zeros_like(x), 0.5
    for octave in range(octaves):
        total += amplitude * _lattice_noise(x * 2**octave + 17.3 * octave, y * 2**octave - 9.1 * octave)
        amplitude /= 2
    return total


def _lattice_noise(x: Floats, y: Floats) -> Floats:
    i, j = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    u, v = x - i, y - j
    u, v = u * u * (3 - 2 * u), v * v * (3 - 2 * v)
    low = (1 - u) * _hashed(i, j) + u * _hashed(i + 1, j)
    high = (1 - u) * _hashed(i, j + 1) + u * _hashed(i + 1, j + 1)
    return (1 - v) * low + v * high


def _hashed(i: NDArray[np.int64], j: NDArray[np.int64]) -> Floats:
    bits = (i * 374761393 + j * 668265263) & 0xFFFFFFFF
    bits = ((bits ^ (bits >> 13)) * 1274126177) & 0xFFFFFFFF
    return ((bits ^ (bits >> 16)) & 0xFFFF) / 32767.5 - 1


def _mix(below: Floats, above: Floats, cover: Floats) -> Floats:
    cover = np.clip(cover, 0, 1)[:, None]
    return below * (1 - cover) + above * cover


def _inside(distance: Floats, soft: float = 0.0022) -> Floats:
    """1 where a signed distance is negative, 0 where positive, soft as a brush's edge between."""
    return np.clip(0.5 - distance / (2 * soft), 0, 1)


class _Spots:
    """Places on the bottle as a painter sees them: turn about the axis, height, radius there; (n,) each."""

    def __init__(self, place: Floats) -> None:
        x, y, z = place.T
        self.turn = np.arctan2(y, x) + np.radians(96)
        self.around = 6 * self.turn / np.pi
        self.z = z + 0.0022 * noise(self.around * 1.7, z * 9, 2)  # no brush is steady
        self.radius = np.hypot(x, y)
        tone = noise(self.around * 1.3, self.z * 16)
        self.ink = _mix(_COBALT, _WASH, 0.10 + 0.28 * tone)
        self.wash = _mix(_WASH, _GLAZE, 0.35 + 0.35 * noise(self.around * 2.1, self.z * 21))

    def band(self, low: float, high: float) -> Floats:
        """1 inside a ring of these heights, 0 outside."""
        return _inside(np.maximum(low - self.z, self.z - high))

    def across(self, count: int, shift: float = 0.0) -> Floats:
        """Signed length along the surface to the middle of the nearest of `count` sectors."""
        sector = self.turn * count / (2 * np.pi) + shift
        return np.asarray((sector - np.round(sector)) * 2 * np.pi * self.radius / count)


def bottle(place: Floats) -> tuple[Floats, Floats]:
    """Colour (n, 3) and gloss (n,) in 0..1 of places on the bottle."""
    spots = _Spots(place)
    colour = _mix(_GLAZE, _SHADE, 0.35 + 0.5 * noise(spots.around * 0.8, spots.z * 5))
    colour = _petals(colour, spots)
    for low, high in ((0.052, 0.066), (0.381, 0.395), (0.466, 0.478), (0.676, 0.687), (0.793, 0.804)):
        colour = _mix(colour, spots.ink, spots.band(low, high))
    colour = _mix(colour, spots.ink, _inside(np.hypot(spots.across(26), spots.z - 0.431) - 0.0135))
    colour = _diamonds(colour, spots)
    for low, high in ((0.527, 0.640), (0.858, 0.918)):
        colour = _mix(colour, spots.ink, spots.band(low, high))
    for low, high in ((0.541, 0.549), (0.618, 0.626), (0.918, 0.9358)):
        colour = _mix(colour, _GOLD, spots.band(low, high))

    bare, stopper = _inside(spots.z - 0.029), _inside(0.9362 - spots.z, 0.0008)
    clay = _mix(_CLAY, _SHADE, 0.12 + 0.25 * noise(spots.around * 9, spots.z * 160))
    colour = _mix(_mix(colour, clay, bare), _STOPPER, stopper)
    return colour, np.clip(1 - 0.95 * bare, 0, 1)


def _petals(colour: Floats, spots: _Spots) -> Floats:
    """A wreath of lotus petals around the lower bulb, a second row peeping out between them."""
    foot, tip = 0.088, 0.352
    for shift, top in ((0.5, tip - 0.012), (0.0, tip)):
        across = spots.across(12, shift)
        up = np.clip((spots.z - foot) / (top - foot), 0, 1)
        half = 0.0745 * (spots.radius / 0.29) * np.clip(1 - up**2.6, 0, 1) ** 0.62
        edge = np.maximum(np.abs(across) - half, np.maximum(foot - spots.z, spots.z - top))
        heart = np.hypot(across / 0.30, spots.z - (foot + 0.42 * (top - foot))) - 0.070
        colour = _mix(colour, spots.ink, _inside(edge))
        colour = _mix(colour, _GLAZE, _inside(edge + 0.0105))
        colour = _mix(colour, spots.wash, _inside(edge + 0.0195))
        colour = _mix(colour, spots.ink, _inside(heart) * _inside(edge + 0.0195))
    return colour


def _diamonds(colour: Floats, spots: _Spots) -> Floats:
    count, middle, high = 14, 0.740, 0.043
    wide = np.pi * spots.radius / count
    edge = (np.abs(spots.across(count)) / wide + np.abs(spots.z - middle) / high - 1) * 0.5 * wide
    colour = _mix(colour, spots.ink, _inside(edge + 0.001))
    colour = _mix(colour, _GLAZE, _inside(edge + 0.0085))
    return _mix(colour, _GOLD, _inside(edge + 0.0135))


def table(place: Floats) -> tuple[Floats, Floats]:
    """Oiled oak boards that run across the picture."""
    x, y, _ = place.T
    board = np.floor((y + 0.31) / 0.42)
    x = x + board * 5.7
    rings = noise(x * 0.45, 5.5 * y + 0.8 * noise(x * 0.8, y * 1.2, 2), 2)
    grain = np.abs(np.sin(9 * rings + 26 * y)) ** 1.6
    fibre = noise(x * 5, y * 48, 3)
    pores = np.clip(noise(x * 9 + 40, y * 110, 2) - 0.28, 0, 1) * 2
    gap = np.abs((y + 0.31) / 0.42 - board - 0.5) > 0.495
    colour = _mix(_OAK, _OAK_DARK, 0.12 + 0.42 * grain + 0.30 * fibre + 0.5 * pores)
    colour = colour * (1 + 0.06 * np.sin(board * 2.4))[:, None]
    return np.where(gap[:, None], colour * 0.4, colour), 0.30 + 0.12 * fibre


def wall(place: Floats) -> tuple[Floats, Floats]:
    """Trowelled plaster."""
    x, _, z = place.T
    clouds = noise(x * 1.1, z * 1.4) + 0.5 * noise(x * 7 + 3, z * 5, 3)
    return _PLASTER * (1 + 0.10 * clouds)[:, None], np.zeros(len(place))
