"""docs/aws-resources.md names every resource of the template, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.wiring.stack import ROOT, Json, source


def _names(resources: Json) -> Iterator[str]:
    """Logical ids as the document writes them: `<Name>Queue` for `${Name}Queue` inside a loop."""
    for name, value in resources.items():
        if name.startswith("Fn::ForEach::"):
            yield from _names(value[2])
        else:
            yield re.sub(r"\$\{(\w+)\}", r"<\1>", name)


def test_every_resource_is_explained_and_every_explained_resource_exists() -> None:
    document = (ROOT / "docs/aws-resources.md").read_text()
    rows = [line.split("|")[1] for line in document.splitlines() if line.startswith("| `")]
    explained = [name for row in rows for name in re.findall(r"`([^`]+)`", row)]
    assert sorted(explained) == sorted(_names(source()["Resources"]))
