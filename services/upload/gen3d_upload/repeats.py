"""Requests that are sent again because their answer was lost, known by the key that their client gave them.

What a request makes has the id that its first sending was given. So each sending may do the whole work, which
comes to the same row, and none has to wait for, or to know the end of, another one.
"""

from __future__ import annotations

import os
import time
from hashlib import sha256

from gen3d_events import aws

KEPT_SECONDS = 3600
"""At least: the table drops what has expired in its own time."""


def first_id(new_id: str, *request: str) -> str:
    """The id that the first request of these parts was given: `new_id`, if this is the first."""
    digest = sha256("\0".join(request).encode()).hexdigest()
    answer = aws.client("dynamodb").update_item(
        TableName=os.environ["IDEMPOTENCY_TABLE"],
        Key={"id": {"S": f"request#{digest}"}},
        UpdateExpression="SET made = if_not_exists(made, :made), expiration = :expiration",
        ExpressionAttributeValues={
            ":made": {"S": new_id},
            ":expiration": {"N": str(int(time.time()) + KEPT_SECONDS)},
        },
        ReturnValues="ALL_NEW",
    )
    return str(answer["Attributes"]["made"]["S"])
