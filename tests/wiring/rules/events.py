"""Rules 7 to 10 and 12: the bus."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

from gen3d_events.retention import ARCHIVE_DAYS

from tests.wiring.patterns import matches
from tests.wiring.rules.rule import rule
from tests.wiring.stack import is_fifo, listed, referred, senders, sources_of, targets
from tests.wiring.system import UPLOADED, System


@rule(7)
def an_event_that_cannot_be_delivered_is_kept(system: System) -> Iterator[str]:
    """A dead-letter queue of EventBridge must be a standard queue (2)."""
    queues = system.of("SQS::Queue")
    for name, target in targets(system.template):
        dead = referred(target.get("DeadLetterConfig", {}).get("Arn"))
        if dead not in queues or is_fifo(queues[dead]):
            yield f"{name} has a target without a standard dead-letter queue"


@rule(8)
def queues_let_their_rule_in(system: System) -> Iterator[str]:
    """The target and its dead-letter queue, for this rule alone."""
    for name, bus_rule in system.of("Events::Rule").items():
        for target in bus_rule["Targets"]:
            for arn in (target["Arn"], target.get("DeadLetterConfig", {}).get("Arn")):
                queue = referred(arn)
                open_to = senders(system.template, queue) if queue else None
                if queue and open_to != {("events.amazonaws.com", f"${{{name}.Arn}}")}:
                    yield f"{queue} is open to {open_to} instead of {name}"


@rule(9)
def patterns_are_narrow(system: System) -> Iterator[str]:
    """Source and detail-type, values in lists, our own bus."""
    buses = system.of("Events::EventBus")
    for name, bus_rule in system.of("Events::Rule").items():
        pattern = bus_rule["EventPattern"]
        if not {"source", "detail-type"} <= set(pattern):
            yield f"{name} does not name source and detail-type"
        if not all(isinstance(value, list) for value in _leaves(pattern)):
            yield f"{name} has a value that is not in a list"
        if referred(bus_rule.get("EventBusName")) not in buses and pattern.get("source") != ["aws.s3"]:
            yield f"{name} is not on our bus"


@rule(10)
def a_rule_matches_what_it_names(system: System) -> Iterator[str]:
    """A sample of each of its detail-types."""
    events = [UPLOADED, *chain.from_iterable(system.events.values())]
    for name, bus_rule in system.of("Events::Rule").items():
        pattern = bus_rule["EventPattern"]
        for detail_type in listed(pattern.get("detail-type")):
            if not any(matches({**pattern, "detail-type": [detail_type]}, event) for event in events):
                yield f"{name} matches no sample of {detail_type}"


@rule(10)
def every_event_is_heard(system: System) -> Iterator[str]:
    """By a rule."""
    patterns = [bus_rule["EventPattern"] for bus_rule in system.of("Events::Rule").values()]
    for detail_type, events in system.events.items():
        if not all(any(matches(pattern, event) for pattern in patterns) for event in events):
            yield f"no rule matches {detail_type}"


@rule(10)
def a_function_gets_what_its_code_takes(system: System) -> Iterator[str]:
    """Neither less nor more, or messages end in the dead-letter queue."""
    fed = sources_of(system.template)
    for name, bus_rule in system.of("Events::Rule").items():
        for target in bus_rule["Targets"]:
            function = fed.get(str(referred(target["Arn"])))
            named = set(listed(bus_rule["EventPattern"].get("detail-type")))
            if function and (difference := named ^ system.consumed[function]):
                yield f"{name} and the code of {function} differ in {sorted(difference)}"


@rule(12)
def every_event_is_archived(system: System) -> Iterator[str]:
    """For as long as idempotency records are made for."""
    archives = system.of("Events::Archive").values()
    for bus in system.of("Events::EventBus"):
        if not any(
            referred(one["SourceArn"]) == bus and one.get("RetentionDays") == ARCHIVE_DAYS for one in archives
        ):
            yield f"{bus} has no archive of {ARCHIVE_DAYS} days"


def _leaves(pattern: Any) -> Iterator[Any]:
    for value in pattern.values():
        if isinstance(value, dict):
            yield from _leaves(value)
        else:
            yield value
