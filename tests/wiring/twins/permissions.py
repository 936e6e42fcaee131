"""Permissions, twins of rules 5 and 11."""

from __future__ import annotations

from tests.wiring.rules import permissions
from tests.wiring.stack import Template
from tests.wiring.twins.twin import breaks, properties, statement


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
    statement(template, "UploadApiRole", "s3:PutObject")["Resource"] = {"Fn::Sub": "${DataBucket.Arn}/*"}


@breaks(permissions.nothing_is_allowed_on_everything)
def _(template: Template) -> None:
    every = {"Fn::Sub": "arn:${AWS::Partition}:cognito-idp:${AWS::Region}:${AWS::AccountId}:userpool/*"}
    statement(template, "NotificationMailRole", "cognito-idp:AdminGetUser")["Resource"] = every


@breaks(permissions.nothing_is_allowed_on_everything)
def _(template: Template) -> None:
    every = {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/*"}
    more = {"Effect": "Allow", "Action": "iam:PassRole", "Resource": every}
    properties(template, "NotificationMailPolicy")["PolicyDocument"]["Statement"].append(more)


@breaks(permissions.nothing_is_allowed_on_everything)
def _(template: Template) -> None:
    allowed = statement(template, "NotificationMailRole", "cognito-idp:AdminGetUser")
    allowed["NotResource"] = allowed.pop("Resource")


@breaks(permissions.nothing_is_allowed_on_everything)
def _(template: Template) -> None:
    statement(template, "InferenceRole", "ecr:GetAuthorizationToken")["Action"] = [
        "ecr:GetAuthorizationToken",
        "ecr:DeleteRepository",
    ]


@breaks(permissions.nothing_is_allowed_on_everything)
def _(template: Template) -> None:
    document = properties(template, "AlarmTopicPolicy")["PolicyDocument"]
    document["Statement"][0]["Principal"] = {"AWS": "*", "Service": "cloudwatch.amazonaws.com"}


@breaks(permissions.nothing_is_allowed_on_everything)
def _(template: Template) -> None:
    properties(template, "TopicKey")["KeyPolicy"]["Statement"][1]["Action"] += ["kms:*"]


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


@breaks(permissions.a_function_writes_only_its_own_log)
def _(template: Template) -> None:
    statement(template, "UploadApiRole", "logs:PutLogEvents")["Action"] = "logs:PutLogEvents"


@breaks(permissions.a_function_may_send_its_traces)
def _(template: Template) -> None:
    statement(template, "MeshingMeshRole", "xray:PutTraceSegments")["Action"] = "xray:PutTraceSegments"


@breaks(permissions.a_queue_takes_in_what_services_send_and_gives_nothing_away)
def _(template: Template) -> None:
    stranger = {"AWS": {"Fn::GetAtt": ["MeshingMeshRole", "Arn"]}}
    queue = {"Fn::GetAtt": ["EmbeddingStartQueue", "Arn"]}
    more = {"Effect": "Allow", "Principal": stranger, "Action": "sqs:ReceiveMessage", "Resource": queue}
    properties(template, "EmbeddingStartQueuePolicy")["PolicyDocument"]["Statement"].append(more)


@breaks(permissions.only_services_take_on_a_role)
def _(template: Template) -> None:
    trust = properties(template, "MeshingMeshRole")["AssumeRolePolicyDocument"]
    trust["Statement"][0]["Principal"] = {"AWS": "*"}


@breaks(permissions.only_services_take_on_a_role)
def _(template: Template) -> None:
    trust = properties(template, "InferenceRole")["AssumeRolePolicyDocument"]
    trust["Statement"][0]["Principal"]["AWS"] = {"Fn::GetAtt": ["UploadApiRole", "Arn"]}


@breaks(permissions.a_stage_waits_until_it_may_write_its_log)
def _(template: Template) -> None:
    del template["Resources"]["Api"]["DependsOn"]


@breaks(permissions.a_stage_waits_until_it_may_write_its_log)
def _(template: Template) -> None:
    del template["Resources"]["SocketStage"]["DependsOn"]


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
