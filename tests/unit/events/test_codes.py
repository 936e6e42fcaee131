from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from gen3d_events.codes import Code, codes
from gen3d_events.models import Failure
from gen3d_events.samples import samples

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(("code", "entry"), codes.items())
def test_a_code_says_what_happened_and_what_to_do(code: str, entry: Code) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", code)
    for sentence in (entry.message, entry.hint):
        assert re.fullmatch(r"[A-Z].+\.", sentence), sentence
        assert "\n" not in sentence
    assert entry.message != entry.hint
    assert entry.http_status is None or 400 <= entry.http_status < 600


def test_a_failure_carries_its_codes_sentences() -> None:
    failures = [event for event in samples.values() if isinstance(event, Failure)]
    assert failures
    for failure in failures:
        entry = codes[failure.code]
        assert (failure.error_class, failure.message, failure.hint) == (
            entry.error_class,
            entry.message,
            entry.hint,
        )


def test_a_failures_detail_is_cut_to_what_fits() -> None:
    failure = type(samples["Embedding Failed"]).because("internal_error", "x" * 5000)  # type: ignore[attr-defined]
    assert len(failure.detail_text) == 2000


def test_every_code_that_a_service_names_is_in_the_table() -> None:
    """`because("…")`, `UserFault("…")` and the like are checked here, before they fail at run time."""
    named = {
        (call.args[0].value, path.name)
        for folder in ("services", "events/gen3d_events")
        for path in (ROOT / folder).rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call)
        and (getattr(call.func, "attr", "") == "because" or getattr(call.func, "id", "") == "UserFault")
        and call.args
        and isinstance(call.args[0], ast.Constant)
    }
    assert named
    assert {(code, file) for code, file in named if code not in codes} == set()
