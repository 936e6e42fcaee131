"""Each wiring rule holds for the real system; its twin, in which just that is broken, violates it alone."""

from __future__ import annotations

import pytest

from tests.wiring.rules import Rule, rules
from tests.wiring.system import system
from tests.wiring.twins import Twin, twins


def name(rule: Rule) -> str:
    return f"{rules[rule]}-{rule.__name__}"


@pytest.mark.parametrize("rule", rules, ids=name)
def test_rule_holds(rule: Rule) -> None:
    assert list(rule(system())) == []


@pytest.mark.parametrize(("rule", "twin"), twins, ids=[name(rule) for rule, _ in twins])
def test_twin_breaks_this_rule_alone(rule: Rule, twin: Twin) -> None:
    real = system()
    broken = twin(real) or real
    assert {one.__name__ for one in rules if list(one(broken))} == {rule.__name__}


def test_every_rule_has_a_twin() -> None:
    assert {rule for rule, _ in twins} == set(rules)
