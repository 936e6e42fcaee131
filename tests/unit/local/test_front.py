"""The one address: API requests pass unchanged, mails are shown harmlessly, the site or an honest page."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from gen3d_local.children import poll
from gen3d_local.front import Front, application
from gen3d_local.state import free_port, write_json

TOKEN = "of the tests"
MAIL = {
    "Source": "gen3d@gen3d.example",
    "To": ["a@b.example"],
    "Subject": "<b>ready</b>",
    "BodyText": "<script>alert(1)</script>",
    "BodyHtml": '<p onclick="x">"quoted"</p>',
    "Timestamp": 1795220772.9,
}


class Echo(BaseHTTPRequestHandler):
    """Answers with what it was asked, or with mails."""

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        asked = {
            "method": self.command,
            "path": self.path,
            "body": body,
            "headers": {name.lower(): value for name, value in self.headers.items()},
        }
        mails = {"messages": {"000000000000": [MAIL] if self.headers["X-Gen3D-Token"] == TOKEN else []}}
        self.send_response(302 if self.path.endswith("/d/token") else 200)
        self.send_header("Location", "http://elsewhere/file")
        self.send_header("Set-Cookie", "a=1")
        self.send_header("Set-Cookie", "b=2")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(json.dumps(mails if "ses/messages" in self.path else asked).encode())

    do_POST = do_PATCH = do_DELETE = do_PUT = do_HEAD = do_OPTIONS = do_GET  # noqa: N815 - the library's names

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def engine() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    path = tmp_path / "outputs.json"
    write_json(path, {"ApiId": "abc123"})
    return path


@contextlib.contextmanager
def serve(engine: str, outputs: Path, site: Path) -> Iterator[httpx.Client]:
    """The front on a port of its own."""
    port = free_port()
    app = application(Front(engine, outputs, outputs.with_name("demo-user.json"), TOKEN), site)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert poll(lambda: server.started, seconds=20)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def client(engine: str, outputs: Path, tmp_path: Path) -> Iterator[httpx.Client]:
    with serve(engine, outputs, tmp_path / "missing") as made:
        yield made


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_requests_reach_the_api_as_they_are(client: httpx.Client, method: str) -> None:
    answer = client.request(
        method,
        "/api/sessions/a%2Fb?limit=2&cursor=x%3D",
        content=b'{"name": "\xc3\xa9"}',
        headers={"Authorization": "token", "Content-Type": "application/json"},
    ).json()

    assert answer["method"] == method
    assert answer["path"] == "/_aws/execute-api/abc123/api/sessions/a%2Fb?limit=2&cursor=x%3D"
    assert answer["body"] == '{"name": "é"}'
    assert answer["headers"]["authorization"] == "token"
    assert answer["headers"]["content-type"] == "application/json"


@pytest.mark.parametrize(
    "path",
    [
        "/api/../../../../_ministack/ses/messages",
        "/api/..",
        "/api/./config",
        "/api/%2e%2e/%2E%2E/_ministack/ses/messages",
        "/api/..%2f..%2f_ministack/ses/messages",
        "/api/%252e%252e/config",
        "/api/..%5c..",
    ],
)
def test_nothing_leads_out_of_the_api(client: httpx.Client, path: str) -> None:
    # The library would tidy the path up.
    connection = HTTPConnection("127.0.0.1", client.base_url.port)
    connection.request("GET", path)
    assert connection.getresponse().status == 400
    connection.close()
    assert client.get("/api/sessions/a..b/...").status_code == 200


def test_answers_come_back_as_they_are(client: httpx.Client) -> None:
    reply = client.get("/api/d/token")
    assert (reply.status_code, reply.headers["location"]) == (302, "http://elsewhere/file")
    assert reply.headers.get_list("set-cookie") == ["a=1", "b=2"]


def test_before_the_stack_is_there_the_api_says_so(engine: str, tmp_path: Path) -> None:
    with serve(engine, tmp_path / "none.json", tmp_path) as client:
        assert client.get("/api/config").status_code == 503


def test_an_engine_that_is_away_is_a_bad_gateway(outputs: Path, tmp_path: Path) -> None:
    with serve(f"http://127.0.0.1:{free_port()}", outputs, tmp_path) as client:
        assert client.get("/api/config").status_code == 502


def test_mails_are_shown_without_their_scripts(client: httpx.Client) -> None:
    page = client.get("/mail").text
    assert "21 November 2026, 00:26 UTC" in page
    assert "&lt;b&gt;ready&lt;/b&gt;" in page
    assert "<script>" not in page
    assert 'sandbox="allow-popups"' in page
    assert "onclick=&quot;x&quot;" in page


def test_without_a_built_site_there_is_an_honest_page(client: httpx.Client) -> None:
    page = client.get("/").text
    assert "has not been built" in page
    assert "/api/config" in page


def test_the_built_site_is_served(engine: str, outputs: Path, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("the site")
    (tmp_path / "app.js").write_text("code")
    with serve(engine, outputs, tmp_path) as client:
        assert client.get("/").text == "the site"
        assert client.get("/app.js").text == "code"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "app.1a2b.js").write_text("code")
    (tmp_path / "index.html").write_text("the site")
    return tmp_path


def test_the_page_answers_for_every_address_in_it(engine: str, outputs: Path, site: Path) -> None:
    with serve(engine, outputs, site) as client:
        assert client.get("/sessions/ses_1/jobs/job_2").text == "the site"
        assert client.get("/assets/gone.js").status_code == 404


def test_the_site_is_isolated_and_loads_only_from_here(engine: str, outputs: Path, site: Path) -> None:
    with serve(engine, outputs, site) as client:
        for path in ("/", "/assets/app.1a2b.js", "/missing.js"):
            headers = client.get(path).headers
            assert headers["cross-origin-opener-policy"] == "same-origin"
            assert headers["cross-origin-embedder-policy"] == "require-corp"
            assert headers["x-content-type-options"] == "nosniff"
            policy = headers["content-security-policy"]
            assert "unsafe-inline" not in policy
            assert "'unsafe-eval'" not in policy
            assert f"connect-src 'self' blob: data: {engine}" in policy


def test_only_what_is_named_by_its_content_is_kept_for_good(engine: str, outputs: Path, site: Path) -> None:
    with serve(engine, outputs, site) as client:
        assert "immutable" in client.get("/assets/app.1a2b.js").headers["cache-control"]
        assert client.get("/").headers["cache-control"] == "no-cache"
        assert client.get("/sessions").headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("accepted", ["br", "gzip, deflate, br, zstd", "gzip, BR ; q=0.5"])
def test_what_the_build_has_compressed_is_sent_so(
    engine: str, outputs: Path, site: Path, accepted: str
) -> None:
    (site / "assets" / "app.1a2b.js.br").write_text("smaller")
    with (
        serve(engine, outputs, site) as client,
        client.stream("GET", "/assets/app.1a2b.js", headers={"Accept-Encoding": accepted}) as reply,
    ):
        assert b"".join(reply.iter_raw()) == b"smaller"
        assert reply.headers["content-encoding"] == "br"
        assert reply.headers["content-type"].partition(";")[0] in {
            "text/javascript",
            "application/javascript",
        }
        assert reply.headers["vary"] == "Accept-Encoding"
        assert "immutable" in reply.headers["cache-control"]
        assert "content-security-policy" in reply.headers


@pytest.mark.parametrize("accepted", ["", "gzip", "gzip, br;q=0", "br;q=0.00", "brotli"])
def test_who_does_not_take_that_gets_the_file(engine: str, outputs: Path, site: Path, accepted: str) -> None:
    (site / "assets" / "app.1a2b.js.br").write_text("smaller")
    with serve(engine, outputs, site) as client:
        reply = client.get("/assets/app.1a2b.js", headers={"Accept-Encoding": accepted})
        assert reply.text == "code"
        assert "content-encoding" not in reply.headers
        assert reply.headers["vary"] == "Accept-Encoding"


def test_what_the_build_did_not_compress_is_sent_as_it_is(engine: str, outputs: Path, site: Path) -> None:
    with serve(engine, outputs, site) as client:
        reply = client.get("/assets/app.1a2b.js", headers={"Accept-Encoding": "br"})
        assert reply.text == "code"
        assert "content-encoding" not in reply.headers
        assert client.get("/assets/gone.js", headers={"Accept-Encoding": "br"}).status_code == 404


def test_the_demo_user_is_for_the_site_only(client: httpx.Client, outputs: Path) -> None:
    person = {"email": "demo@gen3d.example", "password": "kept here"}
    assert client.get("/local/demo-user").status_code == 503
    write_json(outputs.with_name("demo-user.json"), person)
    mine = client.get("/local/demo-user", headers={"Sec-Fetch-Site": "same-origin"})
    assert mine.json() == person
    assert mine.headers["cache-control"] == "no-store"
    for elsewhere in ("cross-site", "same-site", "none"):
        assert client.get("/local/demo-user", headers={"Sec-Fetch-Site": elsewhere}).status_code == 403
    assert client.get("/local/demo-user", headers={"Host": "evil.example"}).status_code == 400


def test_other_host_names_are_refused(client: httpx.Client) -> None:
    assert client.get("/mail", headers={"Host": "evil.example"}).status_code == 400
    assert client.get("/mail", headers={"Host": "localhost:8000"}).status_code == 200
