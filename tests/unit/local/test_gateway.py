"""The engine refuses as API Gateway does: in the API's own words, and what is too large."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from gen3d_local import aws
from gen3d_local.gateway import MAX_BODY_BYTES, RESPONSES

STACK = "gateway"
MOCK = {"type": "mock", "requestTemplates": {"application/json": '{"statusCode": 200}'}}
BODY = {
    "openapi": "3.0.1",
    "info": {"title": "gateway"},
    "paths": {"/here": {"post": {"x-amazon-apigateway-integration": MOCK, "responses": {"200": {}}}}},
    RESPONSES: {
        "MISSING_AUTHENTICATION_TOKEN": {
            "statusCode": 404,
            "responseTemplates": {"application/json": '{"code":"not_found"}'},
        },
        "REQUEST_TOO_LARGE": {"responseTemplates": {"application/json": '{"code":"too_large"}'}},
    },
}
TEMPLATE: dict[str, Any] = {
    "Resources": {
        "Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": "gateway", "Body": BODY}},
        "Deployment": {
            "Type": "AWS::ApiGateway::Deployment",
            "Properties": {"RestApiId": {"Ref": "Api"}, "StageName": "api"},
        },
    },
    "Outputs": {"Api": {"Value": {"Ref": "Api"}}},
}


@pytest.fixture(scope="module")
def api(engine: str) -> Iterator[httpx.Client]:
    cloudformation = aws.client("cloudformation", engine)
    cloudformation.create_stack(StackName=STACK, TemplateBody=json.dumps(TEMPLATE))
    cloudformation.get_waiter("stack_create_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})
    (stack,) = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    with httpx.Client(
        base_url=f"{engine}/_aws/execute-api/{stack['Outputs'][0]['OutputValue']}/api", trust_env=False
    ) as client:
        yield client


def test_what_is_not_there_is_refused_in_the_apis_words(api: httpx.Client) -> None:
    reply = api.post("/elsewhere")
    assert (reply.status_code, reply.json()) == (404, {"code": "not_found"})


def test_what_is_too_large_is_refused_in_the_apis_words(api: httpx.Client) -> None:
    reply = api.post("/here", content=bytes(MAX_BODY_BYTES + 1))
    assert (reply.status_code, reply.json()) == (413, {"code": "too_large"})
    assert api.post("/here", content=bytes(MAX_BODY_BYTES)).status_code == 200
