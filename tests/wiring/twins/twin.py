"""What a twin is."""

from __future__ import annotations

from collections.abc import Callable

from tests.wiring.rules import Rule
from tests.wiring.stack import Json, Template, of_type, statements
from tests.wiring.system import System

Twin = Callable[[System], System | None]
twins: list[tuple[Rule, Twin]] = []


def breaks(rule: Rule) -> Callable[[Callable[[Template], None]], Callable[[Template], None]]:
    """Count a function that breaks the template in place among the twins."""

    def counted(change: Callable[[Template], None]) -> Callable[[Template], None]:
        twins.append((rule, lambda real: change(real.template)))
        return change

    return counted


def properties(template: Template, name: str) -> Json:
    found: Json = template["Resources"][name]["Properties"]
    return found


def statement(template: Template, role: str, action: str) -> Json:
    """The first of a role's statements that has the action."""
    return next(one for one in statements(template, role) if action in one["Action"])


def sole(template: Template, kind: str) -> Json:
    (found,) = of_type(template, kind).values()
    return found
