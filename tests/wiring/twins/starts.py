"""What starts functions."""

from __future__ import annotations

from tests.wiring.rules import starts
from tests.wiring.stack import Template, statements
from tests.wiring.twins.twin import breaks, properties, statement


@breaks(starts.every_function_is_started)
def _(template: Template) -> None:
    """The schedule, its role and so all of it serves another function."""
    schedule = properties(template, "UploadWatchdogSchedule")
    schedule["Target"]["Arn"] = {"Fn::GetAtt": ["UploadProgressFunction", "Arn"]}
    allowed = statement(template, "UploadWatchdogScheduleRole", "lambda:InvokeFunction")
    allowed["Resource"] = {"Fn::GetAtt": ["UploadProgressFunction", "Arn"]}


@breaks(starts.schedules_may_start_what_they_name)
def _(template: Template) -> None:
    statements(template, "UploadWatchdogScheduleRole")[0]["Action"] = "lambda:GetFunction"


@breaks(starts.schedules_may_start_what_they_name)
def _(template: Template) -> None:
    (trusted,) = properties(template, "UploadWatchdogScheduleRole")["AssumeRolePolicyDocument"]["Statement"]
    trusted["Principal"] = {"Service": "events.amazonaws.com"}


@breaks(starts.schedules_may_start_what_they_name)
def _(template: Template) -> None:
    statements(template, "UploadWatchdogScheduleRole")[1]["Effect"] = "Deny"


@breaks(starts.schedules_come_every_few_minutes)
def _(template: Template) -> None:
    properties(template, "UploadWatchdogSchedule")["ScheduleExpression"] = "rate(5 hours)"


@breaks(starts.schedules_come_every_few_minutes)
def _(template: Template) -> None:
    retry = properties(template, "UploadWatchdogSchedule")["Target"]["RetryPolicy"]
    retry["MaximumRetryAttempts"] = 0


@breaks(starts.schedules_come_every_few_minutes)
def _(template: Template) -> None:
    del properties(template, "UploadWatchdogSchedule")["Target"]["RetryPolicy"]["MaximumEventAgeInSeconds"]


@breaks(starts.nothing_is_switched_off)
def _(template: Template) -> None:
    properties(template, "UploadWatchdogSchedule")["State"] = "DISABLED"


@breaks(starts.nothing_is_switched_off)
def _(template: Template) -> None:
    properties(template, "MeshingMeshRule")["State"] = "DISABLED"
