"""What the services' functions behind the REST API have in common: the user, refusals, and the allowance.

    app = resolver()
    handler = behind_the_api(app)

A person sees only what is theirs: the user is the `sub` of the ID token that the authorizer has checked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response, content_types
from aws_lambda_powertools.event_handler.api_gateway import ResponseBuilder
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import (
    RequestUnsupportedContentType,
    RequestValidationError,
)
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from botocore.exceptions import BotoCoreError, ClientError

from gen3d_events.allowance import Kind, wait_seconds
from gen3d_events.codes import codes
from gen3d_events.observability import context_keys, count, logger, observed
from gen3d_events.problem import Problem


class Refused(Exception):
    """The request cannot be done; `code` has an HTTP status in the table of codes."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def resolver() -> APIGatewayRestResolver:
    """An application without routes, which answers what it refuses in the error form."""
    app = APIGatewayRestResolver(
        enable_validation=True,
        response_validation_error_http_code=HTTPStatus.INTERNAL_SERVER_ERROR,
        serializer=_compact,
        json_body_deserializer=_parsed,
    )
    app.exception_handler(Refused)(_refused)
    app.exception_handler([RequestValidationError, RequestUnsupportedContentType])(_invalid)
    app.not_found(_not_found)
    app.exception_handler(Exception)(_broken)
    return app


def signed_in(app: APIGatewayRestResolver) -> str:
    """The signed-in user. An access token is refused: it says nothing of who may use this client."""
    claims = app.current_event.request_context.authorizer.claims
    if claims.get("token_use") != "id":
        raise Refused("unauthorized")
    return str(claims["sub"])


def behind_the_api(
    app: APIGatewayRestResolver, kinds: Mapping[str, Kind] | None = None
) -> Callable[[Any, Any], Any]:
    """The Lambda handler of an application. kinds: of requests that are counted apart, by their resource."""

    def answer(event: dict[str, Any], context: Any) -> dict[str, Any]:
        with context_keys("answer", **_asked_about(event)):
            kind = (kinds or {}).get(event["resource"], "requests")
            answer = _over_allowance(event, kind) or app.resolve(event, context)
            count("Requests")
            logger.info(
                "answered",
                method=event["httpMethod"],
                resource=event["resource"],
                status=answer["statusCode"],
            )
        return answer

    return observed(answer)


# --- form --------------------------------------------------------------------------------------------


def _compact(body: Any) -> str:
    return json.dumps(_present(body), separators=(",", ":"))


def _present(value: Any) -> Any:
    """Without the fields that have no value; of a job's texture, null is one."""
    match value:
        case dict():
            return {
                name: _present(item) for name, item in value.items() if item is not None or name == "texture"
            }
        case list():
            return [_present(item) for item in value]
    return value


def _parsed(body: str) -> Any:
    """Raises JSONDecodeError, too, of what is nested too deeply, or has numbers of thousands of digits."""
    try:
        return json.loads(body)
    except json.JSONDecodeError:
        raise
    except (RecursionError, ValueError) as error:
        raise json.JSONDecodeError(str(error), body, 0) from error


# --- refusals ----------------------------------------------------------------------------------------


def _refusal(code: str, detail: str = "") -> Response[dict[str, Any]]:
    status = codes[code].http_status or 500
    return Response(status, content_types.APPLICATION_JSON, Problem.of(code, detail).model_dump())


def _refused(error: Refused) -> Response[dict[str, Any]]:
    return _refusal(error.code)


def _invalid(error: RequestValidationError) -> Response[dict[str, Any]]:
    """Names every field that is wrong, as `options.quality: Input should be ...`."""
    wrong = (f"{_field(it['loc'])}: {it['msg']}" for it in error.errors())
    return _refusal("request_invalid", "; ".join(wrong) + ".")


def _not_found(_: NotFoundError) -> Response[dict[str, Any]]:
    return _refusal("not_found")


def _broken(_: Exception) -> Response[dict[str, Any]]:
    logger.exception("request failed")
    return _refusal("internal_error")


def _field(location: tuple[str | int, ...]) -> str:
    """Which part of the request is meant. Where that is not JSON, its text or an offset is no name."""
    place, *names = location
    known = ".".join(name for name in names if isinstance(name, str) and name.isidentifier())
    return known[:80] or str(place)


# --- the allowance -----------------------------------------------------------------------------------


def _over_allowance(event: dict[str, Any], kind: Kind) -> dict[str, Any] | None:
    """The refusal, if the person asks too often. Requests of no known form count as well.

    Where it cannot be counted, the request goes on: a limit is no reason to fail.
    """
    claims = (event["requestContext"].get("authorizer") or {}).get("claims") or {}
    try:
        wait = wait_seconds(claims["sub"], _now(), kind) if "sub" in claims else 0
    except (ClientError, BotoCoreError):
        logger.warning("request not counted", exc_info=True)
        return None
    if not wait:
        return None
    refusal = _refusal("too_many_requests")
    refusal.headers["Retry-After"] = str(wait)
    builder: ResponseBuilder[APIGatewayProxyEvent] = ResponseBuilder(refusal, _compact)
    return builder.build(APIGatewayProxyEvent(event))


def _now() -> datetime:
    return datetime.now(UTC)


def _asked_about(event: dict[str, Any]) -> dict[str, str | None]:
    """The keys by which this request is found in the logs beside what came of it."""
    named = event.get("pathParameters") or {}
    session_id = named.get("session_id")
    return {
        "correlation_id": session_id,
        "session_id": session_id,
        "job_id": named.get("job_id"),
        "cause_id": event["requestContext"].get("requestId"),
    }
