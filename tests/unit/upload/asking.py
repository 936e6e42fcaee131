"""Requests as API Gateway hands them to the API's function, and sessions to ask for."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from gen3d_events import keys, links
from gen3d_events.codes import codes
from gen3d_events.samples import JOB, SESSION, USER, photo, samples
from gen3d_upload import api, rows

from tests.unit.upload.conftest import Context

OTHER = "9d1e7b30-4c52-4f0a-8e6d-2b3c4d5e6f70"


@dataclass
class Answer:
    status: int
    body: Any
    headers: dict[str, str]


def call(
    method: str,
    path: str,
    body: Any = None,
    user: str | None = USER,
    key: str | None = None,
    **query: str,
) -> Answer:
    """One request as API Gateway hands it to the function; `key` is its Idempotency-Key."""
    headers = {"Content-Type": "application/json"} | ({"Idempotency-Key": key} if key else {})
    claims = {"claims": {"sub": user, "token_use": "id"}} if user else None
    event = {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": query or None,
        "multiValueQueryStringParameters": {name: [value] for name, value in query.items()} or None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {"path": f"/api{path}", "stage": "api", "authorizer": claims},
        "body": body if isinstance(body, str) or body is None else json.dumps(body),
        "isBase64Encoded": False,
    }
    return answer(event)


def answer(event: dict[str, Any]) -> Answer:
    found = api.handler(event, Context())
    text = found["body"]
    headers = {name.lower(): values[0] for name, values in found["multiValueHeaders"].items()}
    return Answer(found["statusCode"], json.loads(text) if text else None, headers)


def refusal(found: Answer) -> str:
    """The code of an answer that has the error form and the code's status."""
    assert set(found.body) == {"code", "error_class", "message", "hint"}
    entry = codes[found.body["code"]]
    assert (found.body["error_class"], found.body["hint"]) == (entry.error_class, entry.hint)
    assert found.body["message"].startswith(entry.message)
    assert found.status == entry.http_status
    return str(found.body["code"])


def accepted() -> None:
    """A session with its photo, as ingest leaves it."""
    rows.create(USER, SESSION)
    rows.claim(USER, SESSION, None, "photo", "1")
    rows.accept(USER, SESSION, None, "photo", "1", facts=photo.model_dump(mode="json"))
    rows.fold(samples["Image Uploaded"])


def token(key: str, hours: float = 24, key_id: str | None = None) -> str:
    expires = datetime.now(UTC) + timedelta(hours=hours)
    return links.mint(key_id or os.environ["LINK_KEY_ID"], key, expires)


MESH = f"{keys.job_prefix(USER, SESSION, JOB)}mesh.glb"
