"""Rules 16, 18 to 20 and 22: SageMaker, and the topics through which it answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.wiring.rules.rule import rule
from tests.wiring.stack import Json, allowed, listed, needed_before, referred, senders, statements, text
from tests.wiring.system import System

LOG_GROUPS = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group"
# Beside its work an endpoint pulls its image and tells of itself. It makes its log group by itself.
MAY_ALWAYS = {
    "*": {"ecr:GetAuthorizationToken", "cloudwatch:PutMetricData"},
    "${InferenceRepository.Arn}": {
        "ecr:BatchCheckLayerAvailability",
        "ecr:BatchGetImage",
        "ecr:GetDownloadUrlForLayer",
    },
    f"{LOG_GROUPS}:/aws/sagemaker/Endpoints/gen3d-${{Stage}}:*": {
        "logs:CreateLogGroup",
        "logs:CreateLogStream",
        "logs:DescribeLogStreams",
        "logs:PutLogEvents",
    },
}


@rule(16)
def topics_are_encrypted(system: System) -> Iterator[str]:
    for name, topic in system.of("SNS::Topic").items():
        if referred(topic.get("KmsMasterKeyId")) not in system.of("KMS::Key"):
            yield f"{name} is not encrypted by a key of ours"


@rule(16)
def who_publishes_may_use_the_topics_key(system: System) -> Iterator[str]:
    """SNS encrypts with it in the publisher's name: a role by its own policies, a service by the key's."""
    for name, topic in system.of("SNS::Topic").items():
        if (key := referred(topic.get("KmsMasterKeyId"))) in system.of("KMS::Key"):
            for publisher, actions in _publishers(system, name, str(key)):
                if missing := {"kms:GenerateDataKey", "kms:Decrypt"} - actions:
                    yield f"{publisher} may publish to {name}, but lacks {sorted(missing)} on {key}"


@rule(16)
def a_queue_behind_topics_is_wired(system: System) -> Iterator[str]:
    """Raw delivery, a dead-letter queue, and a policy for these topics alone."""
    subscriptions = [one for one in system.of("SNS::Subscription").values() if one["Protocol"] == "sqs"]
    for subscription in subscriptions:
        queue = str(referred(subscription["Endpoint"]))
        dead = referred(subscription.get("RedrivePolicy", {}).get("deadLetterTargetArn"))
        if subscription.get("RawMessageDelivery") is not True:
            yield f"{queue} gets messages in envelopes"
        if dead is None:
            yield f"{queue} loses what cannot be delivered"
        topics = {
            ("sns.amazonaws.com", text(one["TopicArn"]))
            for one in subscriptions
            if referred(one["Endpoint"]) == queue
        }
        for one in (queue, dead):
            if one and senders(system.template, one) != topics:
                yield f"{one} is open to {senders(system.template, one)} instead of {topics}"


@rule(18)
def both_outcomes_have_a_path(system: System) -> Iterator[str]:
    for name, config in system.of("SageMaker::EndpointConfig").items():
        output = config["AsyncInferenceConfig"]["OutputConfig"]
        for path in ("S3OutputPath", "S3FailurePath"):
            if not text(output.get(path, "")).startswith("s3://${DataBucket}/inference/"):
                yield f"{name} has no {path}"
        topics = output.get("NotificationConfig", {})
        for topic in ("SuccessTopic", "ErrorTopic"):
            if referred(topics.get(topic)) not in system.of("SNS::Topic"):
                yield f"{name} has no {topic}"


@rule(18)
def deadlines_are_sagemakers(system: System) -> Iterator[str]:
    limits = {"RequestTtlSeconds": (60, 21_600), "InvocationTimeoutSeconds": (1, 3_600)}
    for name, (least, most) in limits.items():
        parameter = system.template["Parameters"][name]
        if (parameter.get("MinValue"), parameter.get("MaxValue")) != (least, most):
            yield f"{name} may leave {least} to {most}"


@rule(19)
def the_endpoint_waits_for_its_permissions(system: System) -> Iterator[str]:
    """Publishing to both topics is allowed before the endpoint config exists."""
    roles = system.of("IAM::Role")
    for name, config in system.of("SageMaker::EndpointConfig").items():
        before = needed_before(system.template, name)
        topics = config["AsyncInferenceConfig"]["OutputConfig"].get("NotificationConfig", {})
        inline = [
            policy["PolicyDocument"]
            for role in before & set(roles)
            for policy in roles[role].get("Policies", [])
        ]
        attached = [
            one["PolicyDocument"] for policy, one in system.of("IAM::Policy").items() if policy in before
        ]
        published = {
            text(resource)
            for document in inline + attached
            for statement in listed(document["Statement"])
            if "sns:Publish" in listed(statement["Action"])
            for resource in listed(statement["Resource"])
        }
        if missing := {text(topic) for topic in topics.values()} - published:
            yield f"{name} may exist before its role may publish to {sorted(missing)}"


@rule(19)
def the_endpoint_may_start_and_tell_of_itself(system: System) -> Iterator[str]:
    for model in system.of("SageMaker::Model").values():
        role = str(referred(model["ExecutionRoleArn"]))
        for resource, actions in MAY_ALWAYS.items():
            if missing := actions - allowed(statements(system.template, role), resource):
                yield f"{role} lacks {sorted(missing)} on {resource}"


@rule(20)
def the_endpoint_scales_to_zero(system: System) -> Iterator[str]:
    """Two policies, and the one that wakes never scales in."""
    policies = system.of("ApplicationAutoScaling::ScalingPolicy")
    alarms = system.of("CloudWatch::Alarm").values()
    tracked = {
        one["TargetTrackingScalingPolicyConfiguration"]["CustomizedMetricSpecification"]["MetricName"]
        for one in policies.values()
        if one["PolicyType"] == "TargetTrackingScaling"
    }
    waking = {
        name
        for name, one in policies.items()
        if one["PolicyType"] == "StepScaling"
        and any(
            alarm.get("MetricName") == "HasBacklogWithoutCapacity"
            and (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanOrEqualToThreshold", 1)
            and name in {referred(action) for action in alarm["AlarmActions"]}
            for alarm in alarms
        )
    }
    for target in system.of("ApplicationAutoScaling::ScalableTarget").values():
        if target["MinCapacity"] != 0:
            yield "the endpoint never stops"
        if tracked != {"ApproximateBacklogSizePerInstance"}:
            yield f"the endpoint follows {sorted(tracked)}"
        if not waking:
            yield "a stopped endpoint never starts"
        for name in waking:
            steps = policies[name]["StepScalingPolicyConfiguration"]["StepAdjustments"]
            if [step["ScalingAdjustment"] for step in steps] != [1]:
                yield f"{name} does more than start one instance"


@rule(22)
def weights_come_uncompressed(system: System) -> Iterator[str]:
    for name, model in system.of("SageMaker::Model").items():
        for source in _found("S3DataSource", model):
            if (source["S3DataType"], source["CompressionType"]) != ("S3Prefix", "None"):
                yield f"{name} unpacks its weights"
        if "ModelDataUrl" in model["PrimaryContainer"]:
            yield f"{name} downloads an archive"


def _publishers(system: System, topic: str, key: str) -> Iterator[tuple[str, set[str]]]:
    """Who may publish to a topic, with what each may do with its key."""
    for role in system.of("IAM::Role"):
        own = statements(system.template, role)
        if "sns:Publish" in allowed(own, f"${{{topic}}}"):
            yield role, allowed(own, f"${{{key}.Arn}}")
    of_key = system.of("KMS::Key")[key]["KeyPolicy"]["Statement"]
    for policy in system.of("SNS::TopicPolicy").values():
        for one in policy["PolicyDocument"]["Statement"]:
            if "sns:Publish" in allowed([one], f"${{{topic}}}"):
                service = one["Principal"]["Service"]
                granting = [other for other in of_key if other["Principal"].get("Service") == service]
                yield service, allowed(granting, "*")


def _found(key: str, value: Any) -> Iterator[Json]:
    if isinstance(value, dict):
        if key in value:
            yield value[key]
        for inner in value.values():
            yield from _found(key, inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _found(key, inner)
