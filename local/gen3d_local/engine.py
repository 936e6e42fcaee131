"""The engine: ministack, with the resource types that it lacks, as a child process of the laptop cloud.

Run as a module it reads GEN3D_STATE, GEN3D_SITE_PORT and ministack's own variables. It writes its state down
on SIGALRM, every minute, and when it is stopped.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import hypercorn.asyncio
import uvicorn
from ministack import app
from ministack.core import lambda_runtime, persistence
from ministack.services import eventbridge, lambda_svc
from ministack.services.cloudformation import provisioners
from uvicorn.protocols.http import httptools_impl

from gen3d_local import gateway, object_events, permissions, quicker, resources
from gen3d_local.admission import Admission
from gen3d_local.children import HOST
from gen3d_local.registry import Registry
from gen3d_local.state import State

# After a wake-up that brought nothing the queue poller sleeps, by default for 50 ms: most of a hop.
POLL_GAP_SECONDS = 0.005
# Batches of one queue that run at a time. More than the cores only start more processes, and where a batch
# can grow, the next one takes what came meanwhile.
CONCURRENCY = max(2, os.cpu_count() or 1)
# After a batch that could have been fuller the queue waits this many times as long as that took.
REST, MAX_REST_SECONDS = 3.0, 0.25
# Functions all wait for engine and endpoint, which do one thing at a time, so those come first.
NICE = [shutil.which("nice") or "nice", "-n", "5"]
# How much of a body may wait to be taken. With less it is read in small pieces, each behind what others ask.
READ_AHEAD_BYTES = 16 << 20
# By itself ministack saves only when it is stopped; a kill would then cost everything since the start.
SAVE_SECONDS = 60.0
SAVED_AT_THE_END = ("cloudwatch", "cloudwatch_logs")


def main() -> None:
    state = State(Path(os.environ["GEN3D_STATE"]))
    registry = Registry(state.sagemaker)
    provisioners._RESOURCE_HANDLERS.update(
        {
            "AWS::SageMaker::Model": resources.sagemaker(registry, "Model"),
            "AWS::SageMaker::EndpointConfig": resources.sagemaker(registry, "EndpointConfig"),
            "AWS::SageMaker::Endpoint": resources.sagemaker(registry, "Endpoint"),
            "AWS::ApplicationAutoScaling::ScalableTarget": resources.scalable_target(),
            "AWS::ApplicationAutoScaling::ScalingPolicy": resources.scaling_policy(),
            "AWS::CloudWatch::Alarm": resources.alarm(),
            "AWS::Events::Archive": resources.archive(_archive_call),
        }
    )
    permissions.teach()
    object_events.teach()
    gateway.teach()
    quicker.teach()
    lambda_svc._ESM_IDLE_WAKE_GAP_SECONDS = POLL_GAP_SECONDS
    allowed = lambda_svc._sqs_esm_concurrency
    lambda_svc._sqs_esm_concurrency = lambda mapping, *queue: min(
        allowed(mapping, *queue), CONCURRENCY if mapping["BatchSize"] == 1 else 1
    )
    lambda_svc._run_sqs_batch = _with_rest(lambda_svc._run_sqs_batch)
    lambda_runtime.subprocess = SimpleNamespace(**{**vars(subprocess), "Popen": _nicely})
    signal.signal(signal.SIGALRM, _save)
    signal.setitimer(signal.ITIMER_REAL, SAVE_SECONDS, SAVE_SECONDS)
    app.app = Admission(
        app.app,
        int(os.environ["GATEWAY_PORT"]),
        int(os.environ["GEN3D_SITE_PORT"]),
        state.token(),
        bucket=lambda host, path: app._s3_cors_target(host, path) is not None,
    )
    hypercorn.asyncio.serve = _serve  # type: ignore[assignment]
    app.main()


def _with_rest(run: Callable[..., None]) -> Callable[..., None]:
    """As `run`, which holds the one place that its queue has until it returns."""

    def run_and_rest(
        mapping: dict[str, Any], function: Any, event: Any, batch: list[Any], *queue: Any
    ) -> None:
        began = time.monotonic()
        run(mapping, function, event, batch, *queue)
        if mapping["BatchSize"] > 1 and len(batch) < mapping["BatchSize"]:
            time.sleep(min(REST * (time.monotonic() - began), MAX_REST_SECONDS))

    return run_and_rest


def _nicely(command: Sequence[str], **options: Any) -> subprocess.Popen[str]:
    """A function's process, which gives way to those that all wait for."""
    return subprocess.Popen([*NICE, *command], **options)  # noqa: S603 - ministack's own worker


async def _serve(application: Any, _: Any) -> None:
    """In place of ministack's own web server, which takes longer for each request."""
    httptools_impl.HIGH_WATER_LIMIT = READ_AHEAD_BYTES  # type: ignore[attr-defined]
    config = uvicorn.Config(
        application,
        host=HOST,
        port=int(os.environ["GATEWAY_PORT"]),
        http="httptools",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,  # the engine gives its own
        timeout_keep_alive=75,
        timeout_graceful_shutdown=2,
        log_level="warning",
    )
    await uvicorn.Server(config).serve()


def _save(*_: object) -> None:
    """Write down all but the functions' logs, which grow without end."""
    services = app._build_persistence_save_dict()
    persistence.save_all({name: state for name, state in services.items() if name not in SAVED_AT_THE_END})


def _archive_call(operation: str, request: dict[str, Any]) -> None:
    functions = {
        "create": eventbridge._create_archive,
        "update": eventbridge._update_archive,
        "delete": eventbridge._delete_archive,
    }
    status, _, body = functions[operation](request)
    if status != 200:
        raise ValueError(f"AWS::Events::Archive: {json.loads(body)}")


if __name__ == "__main__":
    main()
