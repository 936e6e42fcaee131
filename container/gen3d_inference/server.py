"""The SageMaker server: GET /ping and POST /invocations on $PORT, or 8080, of all interfaces, or of $HOST.

`python -m gen3d_inference.server`; SageMaker's argument `serve` is accepted. It listens once the engines are
loaded. One request is computed at a time, in a thread of its own, so that /ping answers meanwhile. On SIGTERM
it takes no new requests, gives the running one 25 s, and exits with 0.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus

import uvicorn
from gen3d_events.inference import InferenceRequest
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gen3d_inference.engines import EngineUnavailable, choose_reconstructor, choose_segmenter
from gen3d_inference.failures import InferenceError
from gen3d_inference.tasks import Workshop

logger = logging.getLogger(__name__)

GRACE_SECONDS = 25
"""SageMaker kills 30 s after SIGTERM."""

_STATUS = {
    "user": HTTPStatus.UNPROCESSABLE_ENTITY,
    "transient": HTTPStatus.SERVICE_UNAVAILABLE,
    "system": HTTPStatus.INTERNAL_SERVER_ERROR,
}


def application(workshop: Workshop) -> Starlette:
    """The two routes over a workshop that is ready to work."""
    bench = ThreadPoolExecutor(max_workers=1, thread_name_prefix="bench")

    async def ping(_: Request) -> Response:
        return Response()

    async def invocations(request: Request) -> Response:
        started = time.perf_counter()
        try:
            task = InferenceRequest.model_validate_json(await request.body())
        except ValidationError as error:
            return _refusal(InferenceError("inference_request_invalid", str(error)), HTTPStatus.BAD_REQUEST)
        try:
            reply = await asyncio.get_running_loop().run_in_executor(bench, workshop.run, task)
        except InferenceError as error:
            logger.warning("%s: %s", _named(task), error)
            return _refusal(error, _STATUS[error.error_class])
        logger.info("%s: %.2f s", _named(task), time.perf_counter() - started)
        return Response(reply.model_dump_json(), media_type="application/json")

    return Starlette(
        routes=[Route("/ping", ping), Route("/invocations", invocations, methods=["POST"])],
    )


def _named(task: InferenceRequest) -> str:
    """A request with the keys by which the services' logs tell of the same story."""
    about = task.metadata
    keys = f"correlation_id={about.correlation_id} cause_id={about.event_id}"
    return f"{task.task} {task.inference_id} {keys}{f' job_id={about.job_id}' if about.job_id else ''}"


def serve(workshop: Workshop, host: str, port: int, grace_seconds: int = GRACE_SECONDS) -> None:
    """Serve until SIGTERM or SIGINT; never returns then, because a computing thread cannot be stopped."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _exit)
    uvicorn.run(
        application(workshop),
        host=host,
        port=port,
        log_level="warning",
        timeout_graceful_shutdown=grace_seconds,
    )


def main(environment: Mapping[str, str]) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stdout)
    try:
        workshop = Workshop(
            segmenter=choose_segmenter(environment),
            reconstructor=choose_reconstructor(environment),
            model_bucket=_model_bucket(environment),
        )
    except EngineUnavailable as error:
        sys.exit(f"The inference server cannot start. {error}")
    serve(workshop, environment.get("HOST", "0.0.0.0"), int(environment.get("PORT", "8080")))  # noqa: S104


def _model_bucket(environment: Mapping[str, str]) -> str:
    if not (bucket := environment.get("MODEL_BUCKET")):
        raise EngineUnavailable("MODEL_BUCKET is not set. Set it to the bucket that holds the decoders.")
    return bucket


def _refusal(error: InferenceError, status: HTTPStatus) -> Response:
    return Response(error.reply.model_dump_json(), status, media_type="application/json")


def _exit(*_: object) -> None:
    # uvicorn has finished, or given up on, the running request when it hands the signal on to this.
    logging.shutdown()
    os._exit(0)


if __name__ == "__main__":
    main(os.environ)
