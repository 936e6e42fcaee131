"""The twins: each breaks one rule, and nothing else. Their modules are named as those of the rules."""

from tests.wiring.twins import (
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
from tests.wiring.twins.twin import Twin, twins

__all__ = [
    "Twin",
    "alarms",
    "buckets",
    "endpoint",
    "events",
    "permissions",
    "queues",
    "settings",
    "starts",
    "tables",
    "twins",
]
