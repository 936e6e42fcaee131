"""The GPU image's server as a plain process: what SageMaker does with a container, without a container."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path

import httpx

from gen3d_local.children import HOST, LOCAL, Child, clean_environment
from gen3d_local.state import free_port

MODULE = "gen3d_inference.server"
ROOT = LOCAL.parent
SOURCES = (ROOT / "container", ROOT / "events", LOCAL, ROOT)
# A trained model on a CPU takes its time; one that cannot be loaded says so.
START_SECONDS = 600.0
# What is being computed then is computed again: its request stays in the queue.
STOP_SECONDS = 2.0


class ContainerFailed(RuntimeError):
    """The server did not start, or ended. The message ends with the last lines of its log."""


class Container:
    """Started when it is first needed, and again after it ended."""

    def __init__(self, environment: Mapping[str, str], log: Path, module: str) -> None:
        self._environment = environment
        self._log = log
        self._module = module
        self._child: Child | None = None
        self._http = httpx.AsyncClient(trust_env=False)
        self._url = ""
        self._started = 0.0
        self._answered = False

    @property
    def lost(self) -> bool:
        """Whether the server has ended that had answered once: one that cannot start stays ended."""
        return self._answered and self._ended

    @property
    def uptime(self) -> float:
        """Seconds since the server was last started."""
        return time.monotonic() - self._started

    @property
    def _ended(self) -> bool:
        return self._child is None or self._child.ended

    def start(self) -> None:
        """Begin to start the server unless it runs."""
        if not self._ended:
            return
        self._stop()
        port = free_port()
        self._url = f"http://{HOST}:{port}"
        path = ":".join(map(str, SOURCES))
        variables = {**self._environment, "HOST": HOST, "PORT": str(port), "PYTHONPATH": path}
        self._child = Child("inference server", self._module, clean_environment(**variables), self._log)
        self._started = time.monotonic()

    async def ready(self) -> bool:
        """Whether the server's models are loaded. Raises ContainerFailed when they cannot be."""
        if self._ended and not self._answered:
            raise self._end()
        return await self._answers()

    async def _answers(self) -> bool:
        try:
            reply = await self._http.get(f"{self._url}/ping", timeout=2)
        except httpx.HTTPError:
            return False
        if reply.status_code == httpx.codes.INTERNAL_SERVER_ERROR:
            raise ContainerFailed(f"the inference server cannot load its models: {reply.text}")
        self._answered |= reply.is_success
        return reply.is_success

    async def wait_ready(self) -> None:
        """Start the server if need be and return when its models are loaded. Raises ContainerFailed."""
        self.start()
        try:
            async with asyncio.timeout(START_SECONDS):
                while not await self._answers():
                    if self._ended:
                        raise self._end()
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise ContainerFailed(
                f"the inference server did not answer /ping. Its log {self._log} ends:\n{self.tail()}"
            ) from None

    async def invoke(self, body: bytes, content_type: str, accept: str, seconds: float) -> httpx.Response:
        """POST /invocations. Raises ContainerFailed, httpx.TimeoutException or another httpx.HTTPError."""
        await self.wait_ready()
        return await self._http.post(
            f"{self._url}/invocations",
            content=body,
            headers={"Content-Type": content_type, "Accept": accept},
            timeout=seconds,
        )

    def _end(self) -> ContainerFailed:
        return ContainerFailed(f"the inference server ended. Its log {self._log} ends:\n{self.tail()}")

    def tail(self) -> str:
        return self._child.tail() if self._child else ""

    def kill(self) -> None:
        """End the server without warning."""
        if self._child:
            self._child.stop(seconds=0)

    async def stop(self) -> None:
        """End the server, for good."""
        await self._http.aclose()
        await asyncio.to_thread(self._stop)

    def _stop(self) -> None:
        if self._child:
            self._child.stop(STOP_SECONDS)
            self._child = None
