"""The page goes to S3 as CloudFront needs it."""

from __future__ import annotations

from pathlib import Path

import pytest
from gen3d_local.publish import uploads


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<title>page</title>")
    (tmp_path / "favicon.svg").write_text("<svg/>")
    (tmp_path / "assets" / "app-1a2b.js").write_text("code")
    (tmp_path / "assets" / "app-1a2b.js.map").write_text("sources")
    (tmp_path / "assets" / "ort-3c4d.wasm").write_text("program")
    (tmp_path / "assets" / "ort-3c4d.wasm.br").write_text("program, smaller")
    return tmp_path


def test_the_page_comes_after_all_that_it_names(site: Path) -> None:
    keys = [key for key, _ in uploads(site)]
    assert keys[-1] == "index.html"
    assert sorted(keys) == ["assets/app-1a2b.js", "assets/ort-3c4d.wasm", "favicon.svg", "index.html"]


def test_only_what_is_named_by_its_content_is_kept_for_good(site: Path) -> None:
    kept = {key for key, put in uploads(site) if "immutable" in put["CacheControl"]}
    assert kept == {"assets/app-1a2b.js", "assets/ort-3c4d.wasm"}


def test_files_say_what_they_are(site: Path) -> None:
    types = {key: put["ContentType"] for key, put in uploads(site)}
    assert types["index.html"] == "text/html"
    assert types["assets/app-1a2b.js"] in {"text/javascript", "application/javascript"}
    assert types["assets/ort-3c4d.wasm"] == "application/wasm"
    assert types["favicon.svg"] == "image/svg+xml"


def test_what_the_build_has_compressed_is_stored_in_that_form_alone(site: Path) -> None:
    put = dict(uploads(site))
    assert put["assets/ort-3c4d.wasm"]["ContentEncoding"] == "br"
    assert put["assets/ort-3c4d.wasm"]["Body"] == b"program, smaller"
    plain = {key: one["Body"] for key, one in put.items() if "ContentEncoding" not in one}
    assert plain == {
        "assets/app-1a2b.js": b"code",
        "favicon.svg": b"<svg/>",
        "index.html": b"<title>page</title>",
    }
