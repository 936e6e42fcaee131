"""The wiring rules: each takes the system and gives its violations, as sentences; none means that it holds.

Their numbers group them. Every rule has a twin (tests/wiring/twins) that breaks it and nothing else, so that
we know that it can fail.
"""

from tests.wiring.rules import (
    alarms,
    buckets,
    endpoint,
    events,
    permissions,
    queues,
    settings,
    starts,
    tables,
)
from tests.wiring.rules.rule import Rule, rules

__all__ = [
    "Rule",
    "alarms",
    "buckets",
    "endpoint",
    "events",
    "permissions",
    "queues",
    "rules",
    "settings",
    "starts",
    "tables",
]
