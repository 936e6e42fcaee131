"""What the services' code says of itself, read from its source: variables it reads, events it makes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.wiring.stack import ROOT

FOLDERS = [ROOT / "events", *sorted(path for path in (ROOT / "services").iterdir() if path.is_dir())]


class Place(NamedTuple):
    """A top-level name of one of our modules; without a name, the module's other code."""

    module: str
    name: str = ""


class Module(NamedTuple):
    """Top-level definitions by name ("" for the rest), and what imported names stand for."""

    defined: dict[str, list[ast.stmt]]
    imported: dict[str, Place]


def variables(handler: str) -> frozenset[str]:
    """Every `os.environ["NAME"]` that a handler can come to, following names through our modules."""
    module, name = handler.rsplit(".", 1)
    todo, seen = [Place(module, name)], set[Place]()
    found = set[str]()
    while todo:
        place = todo.pop()
        if place in seen or (parsed := _parsed(place.module)) is None:
            continue
        seen.add(place)
        todo.append(Place(place.module))
        for statement in parsed.defined.get(place.name, []):
            found.update(_read_variables(statement))
            todo.extend(_named(statement, place.module, parsed))
    return frozenset(found)


def modules(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.py"))


def made(path: Path) -> Iterator[str]:
    """Names that a module calls, asks `because` of or hands to `failed=`: also the events that it makes."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            function = node.func
            if isinstance(function, ast.Attribute) and function.attr == "because":
                function = function.value
            if isinstance(function, ast.Attribute | ast.Name):
                yield function.attr if isinstance(function, ast.Attribute) else function.id
            yield from (
                one.value.id
                for one in node.keywords
                if one.arg == "failed" and isinstance(one.value, ast.Name)
            )


@cache
def _parsed(module: str) -> Module | None:
    """None for a module that is not ours."""
    for folder in FOLDERS:
        path = folder / Path(*module.split("."))
        for file in (path.with_suffix(".py"), path / "__init__.py"):
            if file.exists():
                return _module(ast.parse(file.read_text()))
    return None


def _module(tree: ast.Module) -> Module:
    defined: dict[str, list[ast.stmt]] = {"": []}
    imported: dict[str, Place] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for one in node.names:
                inner = f"{node.module}.{one.name}"
                is_module = _parsed(inner) is not None
                imported[one.asname or one.name] = Place(inner) if is_module else Place(node.module, one.name)
        elif isinstance(node, ast.Import):
            for one in node.names:
                imported[one.asname or one.name] = Place(one.name)
    for statement in tree.body:
        match statement:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                for known_as in (name, *_registers(statement)):
                    defined.setdefault(known_as, []).append(statement)
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                defined.setdefault(name, []).append(statement)
            case _:
                defined[""].append(statement)
    return Module(defined, imported)


def _registers(definition: ast.FunctionDef | ast.ClassDef) -> Iterator[str]:
    """Names of the objects that a definition is registered with by a decorator as `@app.get(...)`."""
    for decorator in definition.decorator_list:
        function = decorator.func if isinstance(decorator, ast.Call) else decorator
        match function:
            case ast.Attribute(value=ast.Name(id=name)):
                yield name


def _named(statement: ast.stmt, module: str, parsed: Module) -> Iterator[Place]:
    for node in ast.walk(statement):
        if isinstance(node, ast.Name):
            if node.id in parsed.imported:
                yield parsed.imported[node.id]
            elif node.id in parsed.defined:
                yield Place(module, node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            imported = parsed.imported.get(node.value.id)
            if imported and not imported.name:
                yield Place(imported.module, node.attr)


def _read_variables(statement: ast.stmt) -> Iterator[str]:
    for node in ast.walk(statement):
        match node:
            case ast.Subscript(
                value=ast.Attribute(value=ast.Name(id="os"), attr="environ"),
                slice=ast.Constant(value=str(name)),
            ):
                yield name
