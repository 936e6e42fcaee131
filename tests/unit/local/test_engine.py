"""The engine as we start it: permissions are enforced, the types it lacks exist, stacks come and go."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from gen3d_local import aws, deploy
from gen3d_local.children import poll
from gen3d_local.people import create, demo_user

CODE = """
import os
def handler(event, context):
    return {"answer": ANSWER, "name": os.environ["AWS_LAMBDA_FUNCTION_NAME"]}
ANSWER = 1
"""

TEMPLATE = """
Transform: [AWS::LanguageExtensions, AWS::Serverless-2016-10-31]
Parameters:
  Pattern: {Type: String, Default: gen3d.upload}
  WithEndpoint: {Type: String, Default: "yes"}
Conditions:
  WithEndpoint: !Equals [!Ref WithEndpoint, "yes"]
Resources:
  Bus: {Type: AWS::Events::EventBus, Properties: {Name: tests}}
  Told: {Type: AWS::SNS::Topic}
  Untold: {Type: AWS::SNS::Topic}
  Archive:
    Type: AWS::Events::Archive
    Properties: {SourceArn: !GetAtt Bus.Arn, RetentionDays: 3, EventPattern: {source: [!Ref Pattern]}}
  Alarm:
    Type: AWS::CloudWatch::Alarm
    Properties: {Metrics: [{Id: m, Expression: 100 * a}], ComparisonOperator: GreaterThanThreshold}
  Model:
    Type: AWS::SageMaker::Model
    Condition: WithEndpoint
    Properties: {ExecutionRoleArn: !GetAtt Role.Arn, PrimaryContainer: {Image: x, Environment: {A: b}}}
  Config:
    Type: AWS::SageMaker::EndpointConfig
    Condition: WithEndpoint
    Properties:
      ProductionVariants: [{VariantName: main, ModelName: !GetAtt Model.ModelName}]
      AsyncInferenceConfig:
        OutputConfig:
          S3OutputPath: s3://b/out/
          S3FailurePath: s3://b/err/
          NotificationConfig: {SuccessTopic: s, ErrorTopic: e}
  Endpoint:
    Type: AWS::SageMaker::Endpoint
    Condition: WithEndpoint
    Properties: {EndpointName: tests, EndpointConfigName: !GetAtt Config.EndpointConfigName}
  Target:
    Type: AWS::ApplicationAutoScaling::ScalableTarget
    Condition: WithEndpoint
    DependsOn: Endpoint
    Properties:
      ServiceNamespace: sagemaker
      ScalableDimension: sagemaker:variant:DesiredInstanceCount
      ResourceId: endpoint/tests/variant/main
      MinCapacity: 0
      MaxCapacity: 1
  Policy:
    Type: AWS::ApplicationAutoScaling::ScalingPolicy
    Condition: WithEndpoint
    Properties: {PolicyName: p, PolicyType: StepScaling, ScalingTargetId: !Ref Target}
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: sts:AssumeRole}]
      Policies:
        - PolicyName: p
          PolicyDocument:
            Version: "2012-10-17"
            Statement:
              - Effect: Allow
                Action: events:PutEvents
                Resource: !GetAtt Bus.Arn
                Condition: {StringEquals: {events:source: gen3d.upload}}
              - Effect: Allow
                Action: sns:Publish
                Resource: !Ref Told
              - Effect: Allow
                Action: ses:SendEmail
                Resource: !Sub arn:aws:ses:${AWS::Region}:${AWS::AccountId}:identity/right@gen3d.example
  Function:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: code, Handler: app.handler, Runtime: python3.11, Role: !GetAtt Role.Arn}
Outputs:
  RoleArn: {Value: !GetAtt Role.Arn}
  Told: {Value: !Ref Told}
  Untold: {Value: !Ref Untold}
  Function: {Value: !Ref Function}
  Archive: {Value: !Ref Archive}
  EndpointName: {Value: !If [WithEndpoint, !GetAtt Endpoint.EndpointName, none]}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "app.py").write_text(CODE)
    template = tmp_path / "template.yaml"
    template.write_text(TEMPLATE)
    return template


