"""Rules 5 and 11: everybody may do what they need, and nothing else."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.wiring.rules.rule import rule
from tests.wiring.stack import (
    Json,
    allowed,
    functions_with_roles,
    listed,
    needed_before,
    references,
    referred,
    role_of,
    sources_of,
    statements,
    text,
    variables_of,
)
from tests.wiring.system import System

WRITING = {"logs:CreateLogStream", "logs:PutLogEvents"}
TRACING = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
# Actions for which IAM knows no resource: https://docs.aws.amazon.com/service-authorization/latest/reference/
WITHOUT_RESOURCE = {
    *TRACING,
    "ecr:GetAuthorizationToken",
    "cloudwatch:PutMetricData",
}
# API Gateway writes the access logs of a whole account, whose log groups nobody can name beforehand.
LOG_WRITER = "arn:${AWS::Partition}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
MANAGED_POLICIES = {LOG_WRITER: "ApiGatewayRole"}
# A star where a name would stand: everything, every one of a class, everything in a bucket.
WITHOUT_NAME = re.compile(r"(arn:[^/]*:)?[^:/]*[:/]?\*.*")
# CloudFront reads whatever the site is made of, and the site's bucket holds nothing else.
MEANT = {("SiteBucketPolicy", "${SiteBucket.Arn}/*")}
OWNER = "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"


@rule(5)
def every_function_has_its_own_role(system: System) -> Iterator[str]:
    functions, roles = system.of("Lambda::Function"), system.of("IAM::Role")
    for role, users in Counter(role_of(one) for one in functions.values()).items():
        if role not in roles:
            yield f"a function's role is not in the template: {role}"
        elif users > 1:
            yield f"{users} functions share {role}"


@rule(5)
def no_policy_of_others(system: System) -> Iterator[str]:
    """Managed policies name no resource of ours; SAM attaches some where a function has no role."""
    for name, role in system.of("IAM::Role").items():
        for policy in role.get("ManagedPolicyArns", []):
            if MANAGED_POLICIES.get(text(policy)) != name:
                yield f"{name} has {text(policy)}"


@rule(5)
def nothing_is_allowed_on_everything(system: System) -> Iterator[str]:
    """No action with a star, no star instead of a resource's name or a bucket's folder."""
    for owner, statement in _allowing(system):
        if not {"Action", "Resource"} <= set(statement):
            yield f"{owner} allows all but something"
            continue
        actions = set(map(str, listed(statement["Action"])))
        if any("*" in action for action in actions):
            yield f"{owner} allows {sorted(actions)}"
        for resource in map(text, listed(statement["Resource"])):
            nameless = WITHOUT_NAME.fullmatch(re.sub(r"\$\{.+?\}", "x", resource))
            if nameless and (owner, resource) not in MEANT and not actions <= WITHOUT_RESOURCE:
                yield f"{owner} allows {sorted(actions)} on {resource}"
        if "*" in listed(_aws_principal(statement)):
            yield f"{owner} lets anybody in"


@rule(5)
def a_function_receives_only_from_its_own_queue(system: System) -> Iterator[str]:
    own = _own_queues(system)
    for name, role in functions_with_roles(system.template):
        received = _queues(system, role, "receive|delete|changemessage")
        if received != own.get(name, set()):
            yield f"{name} may receive from {sorted(received)}, but is fed by {sorted(own.get(name, set()))}"


@rule(5)
def a_function_sends_only_to_its_own_queue(system: System) -> Iterator[str]:
    """Where a duplicate of work in progress becomes a new message. Everybody else hears by the bus."""
    own = _own_queues(system)
    for name, role in functions_with_roles(system.template):
        for queue in _queues(system, role, "send") - own.get(name, set()):
            yield f"{name} may send to {queue}"


@rule(5)
def a_queue_takes_in_what_services_send_and_gives_nothing_away(system: System) -> Iterator[str]:
    """A queue's own policy could let a role receive that may not by its own."""
    for name, policy in system.of("SQS::QueuePolicy").items():
        for statement in listed(policy["PolicyDocument"]["Statement"]):
            sent = listed(statement.get("Action")) == ["sqs:SendMessage"] and _for_services(statement)
            if statement["Effect"] == "Allow" and not sent:
                yield f"{name} allows {statement.get('Action')} to {statement.get('Principal')}"


@rule(5)
def only_services_take_on_a_role(system: System) -> Iterator[str]:
    for name, role in system.of("IAM::Role").items():
        for statement in listed(role["AssumeRolePolicyDocument"]["Statement"]):
            if statement["Effect"] == "Allow" and not _for_services(statement):
                yield f"{name} may be taken on by {statement.get('Principal')}"


def _for_services(statement: Json) -> bool:
    principal = statement.get("Principal")
    return isinstance(principal, dict) and set(principal) == {"Service"}


