"""Passes a WebSocket on to the engine's WebSocket API, whose stage is called `socket`, as its path is."""

from __future__ import annotations

import asyncio

from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

PASSED_ON = ("Origin", "User-Agent")
OPEN_SECONDS = 29.0
"""The first event of a function starts its process, so allow API Gateway's own limit."""
NO_STATUS, ABNORMAL = 1005, 1006
"""Codes that say how a socket ended, and that no end may send."""


async def pass_on(browser: WebSocket, engine_url: str, api_id: str) -> None:
    """Until either side closes; a refusal of the engine is passed on with its status."""
    address = f"{engine_url.replace('http', 'ws', 1)}/_aws/execute-api/{api_id}/socket"
    if query := browser.scope["query_string"].decode():
        address += f"?{query}"
    try:
        async with connect(
            address,
            additional_headers=_headers(browser),
            user_agent_header=None,
            open_timeout=OPEN_SECONDS,
            ping_interval=None,
            proxy=None,
        ) as engine:
            await browser.accept()
            await _both_ways(browser, engine)
    except InvalidStatus as refusal:
        await browser.send_denial_response(
            PlainTextResponse("The socket was not opened.", refusal.response.status_code)
        )
    except (OSError, InvalidHandshake) as error:
        await browser.send_denial_response(
            PlainTextResponse(f"The engine does not answer: {error!r}", status_code=502)
        )


async def _both_ways(browser: WebSocket, engine: ClientConnection) -> None:
    up, down = asyncio.create_task(_up(browser, engine)), asyncio.create_task(_down(browser, engine))
    try:
        await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        up.cancel()
        down.cancel()
        await asyncio.gather(up, down, return_exceptions=True)


async def _up(browser: WebSocket, engine: ClientConnection) -> None:
    try:
        while True:
            await engine.send(await browser.receive_text())
    except WebSocketDisconnect as end:
        await engine.close(_sendable(end.code), end.reason or "")
    except ConnectionClosed:
        return


async def _down(browser: WebSocket, engine: ClientConnection) -> None:
    try:
        async for message in engine:
            await browser.send_text(message if isinstance(message, str) else message.decode())
    except ConnectionClosed:
        pass
    await browser.close(_sendable(engine.close_code), engine.close_reason)


def _sendable(code: int | None) -> int:
    return 1000 if code in {None, NO_STATUS, ABNORMAL} else int(code or 1000)


def _headers(browser: HTTPConnection) -> dict[str, str]:
    return {name: browser.headers[name] for name in PASSED_ON if name in browser.headers}
