"""The endpoint, twins of rules 16 to 22."""

from __future__ import annotations

from tests.wiring.rules import endpoint
from tests.wiring.stack import Template
from tests.wiring.twins.twin import breaks, properties, sole, statement


@breaks(endpoint.topics_are_encrypted)
def _(template: Template) -> None:
    del properties(template, "InferenceErrorTopic")["KmsMasterKeyId"]


@breaks(endpoint.who_publishes_may_use_the_topics_key)
def _(template: Template) -> None:
    statement(template, "InferenceRole", "kms:GenerateDataKey")["Action"] = ["kms:Decrypt"]


@breaks(endpoint.who_publishes_may_use_the_topics_key)
def _(template: Template) -> None:
    statement(template, "InferenceRole", "kms:Decrypt")["Resource"] = {"Fn::GetAtt": ["LinkKey", "Arn"]}


@breaks(endpoint.who_publishes_may_use_the_topics_key)
def _(template: Template) -> None:
    """Only the account is left, and so no alarm can be told."""
    del properties(template, "TopicKey")["KeyPolicy"]["Statement"][1]


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


@breaks(endpoint.the_endpoint_may_start_and_tell_of_itself)
def _(template: Template) -> None:
    statement(template, "InferenceRole", "ecr:BatchGetImage")["Action"] = ["ecr:BatchGetImage"]


@breaks(endpoint.the_endpoint_may_start_and_tell_of_itself)
def _(template: Template) -> None:
    other = {"Fn::GetAtt": ["InferenceRelayLogGroup", "Arn"]}
    statement(template, "InferenceRole", "logs:PutLogEvents")["Resource"] = other


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
