"""Alarms, twins of rules 6."""

from __future__ import annotations

from tests.wiring.rules import alarms
from tests.wiring.stack import Template
from tests.wiring.twins.twin import breaks, properties


@breaks(alarms.every_queue_has_its_alarms)
def _(template: Template) -> None:
    del template["Resources"]["UploadWatchdogDeadLetterAlarm"]


@breaks(alarms.every_queue_has_its_alarms)
def _(template: Template) -> None:
    del properties(template, "MeshingMeshDeadLetterAlarm")["AlarmActions"]


@breaks(alarms.every_queue_has_its_alarms)
def _(template: Template) -> None:
    queue = {"Fn::GetAtt": ["EmbeddingStartQueue", "QueueName"]}
    properties(template, "MeshingMeshAgeAlarm")["Dimensions"] = [{"Name": "QueueName", "Value": queue}]


@breaks(alarms.every_function_has_its_alarms)
def _(template: Template) -> None:
    properties(template, "UploadApiErrorsAlarm")["Threshold"] = 5


@breaks(alarms.every_function_has_its_alarms)
def _(template: Template) -> None:
    del template["Resources"]["UploadIngestThrottlesAlarm"]


@breaks(alarms.every_function_has_its_alarms)
def _(template: Template) -> None:
    properties(template, "MeshingMeshSlowAlarm")["Threshold"] = 600_000


@breaks(alarms.refused_mails_have_an_alarm)
def _(template: Template) -> None:
    properties(template, "NotificationRefusedAlarm")["Dimensions"] = [{"Name": "service", "Value": "upload"}]


@breaks(alarms.alarms_may_tell_their_topic)
def _(template: Template) -> None:
    del template["Resources"]["AlarmTopicPolicy"]