@pytest.fixture
def outputs(engine: str, project: Path) -> Iterator[dict[str, str]]:
    yield deploy.deploy(engine, project, {})
    remove(engine)


def remove(engine: str) -> None:
    cloudformation = aws.client("cloudformation", engine)
    cloudformation.delete_stack(StackName=deploy.STACK)
    cloudformation.get_waiter("stack_delete_complete").wait(
        StackName=deploy.STACK, WaiterConfig={"Delay": 0.1, "MaxAttempts": 100}
    )


def answer(engine: str, function: str) -> Any:
    reply = json.loads(aws.client("lambda", engine).invoke(FunctionName=function)["Payload"].read())
    assert reply.pop("name") == function  # by which gen3d_events knows that it is in a function
    return reply


def test_a_stack_is_deployed_and_updated(engine: str, project: Path, outputs: dict[str, str]) -> None:
    assert answer(engine, outputs["Function"]) == {"answer": 1}
    assert outputs["EndpointName"] == "tests"
    archive = aws.client("events", engine).describe_archive(ArchiveName=outputs["Archive"])
    assert (archive["RetentionDays"], json.loads(archive["EventPattern"])) == (
        3,
        {"source": ["gen3d.upload"]},
    )

    (project.parent / "code" / "app.py").write_text(CODE.replace("ANSWER = 1", "ANSWER = 2"))
    assert deploy.deploy(engine, project, {"Pattern": "gen3d.other"}) == outputs
    assert answer(engine, outputs["Function"]) == {"answer": 2}
    archive = aws.client("events", engine).describe_archive(ArchiveName=outputs["Archive"])
    assert json.loads(archive["EventPattern"]) == {"source": ["gen3d.other"]}


def test_an_unchanged_stack_is_left_alone(engine: str, project: Path, outputs: dict[str, str]) -> None:
    cloudformation = aws.client("cloudformation", engine)
    before = cloudformation.describe_stack_events(StackName=deploy.STACK)["StackEvents"]
    assert deploy.deploy(engine, project, {}) == outputs
    assert cloudformation.describe_stack_events(StackName=deploy.STACK)["StackEvents"] == before


def test_a_broken_template_is_refused_with_its_reason(engine: str, project: Path) -> None:
    project.write_text(TEMPLATE.replace("AWS::Events::EventBus", "AWS::Events::Autobus"))
    with pytest.raises(deploy.DeployFailed, match="AWS::Events::Autobus"):
        deploy.deploy(engine, project, {})


def test_a_template_that_is_no_yaml_is_refused(engine: str, project: Path) -> None:
    project.write_text("Resources: {Bus: [")
    with pytest.raises(deploy.DeployFailed, match="cannot be read"):
        deploy.deploy(engine, project, {})


def test_a_stack_that_failed_is_named_and_can_be_deployed_again(engine: str, project: Path) -> None:
    properties = "Properties: {SourceArn: x, ArchiveName: same}"
    second = f"Second: {{Type: AWS::Events::Archive, DependsOn: Archive, {properties}}}"
    named = TEMPLATE.replace("RetentionDays: 3", "ArchiveName: same")
    project.write_text(named.replace("  Alarm:", f"  {second}\n  Alarm:"))
    with pytest.raises(deploy.DeployFailed, match=r"(?s)ROLLBACK_COMPLETE.*Second.*already exists"):
        deploy.deploy(engine, project, {})
    project.write_text(TEMPLATE)
    outputs = deploy.deploy(engine, project, {})

    assert answer(engine, outputs["Function"]) == {"answer": 1}
    remove(engine)


def test_a_role_may_only_publish_as_its_own_source(engine: str, outputs: dict[str, str]) -> None:
    credentials = aws.as_keys(aws.role_credentials(engine, outputs["RoleArn"], "tests"))
    events = aws.client("events", engine, credentials)
    entry = {"EventBusName": "tests", "DetailType": "x", "Detail": "{}"}
    events.put_events(Entries=[{**entry, "Source": "gen3d.upload"}])
    for entries in (
        [{**entry, "Source": "gen3d.meshing"}],
        [{**entry, "Source": "gen3d.upload"}, {**entry, "Source": "gen3d.meshing"}],
        [{**entry, "Source": "gen3d.upload", "EventBusName": "default"}],
    ):
        with pytest.raises(ClientError, match="not authorized"):
            events.put_events(Entries=entries)


