"""The table of sessions and jobs as DynamoDB speaks of it: its calls, its conditions, and its values."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeSerializer
from botocore.exceptions import ClientError
from gen3d_events import aws
from gen3d_events.read_model import Row

_serializer = TypeSerializer()


def call(operation: str, **arguments: Any) -> Any:
    return getattr(aws.client("dynamodb"), operation)(TableName=os.environ["TABLE_NAME"], **arguments)


def update(**arguments: Any) -> bool:
    """Update an item. Whether it was updated: not if it does not meet the condition."""
    try:
        call("update_item", **arguments)
    except ClientError as error:
        if is_condition(error):
            return False
        raise
    return True


def query(**arguments: Any) -> Iterator[Row]:
    while True:
        answer = call("query", **arguments)
        yield from map(unpack, answer["Items"])
        if "LastEvaluatedKey" not in answer:
            return
        arguments["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def is_condition(error: ClientError) -> bool:
    return bool(error.response["Error"]["Code"] == "ConditionalCheckFailedException")


def pack(row: Row) -> dict[str, Any]:
    """JSON values as DynamoDB's, which knows Decimal and no float."""
    values = json.loads(json.dumps(row), parse_float=Decimal)
    return {name: _serializer.serialize(value) for name, value in values.items()}


def unpack(item: dict[str, Any]) -> Row:
    """DynamoDB's values as JSON's. By way of boto3 and its Decimal it takes three times as long."""
    return {name: _plain(value) for name, value in item.items()}


def _plain(value: dict[str, Any]) -> Any:
    match value:
        case {"S": text}:
            return text
        case {"N": digits}:
            return int(digits) if digits.lstrip("-").isdigit() else float(digits)
        case {"M": items}:
            return unpack(items)
        case {"L": items}:
            return [_plain(item) for item in items]
        case {"BOOL": truth}:
            return truth
        case {"NULL": True}:
            return None
    raise TypeError(f"no value of a row of ours: {value}")
