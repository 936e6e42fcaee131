"""Who may open a socket: tickets and origins."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from gen3d_events import aws
from gen3d_notification import api, tickets

from tests.unit.notification.sockets import ADA, Sockets, enter, refused, route
from tests.unit.upload.conftest import Context


def test_a_ticket_lets_in_once(sockets: Sockets) -> None:
    ticket, expires = tickets.issue(ADA, datetime.now(UTC))
    assert timedelta(seconds=58) < expires - datetime.now(UTC) <= timedelta(seconds=60)
    assert enter("one", ticket) == {"statusCode": 200}
    assert refused(enter("two", ticket)) == "ticket_invalid"


@pytest.mark.parametrize("ticket", ["", "forged", "x" * 4000])
def test_a_forged_ticket_is_refused(sockets: Sockets, ticket: str) -> None:
    tickets.issue(ADA, datetime.now(UTC))
    assert refused(enter("one", ticket)) == "ticket_invalid"
    assert refused(route("$connect", "two", queryStringParameters=None, headers=None)) == "ticket_invalid"


def test_an_expired_ticket_is_refused(sockets: Sockets) -> None:
    ticket, _ = tickets.issue(ADA, datetime.now(UTC) - timedelta(seconds=61))
    assert refused(enter("one", ticket)) == "ticket_invalid"


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "null", "https://gen3d.example.evil", ""])
def test_a_foreign_page_is_refused_and_uses_no_ticket(sockets: Sockets, origin: str) -> None:
    ticket, _ = tickets.issue(ADA, datetime.now(UTC))
    answer = route("$connect", "one", queryStringParameters={"ticket": ticket}, headers={"origin": origin})
    assert refused(answer) == "origin_not_allowed"
    assert enter("two", ticket) == {"statusCode": 200}


def test_a_program_names_no_origin(sockets: Sockets) -> None:
    ticket, _ = tickets.issue(ADA, datetime.now(UTC))
    assert enter("one", ticket, origin=None) == {"statusCode": 200}


def test_no_ticket_is_stored(sockets: Sockets) -> None:
    ticket, _ = tickets.issue(ADA, datetime.now(UTC))
    assert ticket not in json.dumps(aws.client("dynamodb").scan(TableName="TICKETS_TABLE")["Items"])


def ask_for_a_ticket(use: str = "id") -> tuple[int, dict[str, Any]]:
    event = {
        "resource": "/tickets",
        "path": "/tickets",
        "httpMethod": "POST",
        "headers": {},
        "multiValueHeaders": {},
        "requestContext": {
            "stage": "api",
            "path": "/api/tickets",
            "authorizer": {"claims": {"sub": ADA, "token_use": use}},
        },
        "body": None,
        "isBase64Encoded": False,
    }
    answer = api.handler(event, Context())
    return answer["statusCode"], json.loads(answer["body"])


def test_the_api_gives_a_ticket_of_the_user(sockets: Sockets) -> None:
    status, body = ask_for_a_ticket()
    assert (status, set(body)) == (201, {"ticket", "expires_at"})
    assert tickets.redeem(body["ticket"], datetime.now(UTC)) == ADA
    assert datetime.fromisoformat(body["expires_at"]) > datetime.now(UTC)


def test_an_access_token_gets_no_ticket_and_too_many_are_refused(sockets: Sockets) -> None:
    status, body = ask_for_a_ticket("access")
    assert (status, body["code"]) == (401, "unauthorized")
    found = [ask_for_a_ticket() for _ in range(3)]
    assert [body.get("code", "given") for _, body in found] == ["given", "given", "too_many_requests"]
