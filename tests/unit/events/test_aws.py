from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ParamValidationError, UnknownServiceError
from botocore.loaders import Loader
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