def test_a_role_may_only_send_as_its_own_address(engine: str, outputs: dict[str, str]) -> None:
    for address in ("right@gen3d.example", "wrong@gen3d.example"):
        aws.client("ses", engine).verify_email_identity(EmailAddress=address)
    credentials = aws.as_keys(aws.role_credentials(engine, outputs["RoleArn"], "tests"))
    mail = {
        "Destination": {"ToAddresses": ["a@b.example"]},
        "Content": {"Simple": {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}}},
    }
    ses = aws.client("sesv2", engine, credentials)
    ses.send_email(FromEmailAddress="right@gen3d.example", **mail)
    with pytest.raises(ClientError, match="not authorized"):
        ses.send_email(FromEmailAddress="wrong@gen3d.example", **mail)


def test_a_role_may_only_publish_to_the_topics_that_it_names(engine: str, outputs: dict[str, str]) -> None:
    credentials = aws.as_keys(aws.role_credentials(engine, outputs["RoleArn"], "tests"))
    sns = aws.client("sns", engine, credentials)
    sns.publish(TopicArn=outputs["Told"], Message="x")
    with pytest.raises(ClientError, match="not authorized"):
        sns.publish(TopicArn=outputs["Untold"], Message="x")


@pytest.mark.parametrize(("account", "trusted"), [("000000000000", True), ("111111111111", False)])
def test_a_roles_trust_in_a_service_of_the_account(engine: str, account: str, trusted: bool) -> None:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sagemaker.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": account}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    name = f"trusting-{account}"
    role = aws.client("iam", engine).create_role(RoleName=name, AssumeRolePolicyDocument=policy)["Role"]
    if trusted:
        assert aws.role_credentials(engine, role["Arn"], "tests")["AccessKeyId"]
    else:
        with pytest.raises(ClientError, match="AccessDenied"):
            aws.role_credentials(engine, role["Arn"], "tests")


def test_a_role_without_a_permission_is_denied(engine: str, role: str) -> None:
    credentials = aws.as_keys(aws.role_credentials(engine, role, "tests"))
    with pytest.raises(ClientError, match="AccessDenied"):
        aws.client("dynamodb", engine, credentials).list_tables()


@pytest.mark.parametrize("versioned", [True, False])
def test_an_upload_is_told_with_its_version(engine: str, versioned: bool) -> None:
    name = f"told-{uuid.uuid4().hex[:8]}"
    s3, sqs, events = (aws.client(service, engine) for service in ("s3", "sqs", "events"))
    s3.create_bucket(Bucket=name)
    if versioned:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_notification_configuration(
        Bucket=name, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["aws.s3"], "detail": {"bucket": {"name": [name]}}}
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
    versions = [s3.put_object(Bucket=name, Key="photo", Body=b"x").get("VersionId") for _ in range(2)]

    told: list[Any] = []

    def all_told() -> bool:
        reply = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        told.extend(json.loads(message["Body"])["detail"]["object"] for message in reply.get("Messages", []))
        return len(told) == 2

    assert poll(all_told, seconds=20)
    assert sorted(one.get("version-id", "") for one in told) == sorted(it or "" for it in versions)
    assert all(versions) == versioned


def test_the_demo_user_keeps_its_password(engine: str, tmp_path: Path) -> None:
    cognito = aws.client("cognito-idp", engine)
    pool = cognito.create_user_pool(PoolName=uuid.uuid4().hex, UsernameAttributes=["email"])["UserPool"]["Id"]
    kept = tmp_path / "user.json"
    first = demo_user(engine, pool, kept)

    assert demo_user(engine, pool, kept) == first
    assert kept.stat().st_mode & 0o777 == 0o600
    kept.unlink()
    assert demo_user(engine, pool, kept).password != first.password
    assert create(engine, pool, "other@gen3d.example").password != first.password
