"""Works off the queue of one endpoint: one request at a time to the container, and back to S3 and SNS while
the next one is computed.

What was ordered to go wrong with a request (misbehaviour.py) goes wrong here.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from botocore import exceptions as botocore
from botocore.exceptions import ClientError
from gen3d_events.codes import codes
from gen3d_events.inference import ErrorReply

from gen3d_local import notification
from gen3d_local.container import Container, ContainerFailed
from gen3d_local.misbehaviour import Misbehaviour, Place
from gen3d_local.queue import Queue, Request
from gen3d_local.registry import Endpoint
from gen3d_local.roles import Role

RETRY_SECONDS = 1.0
RESTART_SECONDS, MAX_RESTART_SECONDS, STABLE_SECONDS = 0.5, 30.0, 60.0
# Long enough for a server to have begun.
KILL_SECONDS = 0.1
# Not listening yet, silent or cut off: as while the laptop cloud starts, or its engine is started again.
AWAY = (botocore.ConnectionError, botocore.HTTPClientError, botocore.IncompleteReadError)
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Failure:
    """Why a request failed. body: the model's reply, kept at the failure location, which `place` names."""

    reason: str
    body: bytes | None = None
    expired: bool = False
    place: Place = "response"


Outcome = httpx.Response | Failure
Outcomes = Callable[[], AsyncIterator[Outcome]]

EXPIRED = Failure("The request waited longer than RequestTTLSeconds.", expired=True)


