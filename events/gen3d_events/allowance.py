"""How many requests a person may make in a minute, counted in the service's memory of what it handled.

Requests of each kind are counted apart, so that a page in a loop of errors does not lock its user out.
"""

from __future__ import annotations

import os
from datetime import datetime
from typing import Literal

from gen3d_events import aws

Kind = Literal["requests", "client-errors"]

WINDOW_SECONDS = 60
CLIENT_ERRORS_PER_MINUTE = 20
_KEPT_SECONDS = 10 * WINDOW_SECONDS


def wait_seconds(user_id: str, now: datetime, kind: Kind = "requests") -> int:
    """Count one request at `now`: 0 if its kind allows it, else the seconds until the next minute begins."""
    second = int(now.timestamp())
    window = second // WINDOW_SECONDS
    answer = aws.client("dynamodb").update_item(
        TableName=os.environ["ALLOWANCE_TABLE"],
        Key={"id": {"S": f"{kind}#{user_id}#{window}"}},
        UpdateExpression="SET expiration = :expiration ADD requests :one",
        ExpressionAttributeValues={":expiration": {"N": str(second + _KEPT_SECONDS)}, ":one": {"N": "1"}},
        ReturnValues="UPDATED_NEW",
    )
    taken = int(answer["Attributes"]["requests"]["N"])
    return 0 if taken <= _allowed(kind) else WINDOW_SECONDS - second % WINDOW_SECONDS


def _allowed(kind: Kind) -> int:
    return CLIENT_ERRORS_PER_MINUTE if kind == "client-errors" else int(os.environ["REQUESTS_PER_MINUTE"])
