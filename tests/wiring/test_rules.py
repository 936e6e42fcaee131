"""Each wiring rule holds for the real system; its twin, in which just that is broken, violates it alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.wiring.rules import (
    Rule,
    alarms,
    buckets,
    endpoint,
    events,
    permissions,
    queues,
    rules,
    settings,
    starts,
)
from tests.wiring.stack import Json, Template, of_type, statements
from tests.wiring.system import System, system

Twin = Callable[[System], System | None]
twins: list[tuple[Rule, Twin]] = []


def breaks(rule: Rule) -> Callable[[Callable[[Template], None]], Callable[[Template], None]]:
    """Count a function that breaks the template in place among the twins."""

    def counted(change: Callable[[Template], None]) -> Callable[[Template], None]:
        twins.append((rule, lambda real: change(real.template)))
        return change

    return counted


def properties(template: Template, name: str) -> Json:
    found: Json = template["Resources"][name]["Properties"]
    return found


def statement(template: Template, role: str, action: str) -> Json:
    """The first of a role's statements that has the action."""
    return next(one for one in statements(template, role) if action in one["Action"])


def sole(template: Template, kind: str) -> Json:
    (found,) = of_type(template, kind).values()
    return found


# --- 1 to 5: queues and functions ------------------------------------------------------------------------


@breaks(queues.a_message_stays_hidden_for_six_timeouts)
def _(template: Template) -> None:
    properties(template, "EmbeddingStartQueue")["VisibilityTimeout"] = 179


@breaks(queues.a_source_has_a_dead_letter_queue)
def _(template: Template) -> None:
    properties(template, "InferenceRelayQueue")["RedrivePolicy"]["deadLetterTargetArn"] = "arn:aws:sqs:x:y:z"


@breaks(queues.a_source_has_a_dead_letter_queue)
def _(template: Template) -> None:
    properties(template, "MeshingMeshQueue")["RedrivePolicy"]["maxReceiveCount"] = 4
    properties(template, "MeshingMeshFunction")["Environment"]["Variables"]["MAX_RECEIVE_COUNT"] = "4"


@breaks(queues.a_source_has_a_dead_letter_queue)
def _(template: Template) -> None:
    properties(template, "InferenceRelayDeadLetterQueue")["FifoQueue"] = True


@breaks(queues.dead_letters_are_kept)
def _(template: Template) -> None:
    del properties(template, "UploadIngestDeadLetterQueue")["MessageRetentionPeriod"]


@breaks(queues.dead_letters_are_kept)
def _(template: Template) -> None:
    properties(template, "UploadIngestQueue")["MessageRetentionPeriod"] = 14 * 86_400


@breaks(queues.only_failed_messages_come_back)
def _(template: Template) -> None:
    del properties(template, "NotificationMailMapping")["FunctionResponseTypes"]


@breaks(queues.concurrency_is_bounded)
def _(template: Template) -> None:
    del properties(template, "MeshingMeshMapping")["ScalingConfig"]


@breaks(queues.concurrency_is_bounded)
def _(template: Template) -> None:
    properties(template, "UploadProgressMapping")["BatchSize"] = 11


@breaks(queues.no_message_is_filtered_away)
def _(template: Template) -> None:
    filters = [{"Pattern": '{"body": {"detail": {"data": {"task": ["embed"]}}}}'}]
    properties(template, "EmbeddingFinishMapping")["FilterCriteria"] = {"Filters": filters}


@breaks(queues.functions_are_explicit)
def _(template: Template) -> None:
    del properties(template, "UploadWatchdogFunction")["MemorySize"]


@breaks(queues.functions_are_explicit)
def _(template: Template) -> None:
    del properties(template, "UploadApiFunction")["TracingConfig"]


@breaks(queues.logs_are_kept_for_a_while)
def _(template: Template) -> None:
    del properties(template, "ReconstructionStartFunction")["LoggingConfig"]


@breaks(queues.logs_are_kept_for_a_while)
def _(template: Template) -> None:
    del properties(template, "ApiLogGroup")["RetentionInDays"]


# --- 5 and 11: permissions ---------------------------------------------------------------------------------


@breaks(permissions.every_function_has_its_own_role)
def _(template: Template) -> None:
    properties(template, "UploadWatchdogFunction")["Role"] = "arn:aws:iam::111122223333:role/shared"


@breaks(permissions.no_policy_of_others)
def _(template: Template) -> None:
    properties(template, "EmbeddingStartRole")["ManagedPolicyArns"] = [
        "arn:aws:iam::aws:policy/service-role/AWSLambdaSQSQueueExecutionRole"
    ]


@breaks(permissions.nothing_is_allowed_on_everything)
def _(template: Template) -> None:
    statement(template, "UploadApiRole", "dynamodb:Query")["Action"] = ["dynamodb:*"]


@breaks(permissions.nothing_is_allowed_on_everything)
def _(template: Template) -> None:
    statement(template, "InferenceRole", "s3:ListBucket")["Resource"] = "*"


