"""The bus, twins of rules 7 to 10 and 12."""

from __future__ import annotations

from dataclasses import replace

from tests.wiring.rules import events
from tests.wiring.stack import Template
from tests.wiring.system import System
from tests.wiring.twins.twin import breaks, properties, sole, twins


@breaks(events.an_event_that_cannot_be_delivered_is_kept)
def _(template: Template) -> None:
    del properties(template, "MeshingMeshRule")["Targets"][0]["DeadLetterConfig"]


@breaks(events.queues_let_their_rule_in)
def _(template: Template) -> None:
    del template["Resources"]["NotificationMailDeadLetterQueuePolicy"]


@breaks(events.queues_let_their_rule_in)
def _(template: Template) -> None:
    document = properties(template, "NotificationMailQueuePolicy")["PolicyDocument"]
    del document["Statement"][0]["Condition"]


@breaks(events.queues_let_their_rule_in)
def _(template: Template) -> None:
    document = properties(template, "EmbeddingStartQueuePolicy")["PolicyDocument"]
    other = {"aws:SourceArn": {"Fn::GetAtt": ["EmbeddingFinishRule", "Arn"]}}
    document["Statement"][0]["Condition"] = {"ArnEquals": other}


@breaks(events.patterns_are_narrow)
def _(template: Template) -> None:
    del properties(template, "ReconstructionStartRule")["EventPattern"]["source"]


@breaks(events.patterns_are_narrow)
def _(template: Template) -> None:
    del properties(template, "ReconstructionStartRule")["EventBusName"]


@breaks(events.a_rule_matches_what_it_names)
def _(template: Template) -> None:
    pattern = properties(template, "EmbeddingStartRule")["EventPattern"]
    pattern["detail"]["data"]["intent"] = ["selected"]


@breaks(events.a_rule_matches_what_it_names)
def _(template: Template) -> None:
    properties(template, "NotificationMailRule")["EventPattern"]["source"].remove("gen3d.meshing")


@breaks(events.a_function_gets_what_its_code_takes)
def _(template: Template) -> None:
    names = properties(template, "NotificationMailRule")["EventPattern"]["detail-type"]
    names.append("Embedding Started")


@breaks(events.every_event_is_archived)
def _(template: Template) -> None:
    sole(template, "Events::Archive")["RetentionDays"] = 7


def _unheard(real: System) -> System:
    event = {"source": "gen3d.upload", "detail-type": "Photo Framed", "detail": {}}
    return replace(real, events={**real.events, "Photo Framed": [event]})


twins.append((events.every_event_is_heard, _unheard))
