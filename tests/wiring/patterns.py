"""EventBridge's pattern matching, as far as template.yaml uses it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def matches(pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Whether every field of the pattern holds for the event. Raises ValueError for an unknown operator."""
    return all(_field_matches(wanted, event.get(field)) for field, wanted in pattern.items())


def _field_matches(wanted: Any, actual: Any) -> bool:
    if isinstance(wanted, list):
        return any(_value_matches(one, actual) for one in wanted)
    if isinstance(wanted, Mapping):
        return isinstance(actual, Mapping) and matches(wanted, actual)
    raise ValueError(f"neither a list of values nor an object of fields: {wanted!r}")


def _value_matches(wanted: Any, actual: Any) -> bool:
    if not isinstance(wanted, Mapping):
        return bool(wanted == actual)
    if set(wanted) == {"prefix"}:
        return isinstance(actual, str) and actual.startswith(wanted["prefix"])
    if set(wanted) == {"Ref"}:
        return bool(actual == f"${{{wanted['Ref']}}}")
    raise ValueError(f"unknown operator: {wanted!r}")
