"""The SageMaker server: GET /ping and POST /invocations on $PORT, or 8080, of all interfaces, or of $HOST.

`python -m gen3d_inference.server`; SageMaker's argument `serve` is accepted. It listens at once and loads the
engines meanwhile: /ping says 503 until they are ready, and 500 with the reason if one cannot be loaded. One
request is computed at a time, in a thread of its own, so that /ping answers meanwhile. On SIGTERM it takes no
new requests, gives the running one 25 s, answers it with `inference_unavailable` if that was not enough, and
exits with 0.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from http import HTTPStatus
from types import FrameType
from typing import Any, Protocol

import uvicorn
from gen3d_events.inference import InferenceRequest, Reply
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from gen3d_inference.engines import EngineUnavailable
from gen3d_inference.failures import InferenceError
from gen3d_inference.lifecycle import Status
from gen3d_inference.settings import models, port
from gen3d_inference.telemetry import about, logger, tell_of_libraries

GRACE_SECONDS = 25
"""SageMaker kills 30 s after SIGTERM."""
MAX_BODY_BYTES = 1_000_000
"""A request names its files; SageMaker itself would pass on a gigabyte."""

_STATUS = {
    "user": HTTPStatus.UNPROCESSABLE_ENTITY,
    "transient": HTTPStatus.SERVICE_UNAVAILABLE,
    "system": HTTPStatus.INTERNAL_SERVER_ERROR,
}


class Computing(Protocol):
    """What the routes are over; see Models."""

    def begin(self) -> None: ...

    def status(self) -> Status: ...

    def run(self, request: InferenceRequest) -> Reply: ...


class _Refused(Exception):
    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status


def application(computing: Computing, closing: asyncio.Event | None = None) -> Starlette:
    """The two routes. Once `closing` is set, what is still being computed is given up."""
    bench = ThreadPoolExecutor(max_workers=1, thread_name_prefix="bench")
    closing = closing or asyncio.Event()

    async def ping(_: Request) -> Response:
        code, text = computing.status()
        return Response(text, code, media_type="text/plain")

    async def invocations(request: Request) -> Response:
        try:
            task = InferenceRequest.model_validate_json(await _body(request))
        except _Refused as refused:
            # The body was not read: its bytes must not be taken for the next request.
            return _refusal(_invalid(str(refused)), refused.status, {"Connection": "close"})
        except ValidationError as error:
            return _refusal(_invalid(str(error)), HTTPStatus.BAD_REQUEST)
        try:
            work = asyncio.get_running_loop().run_in_executor(bench, computing.run, task)
            reply = await _unless(closing, work)
        except InferenceError as error:
            logger.warning("Failed", extra={**about(task), "code": error.code, "detail": error.detail})
            return _refusal(error, _STATUS[error.error_class])
        logger.info("Answered", extra={**about(task), "seconds": reply.seconds})
        return Response(reply.model_dump_json(), media_type="application/json")

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        computing.begin()
        yield

    return Starlette(
        routes=[Route("/ping", ping), Route("/invocations", invocations, methods=["POST"])],
        lifespan=lifespan,
    )


async def _body(request: Request) -> bytes:
    """The JSON of a request. Raises _Refused, at once where its headers tell."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise _Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the content type must be application/json")
    too_large = _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is over {MAX_BODY_BYTES} bytes")
    if int(request.headers.get("content-length", 0)) > MAX_BODY_BYTES:
        raise too_large
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise too_large
    except ClientDisconnect:
        raise _Refused(HTTPStatus.BAD_REQUEST, "the connection ended before the body") from None
    return bytes(body)


async def _unless(closing: asyncio.Event, work: asyncio.Future[Reply]) -> Reply:
    """What the work gives. Raises its InferenceError, or `inference_unavailable` when closing comes first."""
    closed = asyncio.ensure_future(closing.wait())
    either: set[asyncio.Future[Any]] = {work, closed}
    done, _ = await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    closed.cancel()
    if work not in done:
        work.cancel()
        raise InferenceError("inference_unavailable", "the server was told to end while this was computed")
    return work.result()


class _Server(uvicorn.Server):
    """On a signal it also gives the running request its last seconds."""

    def __init__(self, config: uvicorn.Config, closing: asyncio.Event, grace_seconds: float) -> None:
        super().__init__(config)
        self._closing = closing
        self._grace_seconds = grace_seconds

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        loop = asyncio.get_running_loop()
        loop.call_soon_threadsafe(loop.call_later, self._grace_seconds, self._closing.set)
        super().handle_exit(sig, frame)


def serve(computing: Computing, host: str, port: int, grace_seconds: float = GRACE_SECONDS) -> None:
    """Serve until SIGTERM or SIGINT; never returns then, because a computing thread cannot be stopped."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _exit)
    tell_of_libraries()
    closing = asyncio.Event()
    config = uvicorn.Config(
        application(computing, closing),
        host=host,
        port=port,
        log_config=None,
        log_level="warning",
        # For a connection that never ends its request.
        timeout_graceful_shutdown=math.ceil(grace_seconds) + 1,
    )
    _Server(config, closing, grace_seconds).run()


def main(environment: Mapping[str, str]) -> None:
    try:
        configured, at = models(environment), port(environment)
    except EngineUnavailable as error:
        sys.exit(f"The inference server cannot start. {error}")
    serve(configured, environment.get("HOST", "0.0.0.0"), at)  # noqa: S104


def _invalid(why: str) -> InferenceError:
    return InferenceError("inference_request_invalid", why)


def _refusal(error: InferenceError, status: HTTPStatus, headers: dict[str, str] | None = None) -> Response:
    return Response(error.reply.model_dump_json(), status, headers, media_type="application/json")


def _exit(*_: object) -> None:
    # uvicorn has finished the running request when it hands the signal on to this, or it was given up.
    logging.shutdown()
    os._exit(0)


if __name__ == "__main__":
    main(os.environ)