@breaks(permissions.nothing_is_allowed_on_everything)
def _(template: Template) -> None:
    statement(template, "UploadApiRole", "s3:PutObject")["Resource"] = "arn:aws:s3:::*"


@breaks(permissions.nothing_is_allowed_on_everything)
def _(template: Template) -> None:
    statement(template, "InferenceRole", "ecr:GetAuthorizationToken")["Action"] = [
        "ecr:GetAuthorizationToken",
        "ecr:DeleteRepository",
    ]


@breaks(permissions.nothing_is_allowed_on_everything)
def _(template: Template) -> None:
    document = properties(template, "AlarmTopicPolicy")["PolicyDocument"]
    document["Statement"][0]["Principal"] = {"AWS": "*"}


@breaks(permissions.nothing_is_allowed_on_everything)
def _(template: Template) -> None:
    properties(template, "TopicKey")["KeyPolicy"]["Statement"][1]["Action"] = "kms:*"


@breaks(permissions.a_function_receives_only_from_its_own_queue)
def _(template: Template) -> None:
    allowed = statement(template, "EmbeddingStartRole", "sqs:ReceiveMessage")
    allowed["Resource"] = [allowed["Resource"], {"Fn::GetAtt": ["EmbeddingFinishQueue", "Arn"]}]


@breaks(permissions.a_function_receives_only_from_its_own_queue)
def _(template: Template) -> None:
    properties(template, "UploadIngestPolicy")["PolicyDocument"]["Statement"].append(
        {
            "Effect": "Allow",
            "Action": "sqs:DeleteMessage",
            "Resource": {"Fn::GetAtt": ["UploadIngestDeadLetterQueue", "Arn"]},
        }
    )


@breaks(permissions.a_function_sends_only_to_its_own_queue)
def _(template: Template) -> None:
    other = {"Fn::GetAtt": ["MeshingMeshQueue", "Arn"]}
    statement(template, "EmbeddingStartRole", "sqs:SendMessage")["Resource"] = other


@breaks(permissions.a_function_writes_only_its_own_log)
def _(template: Template) -> None:
    other = {"Fn::GetAtt": ["MeshingMeshLogGroup", "Arn"]}
    statement(template, "NotificationMailRole", "logs:PutLogEvents")["Resource"] = other


@breaks(permissions.a_service_speaks_only_for_itself)
def _(template: Template) -> None:
    del statement(template, "EmbeddingFinishRole", "events:PutEvents")["Condition"]


@breaks(permissions.a_service_speaks_only_for_itself)
def _(template: Template) -> None:
    condition = {"StringEquals": {"events:source": "gen3d.upload"}}
    statement(template, "EmbeddingFinishRole", "events:PutEvents")["Condition"] = condition


@breaks(permissions.a_service_speaks_only_for_itself)
def _(template: Template) -> None:
    bus = {"Fn::Sub": "arn:aws:events:${AWS::Region}:${AWS::AccountId}:event-bus/default"}
    statement(template, "UploadWatchdogRole", "events:PutEvents")["Resource"] = bus


@breaks(permissions.a_function_may_use_the_tables_that_it_is_told_of)
def _(template: Template) -> None:
    allowed = statement(template, "UploadWatchdogRole", "dynamodb:Query")
    allowed["Resource"] = {"Fn::GetAtt": ["MeshingIdempotencyTable", "Arn"]}


# --- 6: alarms ---------------------------------------------------------------------------------------------


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


# --- what starts functions -------------------------------------------------------------------------------


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


@breaks(starts.nothing_is_switched_off)
def _(template: Template) -> None:
    properties(template, "UploadWatchdogSchedule")["State"] = "DISABLED"


@breaks(starts.nothing_is_switched_off)
def _(template: Template) -> None:
    properties(template, "MeshingMeshRule")["State"] = "DISABLED"


# --- 7 to 10 and 12: the bus -------------------------------------------------------------------------------


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


# --- 16 to 22: the endpoint --------------------------------------------------------------------------------


@breaks(endpoint.topics_are_encrypted)
def _(template: Template) -> None:
    del properties(template, "InferenceErrorTopic")["KmsMasterKeyId"]


@breaks(endpoint.a_queue_behind_topics_is_wired)
def _(template: Template) -> None:
    del properties(template, "InferenceErrorSubscription")["RawMessageDelivery"]


@breaks(endpoint.a_queue_behind_topics_is_wired)
def _(template: Template) -> None:
    del properties(template, "InferenceSuccessSubscription")["RedrivePolicy"]


@breaks(endpoint.a_queue_behind_topics_is_wired)
def _(template: Template) -> None:
    document = properties(template, "InferenceRelayQueuePolicy")["PolicyDocument"]
    only = {"aws:SourceArn": {"Ref": "InferenceSuccessTopic"}}
    document["Statement"][0]["Condition"] = {"ArnEquals": only}


