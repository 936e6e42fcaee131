"""The one address of the laptop cloud: the site, the API under /api/, the socket, the mails sent under /mail,
and the demo user's password for the site's button under /local/demo-user.

On AWS CloudFront does this, without the last two. Run as a module it reads GEN3D_ENGINE_URL, GEN3D_STATE and
PORT.
"""

from __future__ import annotations

import contextlib
import html
import os
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import unquote

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from gen3d_local import mail
from gen3d_local.admission import TOKEN_HEADER
from gen3d_local.children import HOST, LOCAL
from gen3d_local.site import Site
from gen3d_local.sockets import pass_on
from gen3d_local.state import State, read_json

PAGE = Path(__file__).with_name("page.html")
SITE = LOCAL.parent / "frontend" / "dist"
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
# Headers that belong to one connection, not to the message.
OWN = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


class Front:
    """outputs, user: in the state folder. token: of the engine's administration, which has the mails."""

    def __init__(self, engine_url: str, outputs: Path, user: Path, token: str) -> None:
        self.engine_url = engine_url
        self._outputs = outputs
        self._user = user
        self._token = token
        # The first call of a function starts its process, so allow API Gateway's own limit.
        self._http = httpx.AsyncClient(base_url=engine_url, timeout=29, trust_env=False)

    async def close(self) -> None:
        await self._http.aclose()

    async def api(self, request: Request) -> Response:
        """The REST API: its stage is called `api`, so the path is the same on both sides."""
        asked = request.scope["raw_path"].decode()
        if _climbs(asked):
            return PlainTextResponse("An address has no dot segments here.", status_code=400)
        try:
            api_id = read_json(self._outputs)["ApiId"]
        except FileNotFoundError:
            return PlainTextResponse("Gen3D is still being deployed.", status_code=503)
        path = f"/_aws/execute-api/{api_id}{asked}"
        try:
            reply = await self._http.request(
                request.method,
                httpx.URL(path, query=request.scope["query_string"] or None),
                content=await request.body(),
                headers=[(name, value) for name, value in request.headers.items() if name not in OWN],
            )
        except httpx.HTTPError as error:
            return PlainTextResponse(f"The engine does not answer: {error!r}", status_code=502)
        answer = Response(reply.content, reply.status_code)
        for name, value in reply.headers.multi_items():
            if name.lower() not in OWN:
                answer.headers.append(name, value)
        return answer

    async def socket(self, browser: WebSocket) -> None:
        """The WebSocket API."""
        try:
            api_id = read_json(self._outputs)["SocketApiId"]
        except FileNotFoundError:
            await browser.send_denial_response(
                PlainTextResponse("Gen3D is still being deployed.", status_code=503)
            )
        else:
            await pass_on(browser, self.engine_url, api_id)

    async def mail(self, _: Request) -> Response:
        """Every mail that was sent, the newest first."""
        reply = await self._http.get(mail.PATH, headers={TOKEN_HEADER: self._token})
        reply.raise_for_status()
        shown = "<hr>".join(_shown(one) for one in reversed(mail.parse(reply.json())))
        return HTMLResponse(f"<!doctype html><title>Mail</title><h1>Mail</h1>{shown}")

    async def demo_user(self, request: Request) -> Response:
        """Email and password, for the site's own page: browsers say whose request it is."""
        if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
            return PlainTextResponse("Only for the site on this computer.", status_code=403)
        try:
            return JSONResponse(read_json(self._user), headers={"Cache-Control": "no-store"})
        except FileNotFoundError:
            return PlainTextResponse("Gen3D is still being deployed.", status_code=503)


def _climbs(path: str) -> bool:
    """Whether the path has `.` or `..` segments, which lead out of the API, however they are encoded."""
    while (plain := unquote(path)) != path:
        path = plain
    return not {".", ".."}.isdisjoint(path.replace("\\", "/").split("/"))


def _shown(one: mail.Mail) -> str:
    """A mail as HTML; its own HTML is shown without scripts and without rights."""
    text = html.escape
    frame = f'<iframe sandbox="allow-popups" width="100%" height="400" srcdoc="{text(one.html)}"></iframe>'
    return (
        f"<h2>{text(one.subject)}</h2><p>{one.sent_at:%d %B %Y, %H:%M} UTC, from {text(one.sender)} "
        f"to {text(', '.join(one.to))}</p><pre>{text(one.text)}</pre>{frame if one.html else ''}"
    )


def application(front: Front, site: Path) -> Starlette:
    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await front.close()

    async def page(_: Request) -> Response:
        return FileResponse(PAGE)

    built = (site / "index.html").exists()
    home: BaseRoute = Mount("/", Site(site, front.engine_url)) if built else Route("/", page)
    return Starlette(
        lifespan=lifespan,
        # A page elsewhere whose name points at this computer must not read mails with their links.
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])],
        routes=[
            Route("/api/{path:path}", front.api, methods=METHODS),
            WebSocketRoute("/socket", front.socket),
            Route("/mail", front.mail),
            Route("/local/demo-user", front.demo_user),
            home,
        ],
    )


def main() -> None:
    state = State(Path(os.environ["GEN3D_STATE"]))
    front = Front(os.environ["GEN3D_ENGINE_URL"], state.outputs, state.user, state.token())
    uvicorn.run(
        application(front, SITE),
        host=HOST,
        port=int(os.environ["PORT"]),
        access_log=False,
        timeout_graceful_shutdown=2,
    )


if __name__ == "__main__":
    main()
