"""A model hub on this machine: the addresses, headers and refusals of the real one, as its client expects."""

from __future__ import annotations

import hashlib
import io
import socket
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

REVISION = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "hf_token_of_the_test"
STRANGER = "hf_token_of_a_stranger"


@dataclass
class Hub:
    """files: of each repository, by path. gated: repositories that want a token with access. broken: how many
    more answers with a file's content stop after half of it. asked: each request's line, and its range."""

    files: dict[str, dict[str, bytes]]
    gated: set[str] = field(default_factory=set)
    broken: int = 0
    announced: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    address: str = ""

    def _refused(self, request: Request, name: str) -> Response | None:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in {"", TOKEN, STRANGER}:
            return Response(status_code=401, headers={"X-Error-Message": "Invalid credentials"})
        if name in self.gated and token != TOKEN:
            headers = {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access to this model is restricted"}
            return Response(status_code=403 if token else 401, headers=headers)
        return None

    async def info(self, request: Request) -> Response:
        name = "{owner}/{name}".format(**request.path_params)
        self.asked.append((f"{request.method} {request.url.path}", ""))
        if refusal := self._refused(request, name):
            return refusal
        siblings = [
            {
                "rfilename": path,
                "size": len(content),
                "blobId": "b",
                "lfs": {"sha256": self._sum(path, content), "size": len(content), "pointerSize": 1},
            }
            for path, content in self.files[name].items()
        ]
        return JSONResponse({"id": name, "modelId": name, "sha": REVISION, "siblings": siblings})

    async def content(self, request: Request) -> Response:
        name = "{owner}/{name}".format(**request.path_params)
        path = request.path_params["path"]
        wanted = request.headers.get("range", "")
        self.asked.append((f"{request.method} {request.url.path}", wanted))
        if refusal := self._refused(request, name):
            return refusal
        whole = self.files[name][path]
        begin = int(wanted.removeprefix("bytes=").rstrip("-") or 0)
        headers = {
            "X-Repo-Commit": REVISION,
            "ETag": f'"{self._sum(path, whole)}"',
            "X-Linked-ETag": f'"{self._sum(path, whole)}"',
            "X-Linked-Size": str(len(whole)),
            "Accept-Ranges": "bytes",
        }
        part = whole[begin:]
        if request.method == "GET" and self.broken and len(part) > 100:
            self.broken -= 1
            return Broken(part, headers | {"Content-Length": str(len(part))}, 206 if begin else 200)
        if begin:
            headers["Content-Range"] = f"bytes {begin}-{len(whole) - 1}/{len(whole)}"
        return Response(part, 206 if begin else 200, headers)

    def _sum(self, path: str, content: bytes) -> str:
        return self.announced.get(path, hashlib.sha256(content).hexdigest())

    @property
    def application(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/api/models/{owner}/{name}/revision/{revision}", self.info),
                Route(
                    "/{owner}/{name}/resolve/{revision}/{path:path}", self.content, methods=["GET", "HEAD"]
                ),
            ]
        )


class Broken(Response):
    """Announces all of its body, sends half, and drops the connection."""

    def __init__(self, body: bytes, headers: dict[str, str], status: int) -> None:
        super().__init__(body[: len(body) // 2], status, {})
        self.raw_headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]


@contextmanager
def running(hub: Hub) -> Iterator[Hub]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        hub.address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(hub.application, log_level="critical"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            yield hub
        finally:
            server.should_exit = True
            thread.join()


def archive(files: dict[str, bytes]) -> bytes:
    """A zip archive with one outermost folder, as of a repository."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as zipped:
        for path, content in files.items():
            zipped.writestr(f"repository-0123/{path}", content)
    return made.getvalue()
