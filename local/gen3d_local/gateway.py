"""Teaches the engine to refuse as API Gateway does: in the API's own words, what is too large, and a socket
with its function's answer."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from ministack.services import apigateway, apigateway_v1

MAX_BODY_BYTES = 10 * 1024 * 1024
"""Of a request to a REST API. Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html"""

RESPONSES = "x-amazon-apigateway-gateway-responses"
_answer: ContextVar[dict[str, Any] | None] = ContextVar("answer", default=None)


def teach() -> None:
    bring, execute = apigateway_v1._import_rest_api, apigateway_v1._execute_in_scope
    invoke, serve = apigateway._invoke_ws_lambda, apigateway.handle_websocket

    def bring_with_responses(spec: dict[str, Any], base_data: dict[str, Any] | None = None) -> str:
        api_id = str(bring(spec, base_data))
        for kind, response in spec.get(RESPONSES, {}).items():
            apigateway_v1._put_gateway_response(api_id, kind, response)
        return api_id

    async def execute_if_small(request: dict[str, Any], api_id: str, stage: str, *more: Any) -> Any:
        _method, _path, _headers, body, *_ = more
        deployed = apigateway_v1._stages_v1.get(api_id, {}).get(stage)
        if deployed and len(body or b"") > MAX_BODY_BYTES:
            request["stage"] = deployed
            return apigateway_v1._gw_error("REQUEST_TOO_LARGE", "Request Too Long")
        return await execute(request, api_id, stage, *more)

    async def invoke_and_note(*arguments: Any, **more: Any) -> Any:
        answer = await invoke(*arguments, **more)
        _answer.set(answer)
        return answer

    async def serve_with_answer(scope: Any, receive: Any, send: Any, *more: Any, **named: Any) -> None:
        opened = False

        async def send_answer(message: dict[str, Any]) -> None:
            nonlocal opened
            opened = opened or message["type"] == "websocket.accept"
            answer = _answer.get()
            if message["type"] != "websocket.close" or opened or not answer:
                await send(message)
                return
            start = {"status": int(answer["statusCode"]), "headers": [(b"content-type", b"application/json")]}
            await send({"type": "websocket.http.response.start", **start})
            await send({"type": "websocket.http.response.body", "body": answer.get("body", "").encode()})

        _answer.set(None)
        await serve(scope, receive, send_answer, *more, **named)

    apigateway_v1._import_rest_api = bring_with_responses
    apigateway_v1._execute_in_scope = execute_if_small
    apigateway._invoke_ws_lambda = invoke_and_note
    apigateway.handle_websocket = serve_with_answer
