"""What leaves the code is in the contract, goes through the one publisher, and is the service's own."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from gen3d_events import models
from gen3d_events.event import Event

from tests.wiring import code
from tests.wiring.stack import ROOT

SERVICES = sorted(path for path in (ROOT / "services").iterdir() if path.is_dir())
EVENTS = {kind.__name__: kind for kind in Event.registry.values()}


def test_contract_is_in_one_file() -> None:
    assert {kind.__module__ for kind in EVENTS.values()} == {models.__name__}
    bases = {*EVENTS, "Event", "Failure"}
    for folder in SERVICES:
        for path in code.modules(folder):
            classes = [
                node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ClassDef)
            ]
            named = {one.id for node in classes for one in node.bases if isinstance(one, ast.Name)}
            assert not named & bases, f"{path} makes events of its own"


def test_only_the_publisher_puts_events() -> None:
    found = {
        path.relative_to(ROOT).as_posix()
        for folder in code.FOLDERS
        for path in code.modules(folder)
        if "put_events(" in path.read_text()
    }
    assert found == {"events/gen3d_events/publisher.py"}


@pytest.mark.parametrize("folder", SERVICES, ids=lambda path: path.name)
def test_a_service_says_only_what_is_its_own(folder: Path) -> None:
    made = {name for path in code.modules(folder) for name in code.made(path)} & set(EVENTS)
    assert {EVENTS[name].source for name in made} == {f"gen3d.{folder.name}"}


def test_every_event_is_said_by_its_service() -> None:
    made = {name for folder in SERVICES for path in code.modules(folder) for name in code.made(path)}
    assert set(EVENTS) <= made
