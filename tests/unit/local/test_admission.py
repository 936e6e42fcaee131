"""Who may ask the engine: this computer by its names, the site by its origin, its owner by a token."""

from __future__ import annotations

import json
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from gen3d_local import aws
from gen3d_local.admission import TOKEN_HEADER
from gen3d_local.mail import PATH, sent
from gen3d_local.state import State

ELSEWHERE = "http://evil.example"
PREFLIGHT = {"Access-Control-Request-Method": "POST"}


@pytest.fixture
def http(engine: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=engine, trust_env=False) as client:
        yield client


def test_a_reset_wants_the_token_and_no_page(engine: str, state: State, http: httpx.Client) -> None:
    kept = f"kept-{uuid.uuid4().hex[:8]}"
    aws.client("s3", engine).create_bucket(Bucket=kept)
    for headers in (
        {"Origin": ELSEWHERE, "Content-Type": "text/plain"},
        {},
        {TOKEN_HEADER: "guessed"},
        {TOKEN_HEADER: "gu\u00e9ssed"},
        {TOKEN_HEADER: state.token(), "Origin": ELSEWHERE},
        {TOKEN_HEADER: state.token(), "Host": "evil.example"},
    ):
        encoded = {name.encode(): value.encode("latin-1") for name, value in headers.items()}
        assert http.post("/_ministack/reset", headers=encoded).status_code == 403
    assert kept in [bucket["Name"] for bucket in aws.client("s3", engine).list_buckets()["Buckets"]]


def test_its_owner_reads_the_mails(engine: str, state: State, http: httpx.Client) -> None:
    assert http.get(PATH).status_code == 403
    ses = aws.client("ses", engine)
    subject = uuid.uuid4().hex
    ses.verify_email_identity(EmailAddress="a@gen3d.example")
    ses.send_email(
        Source="a@gen3d.example",
        Destination={"ToAddresses": ["b@gen3d.example"]},
        Message={"Subject": {"Data": subject}, "Body": {"Text": {"Data": "t"}}},
    )
    assert subject in [mail.subject for mail in sent(engine, state.token())]


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example", "127.0.0.1:1"]
)
def test_another_hosts_name_is_refused(http: httpx.Client, host: str) -> None:
    port = http.base_url.port
    assert http.get("/_ministack/ready", headers={"Host": host.format(port=port)}).status_code == 403
    assert http.get("/", headers={"Host": host.format(port=port)}).status_code == 403
    assert http.get("/_ministack/ready", headers={"Host": f"localhost:{port}"}).status_code == 200


def test_a_page_elsewhere_may_not_call_aws_as_the_root_user(
    engine: str, http: httpx.Client, site: str
) -> None:
    """The root user's keys are no secret, so a page could sign with them."""
    queue = aws.client("sqs", engine).create_queue(QueueName=uuid.uuid4().hex)["QueueUrl"]
    for path in ("/", urlsplit(queue).path):
        for origin in (ELSEWHERE, "null"):
            assert http.options(path, headers={**PREFLIGHT, "Origin": origin}).status_code == 403
            assert http.post(path, headers={"Origin": origin}).status_code == 403
        for origin in (site, site.replace("127.0.0.1", "localhost")):
            assert http.options(path, headers={**PREFLIGHT, "Origin": origin}).status_code == 200


def test_buckets_have_cors_rules_of_their_own(engine: str, http: httpx.Client) -> None:
    s3, bucket = aws.client("s3", engine), f"cors-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=bucket)
    rule = {"AllowedOrigins": ["http://partner.example"], "AllowedMethods": ["POST"]}
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    allowed = {**PREFLIGHT, "Origin": "http://partner.example"}

    assert http.options(f"/{bucket}", headers=allowed).status_code == 200
    assert http.options(f"/{bucket}", headers={**PREFLIGHT, "Origin": ELSEWHERE}).status_code == 403


def test_what_the_engine_writes_is_private(engine: str, state: State) -> None:
    aws.client("cognito-idp", engine).create_user_pool(PoolName=uuid.uuid4().hex)
    assert stat.S_IMODE(state.folder.stat().st_mode) == 0o700
    assert json.loads((state.folder / "engine-token.json").read_text()) == state.token()
    for path in _below(state.engine):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def _below(folder: Path) -> list[Path]:
    return [folder, *folder.rglob("*")]
