"""docs/events.md names every consumer of every event with its queues, and its subscriber keeps our rules."""

from __future__ import annotations

import json
import re
from collections import defaultdict

import pytest
from gen3d_events.event import Event
from gen3d_local.template import parse

from tests.wiring.patterns import matches
from tests.wiring.rules import Rule, events, queues
from tests.wiring.stack import ROOT, Template, of_type, referred
from tests.wiring.system import System, system

DOCUMENT = (ROOT / "docs/events.md").read_text()
Row = tuple[str, str]


def wired(real: System) -> dict[str, set[Row]]:
    """Queue and dead-letter queue of every target whose rule matches some form of an event."""
    found: dict[str, set[Row]] = defaultdict(set)
    for rule in real.of("Events::Rule").values():
        for name, forms in real.events.items():
            if any(matches(rule["EventPattern"], form) for form in forms):
                (target,) = rule["Targets"]
                found[name].add(
                    (str(referred(target["Arn"])), str(referred(target["DeadLetterConfig"]["Arn"])))
                )
    return found


@pytest.mark.parametrize("name", Event.registry)
def test_every_consumer_is_named_with_its_queues(name: str) -> None:
    section = DOCUMENT.split(f"\n### {name}\n")[1].split("\n### ")[0]
    rows = re.findall(r"^\| `[\w.]+` \| .*\| `(\w+)` \| `(\w+)` \|$", section, re.MULTILINE)
    assert len(rows) == len(set(rows))
    assert set(rows) == wired(system())[name]
    data = re.search(r"```json\n(.*?)\n```", section, re.DOTALL)
    assert data
    assert json.loads(data[1]).keys() <= Event.registry[name].model_fields.keys()


def subscriber() -> Template:
    """The example, on our own bus."""
    (example,) = re.findall(r"^```yaml\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
    resources: Template = parse(example)["Resources"]
    resources["MeshesRule"]["Properties"]["EventBusName"] = {"Ref": "JobsBus"}
    return resources


@pytest.mark.parametrize(
    "rule",
    [
        queues.dead_letters_are_kept,
        queues.a_source_has_a_dead_letter_queue,
        events.an_event_that_cannot_be_delivered_is_kept,
        events.queues_let_their_rule_in,
        events.patterns_are_narrow,
        events.a_rule_matches_what_it_names,
    ],
)
def test_the_examples_subscriber_is_as_safe_as_our_own(rule: Rule) -> None:
    real = system()
    real.template["Resources"] |= subscriber()
    assert "MeshesQueue" in of_type(real.template, "SQS::Queue")
    assert list(rule(real)) == []


def test_the_examples_pattern_lets_through_what_it_says() -> None:
    pattern = json.loads(DOCUMENT.split("```json\n")[1].split("```")[0])
    (high,) = (form for form in system().events["Mesh Completed"] if matches(pattern, form))
    assert high["detail"]["data"]["quality"] == "high"
