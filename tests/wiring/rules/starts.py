"""What starts each function: a queue, an API or a schedule; none of them is switched off."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.wiring.rules.rule import rule
from tests.wiring.stack import allowed, referred, sources_of, statements, text
from tests.wiring.system import System


@rule(0)
def every_function_is_started(system: System) -> Iterator[str]:
    by_api = {referred(one["FunctionName"]) for one in system.of("Lambda::Permission").values()}
    by_schedule = {
        referred(schedule["Target"]["Arn"]) for schedule in system.of("Scheduler::Schedule").values()
    }
    started = {*sources_of(system.template).values(), *by_api, *by_schedule}
    for name in system.of("Lambda::Function"):
        if name not in started:
            yield f"nothing starts {name}"


@rule(0)
def schedules_may_start_what_they_name(system: System) -> Iterator[str]:
    for name, schedule in system.of("Scheduler::Schedule").items():
        target = schedule["Target"]
        function, role = text(target["Arn"]), str(referred(target["RoleArn"]))
        own = statements(system.template, role)
        if "lambda:InvokeFunction" not in allowed(own, function):
            yield f"{role} of {name} may not invoke {function}"
        if "sqs:SendMessage" not in allowed(own, text(target.get("DeadLetterConfig", {}).get("Arn"))):
            yield f"{role} of {name} may not keep what it could not start"
        trusted = system.of("IAM::Role")[role]["AssumeRolePolicyDocument"]["Statement"]
        if not any(one["Principal"].get("Service") == "scheduler.amazonaws.com" for one in trusted):
            yield f"the scheduler may not take on {role}"


@rule(0)
def schedules_come_every_few_minutes(system: System) -> Iterator[str]:
    """A start that fails is tried again, until the next one comes."""
    for name, schedule in system.of("Scheduler::Schedule").items():
        rate = re.fullmatch(r"rate\((\d) minutes?\)", schedule["ScheduleExpression"])
        if rate is None:
            yield f"{name} comes by {schedule['ScheduleExpression']}"
            continue
        tries = schedule["Target"].get("RetryPolicy", {})
        if tries.get("MaximumRetryAttempts", 0) < 1:
            yield f"{name} does not try again"
        if tries.get("MaximumEventAgeInSeconds") != 60 * int(rate[1]):
            yield f"{name} does not try until it comes again"


@rule(0)
def nothing_is_switched_off(system: System) -> Iterator[str]:
    for kind in ("Scheduler::Schedule", "Events::Rule"):
        for name, one in system.of(kind).items():
            if one.get("State", "ENABLED") != "ENABLED":
                yield f"{name} is switched off"
    for name, mapping in system.of("Lambda::EventSourceMapping").items():
        if mapping.get("Enabled") is False:
            yield f"{name} is switched off"
