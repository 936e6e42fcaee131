"""Writes the REST API's description: `python -m gen3d_local.openapi [--check]`.

Routes, parameters and bodies come from each service's api.py; what powertools does not know is added here:
which refusals a route has, and which routes are public. `--check` writes nothing, and fails if
docs/openapi.json is stale. It stands here because it alone knows several services.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from http import HTTPStatus
from pathlib import Path
from types import ModuleType
from typing import Any

from aws_lambda_powertools.event_handler.openapi.models import APIKey, APIKeyIn, Server
from gen3d_events.codes import codes
from gen3d_notification import api as notification
from gen3d_upload import api as upload

TARGET = Path(__file__).parents[2] / "docs" / "openapi.json"
SERVICES = (upload, notification)
SCHEME = "id_token"

PUBLIC = {"download", "config"}
SIGNED_IN = ["unauthorized", "too_many_requests"]
"""Refusals of every route that is not public."""

REFUSALS = {
    "create_session": ["request_invalid"],
    "list_sessions": ["request_invalid"],
    "get_session": ["session_not_found"],
    "rename_session": ["request_invalid", "session_not_found"],
    "delete_session": ["session_not_found"],
    "restore_session": ["session_not_found"],
    "create_job": ["request_invalid", "session_not_found", "photo_missing", "mask_source_invalid"],
    "get_job": ["session_not_found", "job_not_found"],
    "rename_job": ["request_invalid", "session_not_found", "job_not_found"],
    "create_link": ["request_invalid", "session_not_found", "job_not_found", "not_found"],
    "get_usage": ["request_invalid"],
    "report_client_error": ["request_invalid"],
    "download": ["link_invalid", "session_not_found", "link_expired"],
    "config": [],
    "create_ticket": [],
}


def document() -> dict[str, Any]:
    found, *others = (_described(service) for service in SERVICES)
    for other in others:
        found["paths"] |= other["paths"]
        found["components"]["schemas"] |= other["components"]["schemas"]
    found["paths"] = dict(sorted(found["paths"].items()))
    schemas = found["components"]["schemas"]
    found["components"]["schemas"] = {
        name: schema for name, schema in sorted(schemas.items()) if "ValidationError" not in name
    }
    return found


def _described(service: ModuleType) -> dict[str, Any]:
    """A service's routes."""
    found: dict[str, Any] = json.loads(
        service.app.get_openapi_json_schema(
            title="Gen3D",
            version="1.0.0",
            description="A photo and a mask become Gaussian splats and a mesh. See docs/api.md for a walk.",
            servers=[Server(url="/api")],
            security_schemes={
                SCHEME: APIKey(
                    name="Authorization", in_=APIKeyIn.header, description="The ID token of the user pool."
                )
            },
            security=[{SCHEME: []}],
        )
    )
    for path in found["paths"].values():
        for operation in path.values():
            _complete(operation, getattr(service, operation["operationId"]).__doc__)
    return found


def _complete(operation: dict[str, Any], summary: str) -> None:
    name = operation["operationId"]
    operation["summary"] = summary
    responses = operation["responses"]
    del responses["422"], responses["500"]
    if name == "download":
        del responses["200"]
        location = {"description": "The file's address.", "schema": {"type": "string", "format": "uri"}}
        responses["302"] = {"description": "The file lies there.", "headers": {"Location": location}}
    if name in PUBLIC:
        operation["security"] = []
    by_status: dict[int, list[str]] = defaultdict(list)
    for code in [*REFUSALS[name], *([] if name in PUBLIC else SIGNED_IN), "internal_error"]:
        by_status[codes[code].http_status or HTTPStatus.INTERNAL_SERVER_ERROR].append(code)
    for status, refusals in by_status.items():
        responses[str(status)] = {
            "description": " ".join(f"`{code}`: {codes[code].message}" for code in refusals),
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    operation["responses"] = dict(sorted(responses.items()))


def main(arguments: list[str]) -> int:
    text = json.dumps(document(), indent=2, ensure_ascii=False) + "\n"
    if "--check" not in arguments:
        TARGET.write_text(text)
    elif not TARGET.exists() or TARGET.read_text() != text:
        print("docs/openapi.json is stale: run python -m gen3d_local.openapi", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
