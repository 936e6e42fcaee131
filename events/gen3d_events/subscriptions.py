"""Who listens to the bus, read from the template: its rules with their queues."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gen3d_events.event import Event

Pattern = dict[str, Any]


@dataclass(frozen=True)
class Subscription:
    """A rule on the jobs bus and the consumer behind it. Queues are logical ids: a deployed one's name is
    `<stack>-<logical id>-<random>`.

    handler: the dotted path of the function's handler.
    """

    pattern: Pattern
    description: str
    handler: str
    queue: str
    dead_letter_queue: str

    def hears(self, event: type[Event]) -> bool:
        """Whether the rule lets events of this class through, all of them or those of `conditions`."""
        return event.detail_type in self.pattern["detail-type"] and any(
            event.source.startswith(source["prefix"]) if isinstance(source, dict) else event.source == source
            for source in self.pattern["source"]
        )

    @property
    def conditions(self) -> dict[str, list[str]]:
        """What the data must be besides, as allowed values by field."""
        data: dict[str, list[str]] = self.pattern.get("detail", {}).get("data", {})
        return data


def subscriptions(template: Path) -> list[Subscription]:
    """In the template's order. Raises KeyError where a rule's queue has no function named as the queue is."""
    resources = yaml.load(template.read_text(encoding="utf-8"), _Loader)["Resources"]  # noqa: S506
    rules = (
        resource["Properties"]
        for name, resource in resources.items()
        if not name.startswith("Fn::") and resource["Type"] == "AWS::Events::Rule"
    )
    return [_subscription(rule, resources) for rule in rules if rule.get("EventBusName") == "JobsBus"]


def _subscription(rule: dict[str, Any], resources: dict[str, Any]) -> Subscription:
    (target,) = rule["Targets"]
    queue = _resource(target["Arn"])
    function = resources[f"{queue.removesuffix('Queue')}Function"]["Properties"]
    return Subscription(
        pattern=rule["EventPattern"],
        description=rule["Description"],
        handler=function.get("Handler") or function["ImageConfig"]["Command"][0],
        queue=queue,
        dead_letter_queue=_resource(target["DeadLetterConfig"]["Arn"]),
    )


def _resource(attribute: str) -> str:
    """The logical id in what `!GetAtt EmbeddingStartQueue.Arn` was read as."""
    return attribute.partition(".")[0]


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Reads CloudFormation's short forms as what stands behind them: `!Ref JobsBus` as "JobsBus"."""


def _plain(loader: _Loader, _: str, node: yaml.Node) -> Any:
    match node:
        case yaml.MappingNode():
            return loader.construct_mapping(node, deep=True)
        case yaml.SequenceNode():
            return loader.construct_sequence(node, deep=True)
    return node.value


_Loader.add_multi_constructor("!", _plain)
