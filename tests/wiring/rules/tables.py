"""Tables: their rows expire."""

from __future__ import annotations

from collections.abc import Iterator

from tests.wiring.rules.rule import rule
from tests.wiring.stack import referred, variables_of
from tests.wiring.system import System


@rule(0)
def rows_expire(system: System) -> Iterator[str]:
    """By the attribute that the code writes: Powertools' own where handled messages are remembered."""
    functions = system.of("Lambda::Function").values()
    memories = {referred(variables_of(one).get("IDEMPOTENCY_TABLE")) for one in functions}
    for name, table in system.of("DynamoDB::Table").items():
        attribute = "expiration" if name in memories else "expires_at"
        if table.get("TimeToLiveSpecification") != {"AttributeName": attribute, "Enabled": True}:
            yield f"rows of {name} do not expire by {attribute}"
