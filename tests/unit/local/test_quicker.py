"""A policy is parsed once, and yet what it says now is what counts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from gen3d_local import aws
from gen3d_local.state import State

NAME = "quicker"


@pytest.fixture
def queue(engine: str) -> str:
    url: str = aws.client("sqs", engine).create_queue(QueueName=NAME)["QueueUrl"]
    return url


@pytest.fixture
def iam(engine: str) -> Iterator[Any]:
    iam = aws.client("iam", engine)
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    iam.create_role(RoleName=NAME, AssumeRolePolicyDocument=document(trust))
    yield iam
    for policy in iam.list_role_policies(RoleName=NAME)["PolicyNames"]:
        iam.delete_role_policy(RoleName=NAME, PolicyName=policy)
    iam.delete_role(RoleName=NAME)


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def say(iam: Any, effect: str) -> None:
    policy = document({"Effect": effect, "Action": "sqs:SendMessage", "Resource": "*"})
    iam.put_role_policy(RoleName=NAME, PolicyName=effect, PolicyDocument=policy)


def with_table(engine: str, name: str) -> Any:
    """DynamoDB, with a new table of that name, whose key is `id`."""
    rows = aws.client("dynamodb", engine)
    rows.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return rows


def test_a_changed_policy_counts_at_once(engine: str, iam: Any, queue: str) -> None:
    arn = iam.get_role(RoleName=NAME)["Role"]["Arn"]
    sqs = aws.client("sqs", engine, aws.as_keys(aws.role_credentials(engine, arn, "tests")))

    def send() -> None:
        sqs.send_message(QueueUrl=queue, MessageBody="x")

    with pytest.raises(ClientError, match="AccessDenied"):
        send()
    say(iam, "Allow")
    send()
    say(iam, "Deny")
    with pytest.raises(ClientError, match="explicit deny"):
        send()
    iam.delete_role_policy(RoleName=NAME, PolicyName="Deny")
    send()
    iam.delete_role_policy(RoleName=NAME, PolicyName="Allow")
    with pytest.raises(ClientError, match="AccessDenied"):
        send()


def test_a_queue_s_own_policy_sees_who_calls(engine: str, iam: Any, queue: str) -> None:
    """Its caller is found without looking up what they may do."""
    arn = iam.get_role(RoleName=NAME)["Role"]["Arn"]
    say(iam, "Allow")
    root, sqs = (
        aws.client("sqs", engine),
        aws.client("sqs", engine, aws.as_keys(aws.role_credentials(engine, arn, "tests"))),
    )
    sqs.send_message(QueueUrl=queue, MessageBody="x")
    denied = {"Effect": "Deny", "Principal": {"AWS": arn}, "Action": "sqs:SendMessage", "Resource": "*"}
    root.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": document(denied)})
    with pytest.raises(ClientError, match="AccessDenied"):
        sqs.send_message(QueueUrl=queue, MessageBody="x")
    root.send_message(QueueUrl=queue, MessageBody="x")
    root.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": ""})


def test_an_unknown_key_is_refused(engine: str, queue: str) -> None:
    keys = {"aws_access_key_id": "nobodys-key", "aws_secret_access_key": "x"}
    with pytest.raises(ClientError, match=r"InvalidClientTokenId|UnrecognizedClient"):
        aws.client("sqs", engine, keys).send_message(QueueUrl=queue, MessageBody="x")


def test_what_was_read_stays_what_it_was(engine: str) -> None:
    """Rows are copied in a way of our own: no change may reach into an answer, or come of a refused one."""
    rows = with_table(engine, "copied")
    key = {"id": {"S": "row"}}
    first = {
        "a": {"M": {"b": {"L": [{"N": "1"}, {"BOOL": True}, {"NULL": True}, {"B": b"x"}, {"SS": ["s"]}]}}}
    }
    rows.put_item(TableName="copied", Item=key | first)
    change = {
        "TableName": "copied",
        "Key": key,
        "UpdateExpression": "SET a.b[0] = :two",
        "ExpressionAttributeValues": {":two": {"N": "2"}},
    }
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        rows.update_item(**change, ConditionExpression="a.b[0] = :two")
    assert rows.get_item(TableName="copied", Key=key)["Item"] == key | first
    assert rows.update_item(**change, ReturnValues="ALL_OLD")["Attributes"] == key | first
    (changed, *rest) = rows.get_item(TableName="copied", Key=key)["Item"]["a"]["M"]["b"]["L"]
    assert (changed, rest) == ({"N": "2"}, first["a"]["M"]["b"]["L"][1:])


def test_an_expression_that_was_seen_before_takes_other_values(engine: str) -> None:
    """It is taken apart once."""
    rows = with_table(engine, "expressions")

    def tell(row: str, word: str) -> Any:
        return rows.update_item(
            TableName="expressions",
            Key={"id": {"S": row}},
            UpdateExpression="SET #a = if_not_exists(#a, :w), #b = :w REMOVE #c, d ADD n :one",
            ExpressionAttributeNames={"#a": "first", "#b": "last", "#c": "c"},
            ExpressionAttributeValues={":w": {"S": word}, ":one": {"N": "1"}},
            ReturnValues="ALL_NEW",
        )["Attributes"]

    for row in ("x", "y"):
        said = {"id": {"S": row}, "first": {"S": f"{row}1"}}
        assert tell(row, f"{row}1") == said | {"last": {"S": f"{row}1"}, "n": {"N": "1"}}
        assert tell(row, f"{row}2") == said | {"last": {"S": f"{row}2"}, "n": {"N": "2"}}


def test_a_key_means_one_object_whatever_lay_there_before(engine: str, state: State) -> None:
    """Where it lies on the disk is remembered: a name may be a file, a folder and neither in turn."""
    s3 = aws.client("s3", engine)
    keys = ["a", "a/b", "a/../b", "b", "b/c/d", "../a", "a/b/../../b"]
    for round_ in ("first", "second"):
        s3.create_bucket(Bucket="places")
        for order in (keys, keys[::-1]):
            for key in order:
                s3.put_object(Bucket="places", Key=key, Body=f"{round_} {key}".encode())
            found = {key: s3.get_object(Bucket="places", Key=key)["Body"].read().decode() for key in keys}
            assert found == {key: f"{round_} {key}" for key in keys}
            files = [it for it in state.objects.rglob("places/**/*") if it.is_file()]
            kept = [it.read_text() for it in files if not it.name.endswith(".meta.json")]
            assert sorted(kept) == sorted(found.values())
            for key in order:
                s3.delete_object(Bucket="places", Key=key)
            assert "Contents" not in s3.list_objects_v2(Bucket="places")
        s3.delete_bucket(Bucket="places")
