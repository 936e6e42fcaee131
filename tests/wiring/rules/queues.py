"""Rules 1 to 5: queues, their mappings, and what every function states."""

from __future__ import annotations

from collections.abc import Iterator

from tests.wiring.rules.rule import rule
from tests.wiring.stack import dead_letter_queue_of, dead_letter_queues, is_fifo, referred, sources_of
from tests.wiring.system import System

DAY = 86_400
FOURTEEN_DAYS = 14 * DAY
SQS_DEFAULT_RETENTION = 4 * DAY


@rule(1)
def a_message_stays_hidden_for_six_timeouts(system: System) -> Iterator[str]:
    functions, queues = system.of("Lambda::Function"), system.of("SQS::Queue")
    for queue, function in sources_of(system.template).items():
        hidden, timeout = queues[queue].get("VisibilityTimeout", 30), functions[function].get("Timeout", 3)
        if hidden < 6 * timeout:
            yield f"{queue} hides messages for {hidden} s, {function} may take {timeout} s"


@rule(2)
def a_source_has_a_dead_letter_queue(system: System) -> Iterator[str]:
    queues = system.of("SQS::Queue")
    for source in sources_of(system.template):
        dead = dead_letter_queue_of(queues[source])
        if dead is None:
            yield f"{source} has no dead-letter queue"
        elif queues[source]["RedrivePolicy"].get("maxReceiveCount", 0) < 5:
            yield f"{source} gives up after fewer than 5 receives"
        elif is_fifo(queues[dead]) != is_fifo(queues[source]):
            yield f"{source} and {dead} are of different types"


@rule(2)
def dead_letters_are_kept(system: System) -> Iterator[str]:
    """A dead letter keeps its enqueue time, so 14 days, and more than its source."""
    queues = system.of("SQS::Queue")
    for dead in dead_letter_queues(system.template):
        if queues[dead].get("MessageRetentionPeriod", SQS_DEFAULT_RETENTION) < FOURTEEN_DAYS:
            yield f"{dead} keeps messages for less than 14 days"
    for source in sources_of(system.template):
        if queues[source].get("MessageRetentionPeriod", SQS_DEFAULT_RETENTION) >= FOURTEEN_DAYS:
            yield f"{source} keeps messages as long as its dead-letter queue"


@rule(2)
def messages_are_encrypted(system: System) -> Iterator[str]:
    for name, queue in system.of("SQS::Queue").items():
        if queue.get("SqsManagedSseEnabled") is not True:
            yield f"{name} is not encrypted"


@rule(3)
def only_failed_messages_come_back(system: System) -> Iterator[str]:
    for name, mapping in system.of("Lambda::EventSourceMapping").items():
        if mapping.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            yield f"{name} does not report batch item failures"


@rule(4)
def concurrency_is_bounded(system: System) -> Iterator[str]:
    for name, mapping in system.of("Lambda::EventSourceMapping").items():
        if not 2 <= mapping.get("ScalingConfig", {}).get("MaximumConcurrency", 0) <= 1000:
            yield f"{name} has no maximum concurrency"
        if mapping.get("BatchSize", 10) > 10 and not mapping.get("MaximumBatchingWindowInSeconds"):
            yield f"{name} has a large batch without a window"


@rule(4)
def no_message_is_filtered_away(system: System) -> Iterator[str]:
    """SQS filter criteria delete what does not match."""
    for name, mapping in system.of("Lambda::EventSourceMapping").items():
        if "FilterCriteria" in mapping:
            yield f"{name} filters"


@rule(5)
def functions_are_explicit(system: System) -> Iterator[str]:
    for name, function in system.of("Lambda::Function").items():
        for wanted in ("Timeout", "MemorySize"):
            if wanted not in function:
                yield f"{name} has no {wanted}"
        if function.get("TracingConfig") != {"Mode": "Active"}:
            yield f"{name} is not traced"


@rule(5)
def logs_are_kept_for_a_while(system: System) -> Iterator[str]:
    groups = system.of("Logs::LogGroup")
    for name, function in system.of("Lambda::Function").items():
        if referred(function.get("LoggingConfig", {}).get("LogGroup")) not in groups:
            yield f"{name} has no log group of ours"
    for name, group in groups.items():
        if "RetentionInDays" not in group:
            yield f"{name} is kept for ever"
