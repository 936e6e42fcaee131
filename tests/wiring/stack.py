"""template.yaml as CloudFormation sees it: loops unrolled, SAM transformed, code at made-up addresses."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

from gen3d_local.template import parse
from ministack.services.cloudformation import language_extensions
from samtranslator.translator.transform import transform

ROOT = Path(__file__).parents[2]

Json = dict[str, Any]
Template = Json


class _NoManagedPolicies:
    def load(self) -> dict[str, str]:
        return {}


def source() -> Template:
    """The template as it is written."""
    template: Template = parse((ROOT / "template.yaml").read_text())
    return template


@cache
def _transformed(parameters: tuple[tuple[str, str], ...]) -> str:
    template = source()
    defaults = {name: str(one["Default"]) for name, one in template["Parameters"].items() if "Default" in one}
    template = language_extensions.apply(template, {**defaults, **dict(parameters)})
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Serverless::LayerVersion":
            properties["ContentUri"] = "s3://code/layer.zip"
        elif properties.get("PackageType") == "Image":
            properties["ImageUri"] = "111122223333.dkr.ecr.us-east-1.amazonaws.com/code:image"
        elif resource["Type"] == "AWS::Serverless::Function":
            properties["CodeUri"] = "s3://code/function.zip"
    with mock.patch.dict(os.environ, {"AWS_DEFAULT_REGION": "us-east-1"}):
        return json.dumps(transform(template, {}, _NoManagedPolicies()))


def transformed(**parameters: str) -> Template:
    """A copy of its own of the transformed template, for the given and otherwise the default parameters."""
    template: Template = json.loads(_transformed(tuple(sorted(parameters.items()))))
    return template


def of_type(template: Template, kind: str) -> dict[str, Json]:
    """Properties of all resources of a type, `AWS::` left out, by logical id."""
    return {
        name: resource.get("Properties", {})
        for name, resource in template["Resources"].items()
        if resource["Type"] == f"AWS::{kind}"
    }


def listed(value: Any) -> list[Any]:
    """One or many, as policies and patterns allow, as a list."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def referred(value: Any) -> str | None:
    """The logical id that a Ref or GetAtt points to; None for anything else."""
    if not isinstance(value, Mapping):
        return None
    if "Ref" in value:
        return str(value["Ref"])
    attribute = value.get("Fn::GetAtt")
    return (
        str(attribute[0] if isinstance(attribute, list) else attribute.split(".")[0]) if attribute else None
    )


def text(value: Any) -> str:
    """A string with the references in it as `${Name}`, to compare ARNs without deploying."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        if (substituted := value.get("Fn::Sub")) is not None:
            template, variables = substituted if isinstance(substituted, list) else (substituted, {})
            for name, inner in variables.items():
                template = template.replace(f"${{{name}}}", text(inner))
            return str(template)
        if "Fn::Join" in value:
            glue, parts = value["Fn::Join"]
            return str(glue).join(text(part) for part in parts)
        if "Ref" in value:
            return f"${{{value['Ref']}}}"
        if "Fn::GetAtt" in value:
            name = value["Fn::GetAtt"]
            return f"${{{name if isinstance(name, str) else '.'.join(name)}}}"
    return json.dumps(value, sort_keys=True)


def references(value: Any) -> Iterator[str]:
    """Every logical id, parameter or pseudo parameter that anything inside a value refers to."""
    if isinstance(value, Mapping):
        if (name := referred(value)) is not None:
            yield name
        if "Fn::Sub" in value:
            yield from _substituted(text(value))
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def needed_before(template: Template, name: str) -> set[str]:
    """Every resource that CloudFormation makes before this one."""
    resources = template["Resources"]
    found: set[str] = set()
    todo = [name]
    while todo:
        resource = resources[todo.pop()]
        named = {*references(resource.get("Properties", {})), *listed(resource.get("DependsOn"))}
        new = {one for one in named if one in resources and one not in found}
        found |= new
        todo.extend(new)
    return found


def _substituted(string: str) -> Iterator[str]:
    for part in string.split("${")[1:]:
        yield part.split("}")[0].split(".")[0]


def statements(template: Template, role: str) -> list[Json]:
    """Every statement of a role's own policies and of the policies attached to it."""
    documents = [
        one["PolicyDocument"] for one in of_type(template, "IAM::Role")[role].get("Policies", [])
    ] + [
        policy["PolicyDocument"]
        for policy in of_type(template, "IAM::Policy").values()
        if role in {referred(one) for one in policy["Roles"]}
    ]
    return [statement for document in documents for statement in listed(document["Statement"])]


def allowed(statements: Iterable[Json], resource: str) -> set[str]:
    """The actions that statements allow on a resource, as `text` writes it."""
    return {
        action
        for statement in statements
        if statement["Effect"] == "Allow"
        and resource in {text(one) for one in listed(statement.get("Resource"))}
        for action in listed(statement["Action"])
    }


def role_of(function: Json) -> str | None:
    return referred(function.get("Role"))


def sources_of(template: Template) -> dict[str, str]:
    """The function's logical id by the logical id of the queue that feeds it."""
    return {
        str(referred(mapping["EventSourceArn"])): str(referred(mapping["FunctionName"]))
        for mapping in of_type(template, "Lambda::EventSourceMapping").values()
    }


def dead_letter_queue_of(queue: Json) -> str | None:
    return referred(queue.get("RedrivePolicy", {}).get("deadLetterTargetArn"))


def is_fifo(queue: Json) -> bool:
    return bool(queue.get("FifoQueue"))


def variables_of(function: Json) -> Json:
    """The environment that the template gives to a function."""
    variables: Json = function.get("Environment", {}).get("Variables", {})
    return variables


def functions_with_roles(template: Template) -> Iterator[tuple[str, str]]:
    """Every function whose role is in the template, with the role."""
    roles = of_type(template, "IAM::Role")
    for name, function in of_type(template, "Lambda::Function").items():
        if (role := role_of(function)) and role in roles:
            yield name, role


def targets(template: Template) -> Iterator[tuple[str, Json]]:
    """Every target of a rule or a schedule, with the name of that."""
    for name, rule in of_type(template, "Events::Rule").items():
        for target in rule["Targets"]:
            yield name, target
    for name, schedule in of_type(template, "Scheduler::Schedule").items():
        yield name, schedule["Target"]


def dead_letter_queues(template: Template) -> list[str]:
    """Every queue that takes what others could not deliver or handle."""
    found = {dead_letter_queue_of(queue) for queue in of_type(template, "SQS::Queue").values()}
    found |= {referred(target.get("DeadLetterConfig", {}).get("Arn")) for _, target in targets(template)}
    return sorted(one for one in found if one)


def senders(template: Template, queue: str) -> set[tuple[str, str]]:
    """Who may send to a queue: (service, ARN of the sender), which is "anything" without a condition."""
    found = set()
    for policy in of_type(template, "SQS::QueuePolicy").values():
        if queue not in {referred(one) for one in policy["Queues"]}:
            continue
        for statement in listed(policy["PolicyDocument"]["Statement"]):
            if f"${{{queue}.Arn}}" not in {text(one) for one in listed(statement["Resource"])}:
                continue
            if statement["Effect"] == "Allow" and "sqs:SendMessage" in listed(statement["Action"]):
                arns = statement.get("Condition", {}).get("ArnEquals", {}).get("aws:SourceArn", "anything")
                found |= {(text(statement["Principal"].get("Service")), text(arn)) for arn in listed(arns)}
    return found
