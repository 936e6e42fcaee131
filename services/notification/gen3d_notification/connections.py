"""Who is connected, and up to which position of their feed they have been told.

A connection is admitted when its socket is opened, and listens from its first message on: before that nothing
can be sent to it, and who tries is told that it is gone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from botocore.exceptions import ClientError
from gen3d_events import aws

KEPT = timedelta(hours=3)
"""API Gateway closes every connection after two hours."""


class Connection(NamedTuple):
    """position: what it has been told up to. resumed: whether that is where it wanted to go on from."""

    id: str
    user_id: str
    position: int
    resumed: bool


def admit(connection: Connection) -> None:
    _table("put_item", Item=_item(_admitted(connection.id), connection))


def listen(connection_id: str) -> Connection | None:
    """The connection, which is told of news from now on; None if it was not admitted."""
    found = _table("get_item", Key=_admitted(connection_id), ConsistentRead=True).get("Item")
    if found is None:
        return None
    listening = _table(
        "update_item",
        Key=_listening(found["user_id"]["S"], connection_id),
        UpdateExpression="SET #position = if_not_exists(#position, :position), resumed = :resumed,"
        " user_id = :user, expires_at = :expires",
        ExpressionAttributeNames={"#position": "position"},
        ExpressionAttributeValues={
            ":position": found["position"],
            ":resumed": found["resumed"],
            ":user": found["user_id"],
            ":expires": found["expires_at"],
        },
        ReturnValues="ALL_NEW",
    )
    return _connection(listening["Attributes"])


def of(user_id: str) -> Iterator[Connection]:
    """Every connection of a person that listens."""
    pages = (
        aws.client("dynamodb")
        .get_paginator("query")
        .paginate(
            TableName=os.environ["CONNECTIONS_TABLE"],
            KeyConditionExpression="id = :id",
            ExpressionAttributeValues={":id": {"S": f"user#{user_id}"}},
            ConsistentRead=True,
        )
    )
    for page in pages:
        yield from map(_connection, page["Items"])


def told(connection: Connection, position: int) -> None:
    """Remember up to where it has been told, unless it was told of more, or is not there any more."""
    try:
        _table(
            "update_item",
            Key=_listening(connection.user_id, connection.id),
            UpdateExpression="SET #position = :position",
            ConditionExpression="#position < :position",
            ExpressionAttributeNames={"#position": "position"},
            ExpressionAttributeValues={":position": {"N": str(position)}},
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise


def remove(connection_id: str) -> None:
    gone = _table("delete_item", Key=_admitted(connection_id), ReturnValues="ALL_OLD").get("Attributes")
    if gone:
        _table("delete_item", Key=_listening(gone["user_id"]["S"], connection_id))


def forget(connection: Connection) -> None:
    """Remove one that listens, also where it was removed while it began to."""
    remove(connection.id)
    _table("delete_item", Key=_listening(connection.user_id, connection.id))


def _connection(item: dict[str, Any]) -> Connection:
    return Connection(
        id=item["connection_id"]["S"],
        user_id=item["user_id"]["S"],
        position=int(item["position"]["N"]),
        resumed=item["resumed"]["BOOL"],
    )


def _item(key: dict[str, Any], connection: Connection) -> dict[str, Any]:
    expires = datetime.now(UTC) + KEPT
    return {
        **key,
        "user_id": {"S": connection.user_id},
        "position": {"N": str(connection.position)},
        "resumed": {"BOOL": connection.resumed},
        "expires_at": {"N": str(int(expires.timestamp()))},
    }


def _admitted(connection_id: str) -> dict[str, Any]:
    return {"id": {"S": f"connection#{connection_id}"}, "connection_id": {"S": connection_id}}


def _listening(user_id: str, connection_id: str) -> dict[str, Any]:
    return {"id": {"S": f"user#{user_id}"}, "connection_id": {"S": connection_id}}


def _table(operation: str, **arguments: Any) -> dict[str, Any]:
    call = getattr(aws.client("dynamodb"), operation)
    answer: dict[str, Any] = call(TableName=os.environ["CONNECTIONS_TABLE"], **arguments)
    return answer