@breaks(endpoint.both_outcomes_have_a_path)
def _(template: Template) -> None:
    del sole(template, "SageMaker::EndpointConfig")["AsyncInferenceConfig"]["OutputConfig"]["S3FailurePath"]


@breaks(endpoint.deadlines_are_sagemakers)
def _(template: Template) -> None:
    template["Parameters"]["InvocationTimeoutSeconds"]["MaxValue"] = 7_200


@breaks(endpoint.the_endpoint_waits_for_its_permissions)
def _(template: Template) -> None:
    moved = statement(template, "InferenceRole", "sns:Publish")
    (policy,) = properties(template, "InferenceRole")["Policies"]
    policy["PolicyDocument"]["Statement"].remove(moved)
    document = {"Version": "2012-10-17", "Statement": [moved]}
    later = {"PolicyName": "publish", "Roles": [{"Ref": "InferenceRole"}], "PolicyDocument": document}
    template["Resources"]["LatePolicy"] = {"Type": "AWS::IAM::Policy", "Properties": later}


@breaks(endpoint.the_endpoint_scales_to_zero)
def _(template: Template) -> None:
    del template["Resources"]["InferenceWakeAlarm"]


@breaks(endpoint.the_endpoint_scales_to_zero)
def _(template: Template) -> None:
    policy = properties(template, "InferenceBacklogPolicy")["TargetTrackingScalingPolicyConfiguration"]
    policy["CustomizedMetricSpecification"]["MetricName"] = "HasBacklogWithoutCapacity"


@breaks(endpoint.the_endpoint_scales_to_zero)
def _(template: Template) -> None:
    sole(template, "ApplicationAutoScaling::ScalableTarget")["MinCapacity"] = 1


@breaks(endpoint.weights_come_uncompressed)
def _(template: Template) -> None:
    source = sole(template, "SageMaker::Model")["PrimaryContainer"]["ModelDataSource"]["Fn::If"][1]
    source["S3DataSource"]["CompressionType"] = "Gzip"


# --- 23: buckets -------------------------------------------------------------------------------------------


@breaks(buckets.buckets_are_private)
def _(template: Template) -> None:
    properties(template, "ModelBucket")["PublicAccessBlockConfiguration"]["BlockPublicPolicy"] = False


@breaks(buckets.buckets_are_private)
def _(template: Template) -> None:
    del properties(template, "DataBucket")["BucketEncryption"]


@breaks(buckets.buckets_speak_tls_only)
def _(template: Template) -> None:
    properties(template, "DataBucketPolicy")["PolicyDocument"]["Statement"][0]["Resource"].pop()


@breaks(buckets.buckets_forget)
def _(template: Template) -> None:
    lifecycle = properties(template, "DataBucket")["LifecycleConfiguration"]
    lifecycle["Rules"] = [one for one in lifecycle["Rules"] if one.get("Prefix") != "incoming/"]


@breaks(buckets.buckets_answer_the_sites_pages_only)
def _(template: Template) -> None:
    properties(template, "DataBucket")["CorsConfiguration"]["CorsRules"][0]["AllowedOrigins"] = ["*"]


# --- what functions are told -------------------------------------------------------------------------------


def variables(template: Template, function: str) -> dict[str, Any]:
    found: dict[str, Any] = properties(template, function)["Environment"]["Variables"]
    return found


@breaks(settings.a_function_is_told_what_its_code_reads)
def _(template: Template) -> None:
    del variables(template, "EmbeddingStartFunction")["REQUEST_TTL_SECONDS"]


@breaks(settings.no_variable_is_idle)
def _(template: Template) -> None:
    variables(template, "InferenceRelayFunction")["ENDPOINT_NAME"] = "gen3d-dev"


@breaks(settings.a_consumer_knows_its_own_queue_and_memory)
def _(template: Template) -> None:
    variables(template, "EmbeddingFinishFunction")["QUEUE_URL"] = {"Ref": "EmbeddingStartQueue"}


@breaks(settings.a_consumer_knows_its_own_queue_and_memory)
def _(template: Template) -> None:
    properties(template, "UploadIngestQueue")["RedrivePolicy"]["maxReceiveCount"] = 6


# --- the tests ---------------------------------------------------------------------------------------------


def name(rule: Rule) -> str:
    return f"{rules[rule]}-{rule.__name__}"


@pytest.mark.parametrize("rule", rules, ids=name)
def test_rule_holds(rule: Rule) -> None:
    assert list(rule(system())) == []


@pytest.mark.parametrize(("rule", "twin"), twins, ids=[name(rule) for rule, _ in twins])
def test_twin_breaks_this_rule_alone(rule: Rule, twin: Twin) -> None:
    real = system()
    broken = twin(real) or real
    assert {one.__name__ for one in rules if list(one(broken))} == {rule.__name__}


def test_every_rule_has_a_twin() -> None:
    assert {rule for rule, _ in twins} == set(rules)
