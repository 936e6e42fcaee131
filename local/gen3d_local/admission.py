"""Who may ask the engine: it stands on this machine, and so do web pages that know its port.

A page elsewhere reaches it by a name that it points at this computer, or by a request that needs no
preflight. So every request must name this computer as its host; one with another origin than the site's
reaches nothing but buckets, whose CORS rules then decide, and the socket, whose function does; and the
engine's own administration wants the token of the state folder.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from gen3d_local.children import HOST

TOKEN_HEADER = "X-Gen3D-Token"  # noqa: S105 - its name
ADMINISTRATION = "/_ministack/"
READY = f"{ADMINISTRATION}ready"
EXECUTE = "/_aws/execute-api/"

Scope = MutableMapping[str, Any]
Channel = Callable[..., Awaitable[Any]]
Application = Callable[[Scope, Channel, Channel], Awaitable[None]]


class Admission:
    """The ASGI application `engine` behind the rules above.

    port, site: of engine and site on this computer. bucket: whether a host and path name one that exists.
    """

    def __init__(
        self, engine: Application, port: int, site: int, token: str, bucket: Callable[[str, str], bool]
    ) -> None:
        self._engine = engine
        self._hosts = _names(port)
        self._origins = {f"http://{name}" for name in _names(site)}
        self._token = token.encode()
        self._bucket = bucket

    async def __call__(self, scope: Scope, receive: Channel, send: Channel) -> None:
        if scope["type"] == "lifespan" or self._admits(scope):
            await self._engine(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            headers = [(b"content-type", b"text/plain")]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": b"Not for this host, origin or token.\n"})

    def _admits(self, scope: Scope) -> bool:
        hosts, origins = _values(scope, "Host"), _values(scope, "Origin")
        path: str = scope["path"]
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            return False
        if path.startswith(ADMINISTRATION):
            return not origins and (path == READY or self._has_token(scope))
        if scope["type"] == "websocket" and path.startswith(EXECUTE):
            return True
        return self._origins.issuperset(origins) or self._bucket(hosts[0], path)

    def _has_token(self, scope: Scope) -> bool:
        return any(hmac.compare_digest(value.encode(), self._token) for value in _values(scope, TOKEN_HEADER))


def _names(port: int) -> frozenset[str]:
    return frozenset({f"{HOST}:{port}", f"localhost:{port}"})


def _values(scope: Scope, name: str) -> list[str]:
    wanted = name.lower().encode()
    return [value.decode("ascii", "replace") for key, value in scope["headers"] if key.lower() == wanted]
