"""The vertices of a PLY file that may be damaged or lie about itself, as blocks of floats.

All three encodings, any order of properties and any scalar type are read. Further elements, as cameras, are
passed over; lists only where there are none of them or the file is text. The header is believed only where
the file's length agrees with it, so nothing is allocated for Gaussians that are not there.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from gen3d_meshing.problems import SplatInvalid

Floats = NDArray[np.float32]

MAX_VERTICES = 20_000_000
"""Above that a file is taken for a mistake: it would need gigabytes."""

BLOCK = 8192
"""Rows of a block at most: few enough that it and what is made of it stay in the processor's cache."""

_TYPES = {
    **dict.fromkeys(("char", "int8"), "i1"),
    **dict.fromkeys(("uchar", "uint8"), "u1"),
    **dict.fromkeys(("short", "int16"), "i2"),
    **dict.fromkeys(("ushort", "uint16"), "u2"),
    **dict.fromkeys(("int", "int32"), "i4"),
    **dict.fromkeys(("uint", "uint32"), "u4"),
    **dict.fromkeys(("float", "float32"), "f4"),
    **dict.fromkeys(("double", "float64"), "f8"),
}
_ORDERS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
_MAX_HEADER = _MAX_LINE = 64 * 1024
_MAX_DIGITS = 18
_FIRST_LINE = re.compile(rb"ply[ \t]*\r?\n")
_LAST_LINE = re.compile(rb"\nend_header[ \t]*\r?\n")


@dataclass
class _Element:
    """types: of the scalar properties, by name. lists: it has list properties too."""

    name: str
    count: int
    types: dict[str, str] = field(default_factory=dict)
    lists: bool = False

    def columns(self, names: Sequence[str]) -> list[int]:
        return [list(self.types).index(name) for name in names]


@dataclass(frozen=True)
class _Header:
    """order: of bytes, as NumPy writes it; empty for text. end: offset of what follows."""

    order: str
    elements: list[_Element]
    end: int

    def row(self, element: _Element) -> np.dtype[np.void]:
        return np.dtype([(name, self.order + kind) for name, kind in element.types.items()])


def read_vertices(data: bytes, names: Sequence[str]) -> tuple[int, Iterator[Floats]]:
    """The number of vertices, and their named properties in blocks of shape (m, len(names)).

    A value too large for a float32 becomes infinite. Raises SplatInvalid if the file is damaged or lacks a
    property; damage of a text may show only while the blocks are taken.
    """
    header = _header(data)
    named = [element for element in header.elements if element.name == "vertex"]
    if len(named) != 1 or not named[0].count or named[0].lists:
        raise SplatInvalid("the PLY file holds no Gaussians")
    vertex = named[0]
    if missing := [name for name in names if name not in vertex.types]:
        raise SplatInvalid(f"missing properties: {' '.join(missing)}")
    if vertex.count > MAX_VERTICES:
        raise SplatInvalid(f"{vertex.count} Gaussians are more than {MAX_VERTICES}")
    return vertex.count, (_binary if header.order else _text)(data, header, vertex, names)


def _binary(data: bytes, header: _Header, vertex: _Element, names: Sequence[str]) -> Iterator[Floats]:
    offset = expected = 0
    for element in header.elements:
        if element.lists and element.count:
            raise SplatInvalid(f"the PLY file holds lists, in its element {element.name[:80]}")
        if element is vertex:
            offset = expected
        expected += element.count * header.row(element).itemsize
    found = len(data) - header.end
    if found != expected:
        raise SplatInvalid(f"{vertex.count} Gaussians need {expected} bytes, the file holds {found}")

    rows = np.frombuffer(data, header.row(vertex), vertex.count, header.end + offset)
    if set(vertex.types.values()) == {"f4"}:
        return _gathered(rows.view(header.order + "f4").reshape(vertex.count, -1), vertex.columns(names))
    return _stacked(rows, names)


def _gathered(table: Floats, columns: list[int]) -> Iterator[Floats]:
    """A row in one go, which is several times as quick as one column after the other."""
    for first in range(0, len(table), BLOCK):
        block = table[first : first + BLOCK].take(columns, axis=1, mode="clip")  # quicker than "raise"
        yield block.astype(np.float32, copy=False)


def _stacked(rows: NDArray[np.void], names: Sequence[str]) -> Iterator[Floats]:
    for first in range(0, len(rows), BLOCK):
        block = rows[first : first + BLOCK]
        yield np.stack([block[name].astype(np.float32) for name in names], axis=1)


def _text(data: bytes, header: _Header, vertex: _Element, names: Sequence[str]) -> Iterator[Floats]:
    shortest = 2 * len(vertex.types)  # bytes of a row: a digit and a space each
    if vertex.count * shortest > len(data) - header.end + 1:
        raise SplatInvalid(f"{vertex.count} Gaussians are announced, the file is too short for them")
    return _text_blocks(data, header, vertex, names)


def _text_blocks(data: bytes, header: _Header, vertex: _Element, names: Sequence[str]) -> Iterator[Floats]:
    columns = vertex.columns(names)
    lines = io.BytesIO(data)
    lines.seek(header.end)
    for element in header.elements:
        for first in range(0, element.count, BLOCK):
            wanted = min(BLOCK, element.count - first)
            block = list(islice(lines, wanted))
            if len(block) < wanted:
                raise SplatInvalid(f"the PLY file ends within its element {element.name[:80]}")
            if element is vertex:
                yield _numbers(block, len(vertex.types))[:, columns]
    rest = data[lines.tell() :]
    if rest and not rest.isspace():
        raise SplatInvalid("the PLY file goes on after its last element")


def _numbers(lines: list[bytes], columns: int) -> Floats:
    if max(map(len, lines)) > _MAX_LINE:
        raise SplatInvalid("a line of the PLY file is too long")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that there is nothing but blank lines: refused below
            numbers: Floats = np.loadtxt(lines, np.float32, comments=None, ndmin=2, encoding="ascii")
    except ValueError as error:
        raise SplatInvalid(f"a line of the PLY file is not {columns} numbers: {error}") from error
    if numbers.shape != (len(lines), columns):
        raise SplatInvalid(f"a line of the PLY file is not {columns} numbers")
    return numbers


def _header(data: bytes) -> _Header:
    head = data[:_MAX_HEADER]
    last = _LAST_LINE.search(head)
    if not _FIRST_LINE.match(head) or last is None:
        raise SplatInvalid("not a PLY file")
    try:
        lines = head[: last.start()].decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise SplatInvalid("the PLY header is not text") from error

    order: str | None = None
    elements: list[_Element] = []
    for line in lines[1:]:
        match line.split():
            case [] | ["comment" | "obj_info", *_]:
                pass
            case ["format", encoding, "1.0"] if order is None and encoding in _ORDERS:
                order = _ORDERS[encoding]
            case ["element", name, number] if number.isdecimal() and len(number) <= _MAX_DIGITS:
                elements.append(_Element(name, int(number)))
            case ["property", "list", length, kind, _] if elements and {length, kind} <= _TYPES.keys():
                elements[-1].lists = True
            case ["property", kind, name] if elements and kind in _TYPES:
                if name in elements[-1].types:
                    raise SplatInvalid(f"the property {name[:80]} occurs twice")
                elements[-1].types[name] = _TYPES[kind]
            case _:
                raise SplatInvalid(f"unexpected line in the PLY header: {line[:80]!r}")
    if order is None:
        raise SplatInvalid("the PLY header names no format")
    return _Header(order, elements, last.end())
