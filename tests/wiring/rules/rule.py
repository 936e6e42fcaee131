"""What a rule is."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.wiring.system import System

Rule = Callable[[System], Iterator[str]]

rules: dict[Rule, int] = {}
"""Every rule with its number; several may share one. Number 0: rules that only our own code sets."""


def rule(number: int) -> Callable[[Rule], Rule]:
    """Count a function among the rules."""

    def counted(judge: Rule) -> Rule:
        rules[judge] = number
        return judge

    return counted
