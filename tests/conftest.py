"""What all tests stand on."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

# A shell that starts the tests in the background has SIGINT ignored, and so would the processes under test.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["tests.clouds"]

SHARING = ("fault", "flow")
"""Folders whose tests share a cloud, and mostly wait for it."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With -n, what shares a cloud stays in one process and begins first; others go file by file."""
    for item in items:
        place = item.path.relative_to(Path(__file__).parent)
        item.add_marker(pytest.mark.xdist_group(place.parts[0] if place.parts[0] in SHARING else str(place)))
    items.sort(key=lambda item: item.path.relative_to(Path(__file__).parent).parts[0] not in SHARING)
