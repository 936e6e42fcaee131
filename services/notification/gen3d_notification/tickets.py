"""Tickets: what a socket is opened with, for a browser can send no token with it.

Each lets one person in once, within a minute. Only their hashes are stored.
"""

from __future__ import annotations

import os
import secrets
from datetime import datetime, timedelta
from hashlib import sha256

from botocore.exceptions import ClientError
from gen3d_events import aws

LAST = timedelta(seconds=60)


def issue(user_id: str, now: datetime) -> tuple[str, datetime]:
    """A new ticket, and when it expires."""
    ticket, expires = secrets.token_urlsafe(32), (now + LAST).replace(microsecond=0)
    aws.client("dynamodb").put_item(
        TableName=os.environ["TICKETS_TABLE"],
        Item={**_key(ticket), "user_id": {"S": user_id}, "expires_at": {"N": str(int(expires.timestamp()))}},
    )
    return ticket, expires


def redeem(ticket: str, now: datetime) -> str | None:
    """Whose ticket it is, the first time that it is shown and in time; None for every other."""
    try:
        answer = aws.client("dynamodb").delete_item(
            TableName=os.environ["TICKETS_TABLE"],
            Key=_key(ticket),
            ConditionExpression="expires_at > :now",  # which a row that is not there does not meet
            ExpressionAttributeValues={":now": {"N": str(int(now.timestamp()))}},
            ReturnValues="ALL_OLD",
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            return None
        raise
    return str(answer["Attributes"]["user_id"]["S"])


def _key(ticket: str) -> dict[str, dict[str, str]]:
    return {"ticket_hash": {"S": sha256(ticket.encode()).hexdigest()}}
