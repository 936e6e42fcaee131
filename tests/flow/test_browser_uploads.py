"""What a browser on the site may send to the buckets, and one elsewhere may not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from gen3d import Gen3D
from gen3d_local.cloud import Cloud

ELSEWHERE = "https://elsewhere.example"


@pytest.fixture(scope="module")
def form(gen3d: Gen3D) -> dict[str, Any]:
    upload: dict[str, Any] = gen3d.api.post("/sessions", {"content_type": "image/jpeg"})["upload"]
    return upload


def preflight(form: dict[str, Any], origin: str, method: str = "POST") -> httpx.Response:
    headers = {"Origin": origin, "Access-Control-Request-Method": method}
    return httpx.options(form["url"], headers=headers)


def post(form: dict[str, Any], origin: str, content: bytes, **changes: str) -> httpx.Response:
    return httpx.post(
        form["url"],
        data=form["fields"] | changes,
        files={"file": ("photo.jpg", content)},
        headers={"Origin": origin},
        timeout=60,
    )


def test_the_site_may_post(cloud: Cloud, form: dict[str, Any], photo: Path) -> None:
    allowed = preflight(form, cloud.url)
    assert allowed.status_code == 200
    assert allowed.headers["Access-Control-Allow-Origin"] == cloud.url
    assert "POST" in allowed.headers["Access-Control-Allow-Methods"]
    sent = post(form, cloud.url, photo.read_bytes())
    assert sent.status_code == 204
    assert sent.headers["Access-Control-Allow-Origin"] == cloud.url


def test_a_page_elsewhere_may_not(form: dict[str, Any], photo: Path) -> None:
    refused = preflight(form, ELSEWHERE)
    assert refused.status_code == 403
    assert "Access-Control-Allow-Origin" not in refused.headers
    assert "Access-Control-Allow-Origin" not in post(form, ELSEWHERE, photo.read_bytes()).headers


def test_the_site_may_not_delete(cloud: Cloud, form: dict[str, Any]) -> None:
    assert preflight(form, cloud.url, "DELETE").status_code == 403


def test_the_form_is_good_for_its_key_type_and_size_only(
    cloud: Cloud, form: dict[str, Any], photo: Path
) -> None:
    content = photo.read_bytes()
    elsewhere = form["fields"]["key"].replace("incoming/", "users/")
    assert post(form, cloud.url, content, key=elsewhere).status_code == 403
    assert post(form, cloud.url, content, **{"Content-Type": "text/html"}).status_code == 403
    assert post(form, cloud.url, b"\0" * (20 * 1024 * 1024 + 1)).status_code == 400
