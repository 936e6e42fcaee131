"""The built web app as CloudFront serves it: security headers, caching, one page for every address in it."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

# tests/wiring compares these with the template's response headers policy.
HEADERS = {
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def content_security_policy(services: str, sockets: str = "") -> str:
    """What the page may load. services: origins of files and sign-in; sockets: of live events."""
    told = {
        "default-src": "'none'",
        "base-uri": "'none'",
        "connect-src": f"'self' blob: data: {services} {sockets}".rstrip(),
        "font-src": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
        "img-src": f"'self' blob: data: {services}",
        "manifest-src": "'self'",
        "script-src": "'self' 'wasm-unsafe-eval'",
        "style-src": "'self'",
        "worker-src": "'self' blob:",
    }
    return "; ".join(f"{directive} {sources}" for directive, sources in told.items())


class Site(StaticFiles):
    """The files of frontend/dist. engine_url: where files and sign-in are on this computer."""

    def __init__(self, directory: Path, engine_url: str) -> None:
        super().__init__(directory=directory)
        engine = urlsplit(engine_url).netloc
        # The same page is reached as 127.0.0.1 and as localhost, and so is the engine.
        names = [engine, f"localhost:{engine.rpartition(':')[2]}"]
        services = " ".join(f"http://{name}" for name in names)
        sockets = " ".join(f"ws://{name}" for name in names)
        self._headers = HEADERS | {"Content-Security-Policy": content_security_policy(services, sockets)}

    async def get_response(self, path: str, scope: Scope) -> Response:
        """A file; or the page, which knows what an address without a file name means."""
        hashed = path.startswith(f"assets{os.sep}")
        response = await self._compressed(path, scope) if hashed else None
        if response is None:
            try:
                response = await super().get_response(_file(path), scope)
            except HTTPException as error:
                response = Response(status_code=error.status_code)
        response.headers.update(self._headers)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if hashed else "no-cache"
        if hashed:
            response.headers["Vary"] = "Accept-Encoding"
        return response

    async def _compressed(self, path: str, scope: Scope) -> Response | None:
        """The file as the build has compressed it, where it has and the request takes that."""
        if not _takes_brotli(Headers(scope=scope).get("Accept-Encoding", "")):
            return None
        try:
            # It has the content type of the file within, for `mimetypes` knows .br as an encoding.
            response = await super().get_response(f"{path}.br", scope)
        except HTTPException:
            return None
        response.headers["Content-Encoding"] = "br"
        return response


def _takes_brotli(accepted: str) -> bool:
    """accepted: as in `gzip, br;q=0.9`. With q=0 it is not taken."""
    for one in accepted.lower().split(","):
        name, _, weight = one.replace(" ", "").partition(";q=")
        if name == "br":
            return weight == "" or weight.strip("0.") != ""
    return False


def _file(path: str) -> str:
    return path if PurePosixPath(path).suffix else "index.html"
