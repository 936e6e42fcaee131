from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ParamValidationError, UnknownServiceError
from botocore.loaders import Loader
from botocore.parsers import ResponseParserFactory
from gen3d_events import aws

from tests.unit.events.conftest import Cloud

SERVICES = ("cognito-idp", "dynamodb", "events", "kms", "s3", "sagemaker-runtime", "sesv2", "sqs")


def test_a_client_is_made_once(cloud: Cloud) -> None:
    assert aws.client("s3") is aws.client("s3")
    assert aws.client("s3") is not aws.client("sqs")


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("kind", ["service-2", "endpoint-rule-set-1", "paginators-1"])
def test_service_data_is_botocores_own(service: str, kind: str) -> None:
    assert aws.ServiceData().load_service_model(service, kind) == Loader().load_service_model(service, kind)


@pytest.mark.parametrize("name", ["endpoints", "partitions", "_retry", "sdk-default-configuration"])
def test_so_is_what_all_services_share(name: str) -> None:
    assert aws.ServiceData().load_data(name) == Loader().load_data(name)


def test_an_unknown_service_is_called_unknown(cloud: Cloud) -> None:
    with pytest.raises(UnknownServiceError):
        aws.client("no-such-service")


def test_dynamodb_s_answers_are_parsed_as_by_botocore() -> None:
    value = {"M": {"list": {"L": [{"N": "1.5"}, {"NULL": True}, {"BOOL": False}]}, "text": {"S": "é"}}}
    body = {"Items": [{"value": value}], "Count": 1, "LastEvaluatedKey": {"id": {"S": "x"}}}
    answer = {"status_code": 200, "headers": {}, "context": {}, "body": json.dumps(body).encode()}
    refused = {
        **answer,
        "status_code": 400,
        "body": b'{"__type": "x#ConditionalCheckFailedException", "Item": {"value": {"S": "kept"}}}',
    }
    service = aws.session().client("dynamodb", region_name="eu-central-1").meta.service_model
    query = service.operation_model("Query").output_shape
    ours = aws.session()._session.get_component("response_parser_factory")
    for parsed in (answer, refused):
        own, theirs = (factory.create_parser("json") for factory in (ours, ResponseParserFactory()))
        assert own.parse(parsed, query) == theirs.parse(parsed, query)
        assert type(own) is not type(theirs)


def test_only_a_function_leaves_the_check_of_parameters_to_the_service(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ParamValidationError):
        aws.client("dynamodb").list_tables(Limit=0)
    aws.client.cache_clear()
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "f")
    assert aws.client("dynamodb").list_tables(Limit=0)  # which AWS would refuse, but not moto


def test_an_object_is_put_without_asking_first(cloud: Cloud) -> None:
    s3, sent = aws.client("s3"), list[Any]()
    where = {"LocationConstraint": s3.meta.region_name}
    s3.create_bucket(Bucket="bucket", CreateBucketConfiguration=where)
    s3.meta.events.register_first(
        "before-send.s3.PutObject", lambda request, **_: sent.append(request.headers)
    )
    s3.put_object(Bucket="bucket", Key="key", Body=b"body")
    (headers,) = sent
    assert "Expect" not in headers
    assert headers["User-Agent"].startswith(b"gen3d ")
