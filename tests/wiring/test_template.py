"""Names and settings that others rely on, and that no rule covers."""

from __future__ import annotations

import json
import re
import tomllib

import pytest
from gen3d_events.codes import codes

from tests.consumers import CONSUMERS
from tests.wiring import stack
from tests.wiring.patterns import matches
from tests.wiring.stack import ROOT, listed, of_type, referred, text


def test_consumers_have_their_parts() -> None:
    resources = stack.transformed()["Resources"]
    parts = ("Queue", "DeadLetterQueue", "Function", "Role", "LogGroup")
    assert {f"{name}{part}" for name in CONSUMERS for part in parts} <= set(resources)
    assert set(stack.sources_of(stack.transformed())) == {f"{name}Queue" for name in CONSUMERS}


def test_outputs() -> None:
    assert set(stack.transformed()["Outputs"]) >= {
        "ApiUrl",
        "ApiId",
        "SocketApiId",
        "UserPoolId",
        "UserPoolClientId",
        "DataBucketName",
        "ModelBucketName",
        "BusName",
        "EndpointName",
        "SuccessTopicArn",
        "ErrorTopicArn",
        "InferenceRoleArn",
        "SessionsTableName",
    }


def test_a_person_may_make_a_hundred_requests_a_minute() -> None:
    """As docs/api.md says, of each of the two services that count."""
    assert stack.transformed()["Parameters"]["RequestsPerMinute"]["Default"] == 100
    functions = of_type(stack.transformed(), "Lambda::Function")
    allowed = {name: stack.variables_of(one).get("REQUESTS_PER_MINUTE") for name, one in functions.items()}
    assert {name: referred(it) for name, it in allowed.items() if it} == {
        "UploadApiFunction": "RequestsPerMinute",
        "NotificationApiFunction": "RequestsPerMinute",
    }


def test_only_the_retry_queue_holds_back() -> None:
    queues = of_type(stack.transformed(RetryDelaySeconds="7"), "SQS::Queue")
    delays = {name: int(queue.get("DelaySeconds", 0)) for name, queue in queues.items()}
    assert {name: delay for name, delay in delays.items() if delay} == {"ReconstructionRetryQueue": 7}


def test_only_config_and_download_links_are_public() -> None:
    (api,) = of_type(stack.transformed(), "ApiGateway::RestApi").values()
    paths = api["Body"]["paths"]
    methods = {(path, method): one for path, by in paths.items() for method, one in by.items()}
    assert set(methods) == {
        ("/sessions", "get"),
        ("/sessions", "post"),
        ("/sessions/{session_id}", "get"),
        ("/sessions/{session_id}", "patch"),
        ("/sessions/{session_id}", "delete"),
        ("/sessions/{session_id}/restore", "post"),
        ("/sessions/{session_id}/jobs", "post"),
        ("/sessions/{session_id}/jobs/{job_id}", "get"),
        ("/sessions/{session_id}/jobs/{job_id}", "patch"),
        ("/sessions/{session_id}/jobs/{job_id}/links", "post"),
        ("/usage", "get"),
        ("/tickets", "post"),
        ("/client-errors", "post"),
        ("/d/{token}", "get"),
        ("/d/{token}", "head"),
        ("/config", "get"),
    }
    open_to_all = {path for (path, _), one in methods.items() if one.get("security") in ([], [{"NONE": []}])}
    assert open_to_all == {"/d/{token}", "/config"}
    signed_in = {path for (path, _), one in methods.items() if one.get("security") == [{"Cognito": []}]}
    assert signed_in == {path for path, _ in methods} - open_to_all


@pytest.mark.parametrize(
    ("response", "code"),
    [
        ("UNAUTHORIZED", "unauthorized"),
        ("MISSING_AUTHENTICATION_TOKEN", "not_found"),
        ("THROTTLED", "too_many_requests"),
        ("REQUEST_TOO_LARGE", "request_too_large"),
        ("DEFAULT_4XX", "request_invalid"),
        ("DEFAULT_5XX", "internal_error"),
    ],
)
def test_the_gateway_refuses_in_our_words(response: str, code: str) -> None:
    (api,) = of_type(stack.transformed(), "ApiGateway::RestApi").values()
    answer = api["Body"]["x-amazon-apigateway-gateway-responses"][response]
    known = codes[code]
    if response.startswith("DEFAULT"):
        assert "statusCode" not in answer
    else:
        assert int(answer["statusCode"]) == known.http_status
    if known.http_status == codes["too_many_requests"].http_status:
        assert answer["responseParameters"] == {"gatewayresponse.header.Retry-After": "'1'"}
    assert json.loads(answer["responseTemplates"]["application/json"]) == {
        "code": code,
        "error_class": known.error_class,
        "message": known.message,
        "hint": known.hint,
    }


def test_access_log_is_json() -> None:
    (stage,) = of_type(stack.transformed(), "ApiGateway::Stage").values()
    line = json.loads(stage["AccessLogSetting"]["Format"])
    assert {"request_id", "user_id", "path", "status", "latency_ms"} <= set(line)