def _own_queues(system: System) -> dict[str, set[str]]:
    """The queues that feed each function."""
    own: dict[str, set[str]] = {}
    for queue, function in sources_of(system.template).items():
        own.setdefault(function, set()).add(f"${{{queue}.Arn}}")
    return own


def _queues(system: System, role: str, verbs: str) -> set[str]:
    """The queues for which a role has one of these kinds of action."""
    return {
        text(resource)
        for statement in statements(system.template, role)
        if any(re.fullmatch(rf"(?i)sqs:({verbs}|\*).*", one) for one in listed(statement["Action"]))
        for resource in listed(statement["Resource"])
    }


@rule(5)
def a_function_writes_only_its_own_log(system: System) -> Iterator[str]:
    functions = system.of("Lambda::Function")
    for name, role in functions_with_roles(system.template):
        written = {
            text(resource)
            for statement in statements(system.template, role)
            if any(one.startswith("logs:") for one in listed(statement["Action"]))
            for resource in listed(statement["Resource"])
        }
        group = referred(functions[name].get("LoggingConfig", {}).get("LogGroup"))
        if group is None:
            continue
        if written != {f"${{{group}.Arn}}"}:
            yield f"{name} writes to {sorted(written)}"
        elif missing := WRITING - allowed(statements(system.template, role), f"${{{group}.Arn}}"):
            yield f"{name} lacks {sorted(missing)}"


@rule(5)
def a_function_may_send_its_traces(system: System) -> Iterator[str]:
    for name, role in functions_with_roles(system.template):
        if missing := TRACING - allowed(statements(system.template, role), "*"):
            yield f"{name} lacks {sorted(missing)}"


@rule(0)
def a_stage_waits_until_it_may_write_its_log(system: System) -> Iterator[str]:
    """API Gateway refuses an access log before it knows the account's role for it."""
    accounts = set(system.of("ApiGateway::Account"))
    for name in (*system.of("ApiGateway::Stage"), *system.of("ApiGatewayV2::Stage")):
        if not accounts & needed_before(system.template, name):
            yield f"{name} may come before the role of its log"


@rule(11)
def a_service_speaks_only_for_itself(system: System) -> Iterator[str]:
    """PutEvents on our bus, with its own source."""
    buses = {f"${{{name}.Arn}}" for name in system.of("Events::EventBus")}
    functions = system.of("Lambda::Function")
    for name, role in functions_with_roles(system.template):
        source = f"gen3d.{variables_of(functions[name])['POWERTOOLS_SERVICE_NAME']}"
        for statement in statements(system.template, role):
            if "events:PutEvents" not in listed(statement["Action"]):
                continue
            if not {text(one) for one in listed(statement["Resource"])} <= buses:
                yield f"{name} may put events on a bus that is not ours"
            if statement.get("Condition") != {"StringEquals": {"events:source": source}}:
                yield f"{name} may put events of another source than {source}"


@rule(0)
def a_function_may_use_the_tables_that_it_is_told_of(system: System) -> Iterator[str]:
    functions, tables = system.of("Lambda::Function"), system.of("DynamoDB::Table")
    for name, role in functions_with_roles(system.template):
        told = {referred(value) for value in variables_of(functions[name]).values()} & set(tables)
        allowed = {
            one
            for statement in statements(system.template, role)
            if any(action.startswith("dynamodb:") for action in listed(statement["Action"]))
            for one in references(statement["Resource"])
        }
        if told != allowed:
            yield f"{name} is told of {sorted(map(str, told))} and may use {sorted(allowed)}"


def _allowing(system: System) -> Iterator[tuple[str, Json]]:
    """Every statement that allows something, with the name of who has it.

    A key's own account is left out: that only hands the decision to the account's policies.
    """
    documents = [
        (role, policy["PolicyDocument"])
        for role, one in system.of("IAM::Role").items()
        for policy in one.get("Policies", [])
    ]
    for kind in (
        "IAM::Policy",
        "IAM::ManagedPolicy",
        "SQS::QueuePolicy",
        "SNS::TopicPolicy",
        "S3::BucketPolicy",
    ):
        documents += [(name, one["PolicyDocument"]) for name, one in system.of(kind).items()]
    for name, document in documents:
        for statement in listed(document["Statement"]):
            if statement["Effect"] == "Allow":
                yield name, statement
    for name, key in system.of("KMS::Key").items():
        for statement in key["KeyPolicy"]["Statement"]:
            if text(_aws_principal(statement)) != OWNER:
                yield name, {**statement, "Resource": f"${{{name}.Arn}}"}  # in a key's policy "*" is the key


def _aws_principal(statement: Json) -> Any:
    principal = statement.get("Principal")
    return principal.get("AWS") if isinstance(principal, dict) else principal
