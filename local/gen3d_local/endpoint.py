"""Stands in for SageMaker's asynchronous inference: InvokeEndpointAsync's HTTP shape, behind it a process.

Run as a module it reads GEN3D_ENGINE_URL, GEN3D_STATE, PORT and GEN3D_SERVER, the module to run as container.
Beside SageMaker's operation it serves `/ready` (200 when each endpoint's server answers),
`/credentials/{endpoint}`, from which the server takes its role's credentials as containers on AWS do, and
`/_gen3d/misbehaviour`, where it is told to go wrong. What a caller may do is not checked here: see
docs/development.md. Only misbehaviour wants the token of the engine's administration.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import os
import re
import secrets
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import uvicorn
from botocore.exceptions import ClientError
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from gen3d_local.admission import TOKEN_HEADER
from gen3d_local.aws import REGION
from gen3d_local.children import HOST
from gen3d_local.container import Container, ContainerFailed
from gen3d_local.misbehaviour import AT_ONCE, PATH, Misbehaviour, Orders, sentence
from gen3d_local.queue import Queue, Request
from gen3d_local.registry import Endpoint, Registry
from gen3d_local.resources import ACCOUNT
from gen3d_local.roles import Role
from gen3d_local.state import State
from gen3d_local.worker import Worker

HEADER = "X-Amzn-SageMaker-"
MAX_TTL_SECONDS, MAX_TIMEOUT_SECONDS = 21_600, 3_600


class Refused(ValueError):
    """SageMaker's ValidationError."""


class Emulator:
    """Every deployed endpoint with its queue, worker and server."""

    def __init__(self, state: State, engine_url: str, own_url: str, server: str) -> None:
        self._registry = Registry(state.sagemaker)
        self._state = state
        self._engine_url = engine_url
        self._own_url = own_url
        self._server = server
        self._token = secrets.token_urlsafe(32)
        self._orders = Orders()
        self._workers: dict[str, Worker] = {}

    async def reconcile(self) -> dict[str, Worker]:
        """The workers of the endpoints that are deployed now; changed or deleted ones are stopped."""
        deployed = self._registry.endpoints()
        for name, worker in list(self._workers.items()):
            if worker.endpoint != deployed.get(name):
                del self._workers[name]
                await worker.stop()
        for name, endpoint in deployed.items():
            if name not in self._workers:
                self._workers[name] = self._worker(endpoint)
                self._workers[name].container.start()
                self._workers[name].start()
        return self._workers

    async def stop(self) -> None:
        await asyncio.gather(*(worker.stop() for worker in self._workers.values()))
        self._workers.clear()

    def _worker(self, endpoint: Endpoint) -> Worker:
        environment = {
            **endpoint.environment,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self._engine_url,
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{self._own_url}/credentials/{endpoint.name}",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": self._token,
        }
        log = self._state.logs / f"server-{endpoint.name}.log"
        queue = Queue(self._state.queues / endpoint.name)
        role = Role(self._engine_url, endpoint.role_arn)
        return Worker(endpoint, queue, Container(environment, log, self._server), role)

    async def invoke(self, http: HttpRequest) -> Response:
        """InvokeEndpointAsync."""
        name = http.path_params["name"]
        try:
            worker = (await self.reconcile()).get(name)
            if worker is None:
                raise Refused(f"Endpoint {name} of account {ACCOUNT} not found.")
            request = parse(http, worker.endpoint)
        except Refused as refusal:
            return _error(400, "ValidationError", str(refusal))
        if ordered := self._orders.take(request.inference_id):
            if ordered.kind in AT_ONCE:
                return _error(*AT_ONCE[ordered.kind])
            request = replace(request, misbehaviour=ordered)
        worker.accept(request)
        locations = {
            f"{HEADER}OutputLocation": request.output_location,
            f"{HEADER}FailureLocation": request.failure_location,
        }
        return JSONResponse({"InferenceId": request.inference_id}, status_code=202, headers=locations)

    async def misbehave(self, http: HttpRequest) -> Response:
        """POST gives an order, DELETE withdraws all and answers what was held back, GET shows what stands."""
        if not hmac.compare_digest(http.headers.get(TOKEN_HEADER, ""), self._state.token()):
            return PlainTextResponse("forbidden", status_code=403)
        if http.method == "POST":
            try:
                self._orders.give(Misbehaviour.model_validate_json(await http.body()))
            except ValidationError as error:
                return PlainTextResponse(sentence(error), status_code=400)
        if http.method == "DELETE":
            self._orders.withdraw()
            for worker in self._workers.values():
                worker.release()
        return JSONResponse([order.model_dump() for order in self._orders.standing])

    async def ready(self, _: HttpRequest) -> Response:
        try:
            for worker in (await self.reconcile()).values():
                if not await worker.container.ready():
                    return PlainTextResponse("the inference server is starting", status_code=503)
        except ContainerFailed as failure:
            return PlainTextResponse(str(failure), status_code=500)
        return PlainTextResponse("ready")

    async def credentials(self, http: HttpRequest) -> Response:
        worker = self._workers.get(http.path_params["name"])
        if worker is None or not hmac.compare_digest(http.headers.get("Authorization", ""), self._token):
            return PlainTextResponse("forbidden", status_code=403)
        try:
            found = await asyncio.to_thread(worker.role.credentials)
        except ClientError as error:
            return PlainTextResponse(str(error), status_code=403)
        return JSONResponse(
            {
                "AccessKeyId": found["AccessKeyId"],
                "SecretAccessKey": found["SecretAccessKey"],
                "Token": found["SessionToken"],
                "Expiration": found["Expiration"].isoformat(),
            }
        )


