"""HTTP with manners: retries that back off and give up, and errors in the service's own words."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

import httpx

from gen3d.errors import ApiError, SignInFailed, Unreachable

ATTEMPTS = 5
BACKOFF_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 20.0
_WORTH_RETRYING = {429, 500, 502, 503, 504}
_NO_SUCH_ROUTE = "Missing Authentication Token"
"""What API Gateway says, with status 403, of an address that it has no route for."""

TokenProvider = Callable[[], str]
"""Returns a Cognito ID token that is valid now."""


class Api:
    """JSON requests to one deployment. A POST is repeated with its key, by which the service knows that it
    made the session or job already."""

    def __init__(self, url: str, tokens: TokenProvider | None, http: httpx.Client) -> None:
        self.url = url.rstrip("/")
        self.tokens = tokens
        self.http = http

    def get(self, path: str, **params: str | int | None) -> dict[str, Any]:
        return self._json("GET", path, params={k: v for k, v in params.items() if v is not None})

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return self._json("POST", path, {"Idempotency-Key": str(uuid4())}, json=body)

    def patch(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return self._json("PATCH", path, json=body)

    def delete(self, path: str) -> dict[str, Any]:
        return self._json("DELETE", path)

    def _json(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **arguments: Any
    ) -> dict[str, Any]:
        headers = {**(headers or {}), **({"Authorization": self.tokens()} if self.tokens else {})}
        reply = send(
            lambda: self.http.request(method, f"{self.url}{path}", headers=headers, **arguments), self.url
        )
        if reply.is_success:
            try:
                document = reply.json()
            except ValueError:
                document = None
            if not isinstance(document, dict):
                raise Unreachable(f"{self.url} answered, but not as a Gen3D API.", "Check the address.")
            return document
        raise _error(reply, self.url)


def is_loopback(url: str) -> bool:
    """Whether `url` is on this machine: proxies of the environment are for the world outside."""
    return httpx.URL(url).host in {"127.0.0.1", "localhost", "::1"}


def send(request: Callable[[], httpx.Response], url: str) -> httpx.Response:
    """Call `request` until it brings an answer that repeating would not better. Raises Unreachable."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            reply = request()
        except httpx.TransportError as error:
            if attempt == ATTEMPTS:
                raise Unreachable(
                    f"{url} does not answer: {str(error).rstrip('.') or type(error).__name__}.",
                    "Is it running, and is the address right?",
                ) from error
            pause = None
        else:
            if reply.status_code not in _WORTH_RETRYING or attempt == ATTEMPTS:
                return reply
            pause = reply.headers.get("Retry-After")
        time.sleep(_pause(attempt, pause))
    raise AssertionError("unreachable")


def _pause(attempt: int, retry_after: str | None) -> float:
    if retry_after and retry_after.isdecimal():
        return min(float(retry_after), LONGEST_PAUSE_SECONDS)
    return random.uniform(0.5, 1.0) * BACKOFF_SECONDS * 2.0 ** (attempt - 1)  # noqa: S311 - jitter, no secret


def _error(reply: httpx.Response, url: str) -> ApiError | SignInFailed | Unreachable:
    try:
        problem = reply.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        problem = {}
    if problem.get("message") == _NO_SUCH_ROUTE:
        return Unreachable(f"There is no Gen3D API at {url}.", "Check the address; it ends in /api.")
    if reply.status_code in {401, 403} and "code" not in problem:
        return SignInFailed("The API does not accept this sign-in.", "Sign in again.", "unauthorized")
    if "code" not in problem or "message" not in problem:
        return Unreachable(f"{url} answered {reply.status_code} {reply.reason_phrase}.", "Check the address.")
    if problem["code"] == "unauthorized":
        return SignInFailed.from_problem(problem)
    error = ApiError.from_problem(problem)
    error.status = reply.status_code
    return error
