"""For mail's tests Cognito, SES and KMS in moto; for push's its tables, and API Gateway's side of sockets."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import pytest
from gen3d_events import aws
from gen3d_notification import feed

from tests.unit.notification.mailing import ADDRESS, OPERATOR, Post
from tests.unit.notification.sockets import SITE, Sockets

TABLES: dict[str, tuple[str, ...]] = {
    "TICKETS_TABLE": ("ticket_hash",),
    "CONNECTIONS_TABLE": ("id", "connection_id"),
    "FEED_TABLE": ("user_id", "event_id"),
    "ALLOWANCE_TABLE": ("id",),
}


@pytest.fixture
def post(moto_account: None, monkeypatch: pytest.MonkeyPatch) -> Post:
    cognito = aws.client("cognito-idp")
    pool = cognito.create_user_pool(PoolName="people", UsernameAttributes=["email"])["UserPool"]["Id"]
    user = cognito.admin_create_user(
        UserPoolId=pool, Username=ADDRESS, UserAttributes=[{"Name": "email", "Value": ADDRESS}]
    )["User"]
    aws.client("dynamodb").create_table(
        TableName="told",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    aws.client("sesv2").create_email_identity(EmailIdentity="gen3d@example.com")
    key = aws.client("kms").create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"][
        "KeyId"
    ]
    for name, value in {
        "STAGE": "test",
        "IDEMPOTENCY_TABLE": "told",
        "USER_POOL_ID": pool,
        "MAIL_FROM": "gen3d@example.com",
        "ADMIN_EMAIL": OPERATOR,
        "PUBLIC_URL": "https://gen3d.example",
        "LINK_KEY_ID": key,
    }.items():
        monkeypatch.setenv(name, value)
    return Post(user["Username"])


@pytest.fixture
def sockets(moto_account: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sockets]:
    found = Sockets()
    monkeypatch.setattr(feed, "_lasts", {})

    class Gateway(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            connection_id = unquote(self.path.rpartition("/")[2])
            body = self.rfile.read(int(self.headers["Content-Length"]))
            gone = connection_id in found.gone
            if not gone:
                found.posted.append((connection_id, json.loads(body)))
            self.send_response(410 if gone else 200)
            if gone:
                self.send_header("x-amzn-ErrorType", "GoneException")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    dynamodb = aws.client("dynamodb")
    for name, keys in TABLES.items():
        kinds = dict.fromkeys(keys, "S") | ({"position": "N"} if name == "FEED_TABLE" else {})
        local = {"LocalSecondaryIndexes": [_position_index()]} if name == "FEED_TABLE" else {}
        dynamodb.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                {"AttributeName": key, "AttributeType": kind} for key, kind in kinds.items()
            ],
            KeySchema=_schema(*keys),
            **local,
        )
        monkeypatch.setenv(name, name)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Gateway)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    monkeypatch.setenv("SOCKETS_URL", f"http://127.0.0.1:{server.server_port}/socket")
    monkeypatch.setenv("SITE_ORIGINS", f"{SITE},http://127.0.0.1:8000")
    monkeypatch.setenv("REQUESTS_PER_MINUTE", "3")
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


def _schema(*keys: str) -> list[dict[str, str]]:
    return [{"AttributeName": k, "KeyType": kind} for k, kind in zip(keys, ("HASH", "RANGE"), strict=False)]


def _position_index() -> dict[str, Any]:
    return {
        "IndexName": "position",
        "KeySchema": _schema("user_id", "position"),
        "Projection": {"ProjectionType": "ALL"},
    }
