"""What functions are told by their environment, and what their code reads of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.wiring.rules.rule import rule
from tests.wiring.stack import referred, sources_of, variables_of
from tests.wiring.system import System

SET_BY_LAMBDA = {"AWS_REGION"}


@rule(0)
def a_function_is_told_what_its_code_reads(system: System) -> Iterator[str]:
    for name, function in system.of("Lambda::Function").items():
        if missing := system.variables[name] - set(variables_of(function)) - SET_BY_LAMBDA:
            yield f"{name} lacks {sorted(missing)}"


@rule(0)
def no_variable_is_idle(system: System) -> Iterator[str]:
    """What a function alone is told, its code reads; what all are told, some code reads."""
    told = {name: set(variables_of(function)) for name, function in system.of("Lambda::Function").items()}
    everywhere = set.intersection(*told.values())
    read_somewhere = set().union(*system.variables.values())
    for name, variables in told.items():
        idle = (variables - everywhere - system.variables[name]) | (everywhere - read_somewhere)
        if idle := {one for one in idle if not one.startswith("POWERTOOLS_")}:
            yield f"{name} is told {sorted(idle)} in vain"


@rule(0)
def a_consumer_knows_its_own_queue_and_memory(system: System) -> Iterator[str]:
    """QUEUE_URL and MAX_RECEIVE_COUNT are of the queue that feeds it, IDEMPOTENCY_TABLE of its service."""
    functions, queues = system.of("Lambda::Function"), system.of("SQS::Queue")
    tables: dict[str, set[Any]] = {}
    for queue, function in sources_of(system.template).items():
        told = variables_of(functions[function])
        if referred(told.get("QUEUE_URL")) != queue:
            yield f"{function} hides messages of another queue than {queue}"
        receives = queues[queue].get("RedrivePolicy", {}).get("maxReceiveCount")
        if receives is not None and told.get("MAX_RECEIVE_COUNT") != str(receives):
            yield f"{function} does not know its last receive"
        if "IDEMPOTENCY_TABLE" in system.variables[function]:  # one that folds needs no memory
            table = referred(told.get("IDEMPOTENCY_TABLE"))
            tables.setdefault(told["POWERTOOLS_SERVICE_NAME"], set()).add(table)
    of_all = Counter(table for used in tables.values() for table in used)
    for service, used in tables.items():
        if len(used) != 1 or any(of_all[table] != 1 for table in used):
            yield f"{service} does not have exactly one idempotency table of its own: {used}"
