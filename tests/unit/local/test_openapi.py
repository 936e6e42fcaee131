from __future__ import annotations

import re
from pathlib import Path

import pytest
from gen3d_events.codes import codes
from gen3d_local import openapi

DOCS = openapi.TARGET.parent


def routes() -> set[tuple[str, str]]:
    paths = openapi.document()["paths"]
    return {(method.upper(), path) for path, methods in paths.items() for method in methods}


def test_the_description_is_what_the_code_says() -> None:
    assert openapi.main(["--check"]) == 0


def test_a_stale_description_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(openapi, "TARGET", tmp_path / "openapi.json")
    assert openapi.main(["--check"]) == 1
    assert "stale" in capsys.readouterr().err
    assert openapi.main([]) == 0
    assert openapi.main(["--check"]) == 0


def test_every_operation_tells_its_refusals_and_who_may_call_it() -> None:
    for path in openapi.document()["paths"].values():
        for operation in path.values():
            name = operation["operationId"]
            assert operation["summary"]
            public = operation.get("security") == []
            assert public == (name in openapi.PUBLIC)
            assert public == ("401" not in operation["responses"])
            assert "422" not in operation["responses"]
            for code in openapi.REFUSALS[name]:
                assert f"`{code}`" in operation["responses"][str(codes[code].http_status)]["description"]


def test_the_guide_lists_the_routes_of_the_description() -> None:
    table = re.findall(
        r"^\| `(GET|POST|PATCH|DELETE) (/[^`?]*)[^`]*` \|", (DOCS / "api.md").read_text(), re.MULTILINE
    )
    guide = set(table[: len(routes())])
    assert guide == routes()
