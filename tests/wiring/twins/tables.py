"""Tables."""

from __future__ import annotations

from tests.wiring.rules import tables
from tests.wiring.stack import Template
from tests.wiring.twins.twin import breaks, properties


@breaks(tables.rows_expire)
def _(template: Template) -> None:
    del properties(template, "MeshingIdempotencyTable")["TimeToLiveSpecification"]


@breaks(tables.rows_expire)
def _(template: Template) -> None:
    properties(template, "SessionsTable")["TimeToLiveSpecification"]["AttributeName"] = "expiration"


@breaks(tables.rows_expire)
def _(template: Template) -> None:
    properties(template, "NotificationFeedTable")["TimeToLiveSpecification"]["Enabled"] = False
