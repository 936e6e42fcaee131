"""How many requests a person may make in a minute, counted in the service's memory of what it handled."""

from __future__ import annotations

import os
from datetime import datetime

from gen3d_events import aws

WINDOW_SECONDS = 60
_KEPT_SECONDS = 10 * WINDOW_SECONDS


def wait_seconds(user_id: str, now: datetime) -> int:
    """Count one request at `now`: 0 if it is allowed, else the seconds until the next minute begins."""
    second = int(now.timestamp())
    window = second // WINDOW_SECONDS
    answer = aws.client("dynamodb").update_item(
        TableName=os.environ["ALLOWANCE_TABLE"],
        Key={"id": {"S": f"requests#{user_id}#{window}"}},
        UpdateExpression="SET expiration = :expiration ADD requests :one",
        ExpressionAttributeValues={":expiration": {"N": str(second + _KEPT_SECONDS)}, ":one": {"N": "1"}},
        ReturnValues="UPDATED_NEW",
    )
    taken = int(answer["Attributes"]["requests"]["N"])
    allowed = taken <= int(os.environ["REQUESTS_PER_MINUTE"])
    return 0 if allowed else WINDOW_SECONDS - second % WINDOW_SECONDS