def test_a_user_is_their_sub() -> None:
    (pool,) = of_type(stack.transformed(), "Cognito::UserPool").values()
    assert (pool["UsernameAttributes"], pool["AutoVerifiedAttributes"]) == (["email"], ["email"])
    (client,) = of_type(stack.transformed(), "Cognito::UserPoolClient").values()
    assert client["GenerateSecret"] is False
    assert set(client["ExplicitAuthFlows"]) == {"ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}


def test_only_mail_and_the_api_know_the_keys_of_links() -> None:
    template = stack.transformed()
    holders = set()
    for name in of_type(template, "IAM::Role"):
        for statement in stack.statements(template, name):
            if "kms:GenerateMac" in stack.listed(statement["Action"]):
                assert referred(statement["Resource"]) == "LinkKey"
                holders.add(name)
    assert holders == {"NotificationMailRole", "UploadApiRole"}


def test_only_starters_ask_the_endpoint() -> None:
    template = stack.transformed()
    askers = {
        name: text(statement["Resource"]).rsplit(":", 1)[-1]
        for name in of_type(template, "IAM::Role")
        for statement in stack.statements(template, name)
        if "sagemaker:InvokeEndpointAsync" in stack.listed(statement["Action"])
    }
    starters = ("EmbeddingStartRole", "ReconstructionStartRole", "ReconstructionRetryRole")
    assert askers == dict.fromkeys(starters, "endpoint/gen3d-${Stage}")


def test_only_push_and_the_socket_post_to_connections_of_this_api() -> None:
    template = stack.transformed()
    posters = {
        name: (listed(statement["Action"]), text(statement["Resource"]).rsplit(":", 1)[-1])
        for name in of_type(template, "IAM::Role")
        for statement in stack.statements(template, name)
        if any(action.startswith("execute-api:") for action in listed(statement["Action"]))
    }
    may = (["execute-api:ManageConnections"], "${SocketApi}/socket/POST/@connections/*")
    assert posters == dict.fromkeys(("NotificationPushRole", "NotificationSocketRole"), may)
    stages = of_type(template, "ApiGatewayV2::Stage").values()
    assert [stage["StageName"] for stage in stages] == ["socket"]


def test_only_rest_hands_out_tickets_and_only_the_socket_takes_them() -> None:
    template = stack.transformed()
    users = {
        name: listed(statement["Action"])
        for name in of_type(template, "IAM::Role")
        for statement in stack.statements(template, name)
        if referred(statement["Resource"]) == "NotificationTicketsTable"
    }
    assert users == {
        "NotificationApiRole": ["dynamodb:PutItem"],
        "NotificationSocketRole": ["dynamodb:DeleteItem"],
    }


def test_a_socket_opens_closes_and_speaks_by_one_function() -> None:
    template = stack.transformed()
    routes = of_type(template, "ApiGatewayV2::Route").values()
    assert {one["RouteKey"] for one in routes} == {"$connect", "$disconnect", "$default"}
    assert {text(one["Target"]) for one in routes} == {"integrations/${SocketIntegration}"}
    (integration,) = of_type(template, "ApiGatewayV2::Integration").values()
    assert integration["IntegrationType"] == "AWS_PROXY"
    assert "${NotificationSocketFunction.Arn}" in text(integration["IntegrationUri"])
    invoked = [
        one
        for one in of_type(template, "Lambda::Permission").values()
        if referred(one["FunctionName"]) == "NotificationSocketFunction"
    ]
    assert [text(one["SourceArn"]).rsplit(":", 1)[-1] for one in invoked] == ["${SocketApi}/*"]


def test_the_sockets_log_tells_no_ticket() -> None:
    (socket,) = of_type(stack.transformed(), "ApiGatewayV2::Stage").values()
    line = json.loads(socket["AccessLogSettings"]["Format"])
    assert {"request_id", "connection_id", "route", "status"} <= set(line)
    assert "query" not in socket["AccessLogSettings"]["Format"].lower()


def test_stages() -> None:
    parameters = stack.source()["Parameters"]
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())
    stages = {"default": "dev", "staging": "staging", "prod": "prod"}
    assert set(config) - {"version"} == set(stages)
    for environment, stage in stages.items():
        assert config[environment]["global"]["parameters"]["language_extensions"] is True
        deploy = config[environment]["deploy"]["parameters"]
        assert deploy["stack_name"] == f"gen3d-{stage}"
        assert deploy["resolve_s3"] is True
        overrides = dict(one.split("=", 1) for one in deploy["parameter_overrides"])
        assert overrides["Stage"] == stage
        assert set(overrides) <= set(parameters)


@pytest.mark.parametrize("file", ["template.yaml", "samconfig.toml"])
def test_no_account_is_named(file: str) -> None:
    assert not re.search(r"\b\d{12}\b", (ROOT / file).read_text())


def test_matching() -> None:
    event = {"source": "gen3d.upload", "detail": {"data": {"intent": "select"}}}
    assert matches({"source": [{"prefix": "gen3d."}], "detail": {"data": {"intent": ["select"]}}}, event)
    assert not matches({"source": ["gen3d.embedding", {"prefix": "aws."}]}, event)
    assert not matches({"detail": {"data": {"intent": ["direct"], "task": ["embed"]}}}, event)
    assert not matches({"detail": {"metadata": {"replay": ["x"]}}}, event)
    with pytest.raises(ValueError, match="unknown operator"):
        matches({"source": [{"suffix": "upload"}]}, event)