def _error(status: int, kind: str, message: str) -> Response:
    return JSONResponse({"Message": message}, status_code=status, headers={"x-amzn-ErrorType": kind})


def parse(http: HttpRequest, endpoint: Endpoint) -> Request:
    """The validated request, its locations chosen. Raises Refused with SageMaker's wording."""

    def header(name: str, default: str = "") -> str:
        return http.headers.get(HEADER + name, default)

    location = header("InputLocation")
    if not re.fullmatch(r"s3://[^/]+/.+", location) or len(location) > 1024:
        raise Refused("InputLocation must be an S3 URI.")
    inference_id = header("Inference-Id", str(uuid.uuid4()))
    if not re.fullmatch(r"\S[ -~]{0,63}", inference_id):
        raise Refused(_constraint("inferenceId", "Member must have length between 1 and 64"))
    stem = uuid.uuid4()
    return Request(
        inference_id=inference_id,
        input_location=location,
        output_location=f"{endpoint.output_path}/{stem}.out",
        failure_location=f"{endpoint.failure_path}/{stem}-error.out",
        content_type=header("Content-Type", "application/octet-stream"),
        accept=header("Accept", "*/*"),
        ttl_seconds=_within("requestTTLSeconds", header("RequestTTLSeconds", "21600"), 60, MAX_TTL_SECONDS),
        timeout_seconds=_within(
            "invocationTimeoutSeconds", header("InvocationTimeoutSeconds", "900"), 1, MAX_TIMEOUT_SECONDS
        ),
        accepted_at=time.time(),
    )


def _within(name: str, text: str, low: int, high: int) -> int:
    if not text.isdecimal() or not low <= int(text) <= high:
        raise Refused(_constraint(name, f"Member must have value between {low} and {high}"))
    return int(text)


def _constraint(name: str, rule: str) -> str:
    return f"1 validation error detected: Value at '{name}' failed to satisfy constraint: {rule}"


def application(emulator: Emulator) -> Starlette:
    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await emulator.reconcile()
        yield
        await emulator.stop()

    return Starlette(
        lifespan=lifespan,
        routes=[
            Route("/endpoints/{name}/async-invocations", emulator.invoke, methods=["POST"]),
            Route("/credentials/{name}", emulator.credentials),
            Route(PATH, emulator.misbehave, methods=["GET", "POST", "DELETE"]),
            Route("/ready", emulator.ready),
        ],
    )


def main() -> None:
    port = int(os.environ["PORT"])
    emulator = Emulator(
        State(Path(os.environ["GEN3D_STATE"])),
        os.environ["GEN3D_ENGINE_URL"],
        f"http://{HOST}:{port}",
        os.environ["GEN3D_SERVER"],
    )
    uvicorn.run(application(emulator), host=HOST, port=port, access_log=False, timeout_graceful_shutdown=2)


if __name__ == "__main__":
    main()