class Worker:
    def __init__(self, endpoint: Endpoint, queue: Queue, container: Container, role: Role) -> None:
        self.endpoint = endpoint
        self.container = container
        self.role = role
        self._queue = queue
        self._arrived = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._telling: asyncio.Task[None] | None = None
        self._released_at = 0.0
        self._untold: dict[str, Outcome] = {}

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._run()), asyncio.create_task(self._keep_server())]

    def accept(self, request: Request) -> None:
        """Keep the request; it is answered even if this process is killed now."""
        self._queue.put(request)
        self._arrived.set()

    def release(self) -> None:
        """Answer what was ordered to be answered late."""
        self._released_at = time.time()
        self._arrived.set()

    async def stop(self) -> None:
        """A request that is being computed, or told of, stays in the queue."""
        tasks = [*self._tasks, *([self._telling] if self._telling else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.container.stop()

    async def _run(self) -> None:
        while True:
            self._arrived.clear()
            try:
                await self._told()
                for token, request in self._queue.waiting():
                    if self._is_held(request):
                        await self._compute_untold(request)
                    elif request.misbehaviour:
                        await self._told()
                        await self._tell(
                            token, request, partial(self._outcomes, request, request.misbehaviour)
                        )
                    else:
                        outcome = await self._computed(request)
                        await self._told()
                        self._telling = asyncio.create_task(
                            self._tell(token, request, partial(_alone, outcome))
                        )
            except Exception:
                logger.exception("The queue cannot be worked off; trying again")
                await asyncio.sleep(RETRY_SECONDS)
                continue
            await self._arrived.wait()

    async def _keep_server(self) -> None:
        """Start a lost server again: at once, and more and more slowly while it keeps ending."""
        pause = RESTART_SECONDS
        while True:
            await asyncio.sleep(pause)
            try:
                if self.container.lost:
                    logger.warning("The inference server of %s ended; starting it again", self.endpoint.name)
                    pause = min(2 * pause, MAX_RESTART_SECONDS)
                    self.container.start()
                elif self.container.uptime > STABLE_SECONDS:
                    pause = RESTART_SECONDS
            except OSError:
                logger.exception("The inference server of %s cannot be started", self.endpoint.name)

    async def _told(self) -> None:
        """Wait until the answer that is on its way was given."""
        telling, self._telling = self._telling, None
        if telling:
            await telling

    async def _computed(self, request: Request) -> Outcome:
        """How the request ended; waits while the engine is away."""
        while True:
            try:
                return await self._invoke(request)
            except AWAY:
                await self._engine_is_away(request)
            except Exception as error:
                logger.exception("%s cannot be computed", request.inference_id)
                return Failure(f"InternalError: {error!r}")

    async def _tell(self, token: Path, request: Request, outcomes: Outcomes) -> None:
        """Only then is the request out of the queue."""
        await self._until_answered(request, outcomes)
        self._queue.answered(token)
        self._untold.pop(request.inference_id, None)

    async def _until_answered(self, request: Request, outcomes: Outcomes) -> None:
        """Answer; wait while the engine is away. What else goes wrong is the answer, and told once."""
        failure: Failure | None = None
        while True:
            try:
                async for outcome in outcomes() if failure is None else _alone(failure):
                    await self._answer(request, outcome)
            except AWAY:
                await self._engine_is_away(request)
                continue
            except Exception as error:
                logger.exception("%s cannot be answered", request.inference_id)
                if failure is None:
                    failure = Failure(f"InternalError: {error!r}")
                    continue
            return

    async def _engine_is_away(self, request: Request) -> None:
        logger.exception("%s: the engine does not answer; trying again", request.inference_id)
        await asyncio.sleep(RETRY_SECONDS)

    def _is_held(self, request: Request) -> bool:
        ordered = request.misbehaviour
        held = ordered is not None and ordered.kind in {"late", "untold"}
        return held and request.accepted_at > self._released_at

    async def _compute_untold(self, request: Request) -> None:
        ordered, name = request.misbehaviour, request.inference_id
        if ordered and ordered.kind == "untold" and name not in self._untold:
            self._untold[name] = await self._invoke(request)

    async def _outcomes(self, request: Request, ordered: Misbehaviour) -> AsyncIterator[Outcome]:
        """What is told of a request of which this was ordered."""
        match ordered.kind:
            case "silent":
                logger.warning("%s is never answered, as ordered", request.inference_id)
            case "fail":
                yield _ordered_failure(ordered)
            case "expired":
                yield EXPIRED
            case "killed":
                yield await self._invoke_and_kill(request)
            case "doubled":
                outcome = await self._invoke(request)
                yield outcome
                yield outcome
            case "success-after-failure":
                yield _ordered_failure(ordered)
                await asyncio.sleep(ordered.seconds)
                yield await self._invoke(request)
            case "failure-after-success":
                yield await self._invoke(request)
                await asyncio.sleep(ordered.seconds)
                yield _ordered_failure(ordered)
            case "slow":
                await asyncio.sleep(min(ordered.seconds, request.timeout_seconds))
                slept_enough = ordered.seconds < request.timeout_seconds
                yield await self._invoke(request) if slept_enough else _timed_out(request)
            case "untold":
                yield self._untold.get(request.inference_id) or await self._invoke(request)
            case _:  # late
                yield await self._invoke(replace(request, accepted_at=time.time()))

    async def _invoke_and_kill(self, request: Request) -> Outcome:
        """A server that is killed answers nothing, however quick it was."""
        computing = asyncio.create_task(self._invoke(request))
        await asyncio.sleep(KILL_SECONDS)
        await asyncio.to_thread(self.container.kill)
        outcome = await computing
        return outcome if isinstance(outcome, Failure) else _broke_off("it was killed")

    async def _answer(self, request: Request, outcome: Outcome) -> None:
        name, now = self.endpoint.name, time.time()
        if isinstance(outcome, httpx.Response):
            content_type = outcome.headers.get("Content-Type", "application/octet-stream")
            await self._put(request.output_location, outcome.content, content_type)
            await self._publish(
                self.endpoint.success_topic, notification.completed(name, request, content_type, now)
            )
        else:
            logger.warning("%s failed: %s", request.inference_id, outcome.reason)
            if outcome.body is not None:
                await self._put(request.failure_location, outcome.body, "application/json")
            message = notification.failed(
                name,
                request,
                outcome.reason,
                now,
                place=outcome.place if outcome.body is not None else "nowhere",
                expired=outcome.expired,
            )
            await self._publish(self.endpoint.error_topic, message)

    async def _invoke(self, request: Request) -> Outcome:
        if time.time() - request.accepted_at > request.ttl_seconds:
            return EXPIRED
        try:
            body = await self._get(request.input_location)
        except ClientError as error:
            return Failure(f"ClientError: the input could not be read: {error}")
        try:
            reply = await self.container.invoke(
                body, request.content_type, request.accept, request.timeout_seconds
            )
        except httpx.TimeoutException:
            return _timed_out(request)
        except (httpx.HTTPError, ContainerFailed) as error:
            return _broke_off(repr(error))
        return reply if reply.is_success else _refusal(reply)

    async def _get(self, location: str) -> bytes:
        bucket, key = _bucket_and_key(location)
        s3 = await asyncio.to_thread(self.role.client, "s3")
        reply = await asyncio.to_thread(s3.get_object, Bucket=bucket, Key=key)
        body: bytes = await asyncio.to_thread(reply["Body"].read)
        return body

    async def _put(self, location: str, body: bytes, content_type: str) -> None:
        bucket, key = _bucket_and_key(location)
        s3 = await asyncio.to_thread(self.role.client, "s3")
        await asyncio.to_thread(s3.put_object, Bucket=bucket, Key=key, Body=body, ContentType=content_type)

    async def _publish(self, topic: str, message: dict[str, Any]) -> None:
        sns = await asyncio.to_thread(self.role.client, "sns")
        await asyncio.to_thread(sns.publish, TopicArn=topic, Message=json.dumps(message))


async def _alone(outcome: Outcome) -> AsyncIterator[Outcome]:
    yield outcome


def _timed_out(request: Request) -> Failure:
    return Failure(f"ModelError: Model invocation timed out after {request.timeout_seconds} s.")


def _broke_off(why: str) -> Failure:
    return Failure(
        "ModelError: Received server error (0) from primary and could not load the entire response body. "
        + why
    )


def _ordered_failure(ordered: Misbehaviour) -> Failure:
    """The code is told in one place only: in the object, or where none is named in the reason."""
    error_class = codes[ordered.code].error_class
    reply = ErrorReply(code=ordered.code, error_class=error_class, message="ordered").model_dump_json()
    reason = "ModelError: Received server error (500) from primary"
    if ordered.failure_location == "nowhere":
        return Failure(f'{reason} with message "{reply}".')
    return Failure(f"{reason}.", body=reply.encode(), place=ordered.failure_location)


def _refusal(reply: httpx.Response) -> Failure:
    kind = "client" if reply.is_client_error else "server"
    reason = f'Received {kind} error ({reply.status_code}) from primary with message "{reply.text}".'
    return Failure(f"ModelError: {reason}", body=reply.content)


def _bucket_and_key(location: str) -> tuple[str, str]:
    """Of `s3://bucket/key`."""
    parts = urlsplit(location, allow_fragments=False)
    return parts.netloc, parts.path.removeprefix("/")
