"""A container's server that does what its input says: `{"do": "echo"}`, or fail, sleep, die, whoami."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route


async def ping(_: Request) -> Response:
    return PlainTextResponse("")


async def invocations(request: Request) -> Response:
    wanted = json.loads(await request.body())
    if wanted["do"] == "fail":
        return JSONResponse({"code": "model_unavailable"}, status_code=wanted["status"])
    if wanted["do"] == "die":
        os._exit(1)
    if wanted["do"] == "sleep":
        await run_in_threadpool(_sleep, wanted)
    if wanted["do"] == "whoami":
        return JSONResponse(await run_in_threadpool(_whoami))
    return JSONResponse({"echo": wanted, "setting": os.environ.get("SETTING")})


def _sleep(wanted: dict[str, Any]) -> None:
    """Say that the work has begun, then work until the file that says so is there."""
    Path(wanted["begun"]).touch()
    while not Path(wanted["until"]).exists():
        time.sleep(0.02)


def _whoami() -> dict[str, str]:
    import boto3  # takes longer to load than all the rest, and this server is often started

    arn: str = boto3.client("sts").get_caller_identity()["Arn"]
    return {"arn": arn}


if __name__ == "__main__":
    uvicorn.run(
        Starlette(routes=[Route("/ping", ping), Route("/invocations", invocations, methods=["POST"])]),
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        access_log=False,
    )
