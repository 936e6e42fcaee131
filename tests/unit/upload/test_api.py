from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from gen3d_events import keys
from gen3d_events.inference import DecoderGraph, EmbeddingManifest
from gen3d_events.models import Engine
from gen3d_events.samples import BUCKET, JOB, SESSION, USER, photo, samples, segmenter
from gen3d_upload import api, rows
from gen3d_upload.limits import MAX_BYTES

from tests.unit.upload.asking import OTHER, accepted, answer, call, refusal
from tests.unit.upload.conftest import MODELS
from tests.unit.upload.telling import HAPPY

pytestmark = pytest.mark.usefixtures("service")


def finished(s3: Any) -> None:
    """A session and a job through which every event of a happy story went."""
    accepted()
    rows.create(USER, SESSION, JOB, name="Chair", options={"quality": "high", "formats": ["glb"], "seed": 7})
    rows.claim(USER, SESSION, JOB, "mask", "2")
    rows.accept(USER, SESSION, JOB, "mask", "2", facts={"key": "users/m/mask.png", "bytes": 900})
    for event in HAPPY[1:]:
        rows.fold(event)
    manifest = EmbeddingManifest(
        engine=segmenter,
        photo_width=1600,
        photo_height=1200,
        input_width=1024,
        input_height=1024,
        preprocessing="scaled",
        mask_width=256,
        mask_height=256,
        embedding_sha256="b" * 64,
        tensors=(),
        decoder=(DecoderGraph(role="decode", key="decoders/abc/decode.onnx", sha256="a" * 64, bytes=12),),
    )
    completed = samples["Embedding Completed"].model_dump()
    s3.put_object(Bucket=BUCKET, Key=completed["manifest_key"], Body=manifest.model_dump_json().encode())


# --- sessions ----------------------------------------------------------------------------------------


def policy(form: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.b64decode(form["fields"]["policy"]))
    return found


def test_a_session_is_created_with_a_form_for_its_photo() -> None:
    found = call(
        "POST", "/sessions", {"filename": "chair.jpg", "name": " My chair ", "content_type": "image/jpeg"}
    )
    assert found.status == 201
    assert found.body["state"] == "awaiting_photo"
    session_id, form = found.body["session_id"], found.body["upload"]
    row = rows.get(USER, session_id)
    assert row
    assert (row["filename"], row["name"]) == ("chair.jpg", "My chair")
    assert form["fields"]["key"] == keys.incoming_photo(USER, session_id)
    assert form["fields"]["x-amz-algorithm"] == "AWS4-HMAC-SHA256"
    conditions = policy(form)["conditions"]
    assert ["content-length-range", 1, MAX_BYTES] in conditions
    for exact in ({"bucket": BUCKET}, {"key": form["fields"]["key"]}, {"Content-Type": "image/jpeg"}):
        assert exact in conditions
    expires = datetime.fromisoformat(policy(form)["expiration"])
    assert timedelta(minutes=5) < expires - datetime.now(UTC) <= timedelta(hours=1)


def test_a_session_needs_no_particulars() -> None:
    found = call("POST", "/sessions", {})
    assert found.status == 201
    assert found.body["upload"]["fields"]["Content-Type"] == "application/octet-stream"


def test_a_fresh_form_says_of_the_file_what_the_first_one_said() -> None:
    made = call("POST", "/sessions", {"content_type": "image/webp"}).body
    shown = call("GET", f"/sessions/{made['session_id']}").body
    for form in (made["upload"], shown["upload"]):
        assert form["fields"]["Content-Type"] == "image/webp"


def test_a_new_session_shows_only_what_is_known() -> None:
    session_id = call("POST", "/sessions", {"name": "Chair"}).body["session_id"]
    found = call("GET", f"/sessions/{session_id}")
    assert found.status == 200
    known = {"session_id", "state", "created_at", "name", "jobs", "stages", "events"}
    assert set(found.body) == known | {"upload"}
    assert (found.body["state"], found.body["jobs"], found.body["events"]) == ("awaiting_photo", [], {})


def test_a_finished_session_has_fresh_addresses_for_everything(s3: Any) -> None:
    finished(s3)
    found = call("GET", f"/sessions/{SESSION}").body
    assert found["state"] == "ready"
    assert (found["photo"]["width"], found["photo"]["height"], found["photo"]["format"]) == (
        1600,
        1200,
        "jpeg",
    )
    assert found["embedding"]["engine"] == segmenter.model_dump()
    assert found["stages"]["embedding"] == {
        "started_at": "2026-11-20T12:00:03Z",
        "completed_at": "2026-11-20T12:00:06Z",
        "seconds": 1.84,
    }
    assert found["events"]["image_uploaded"]["photo"]["key"] == photo.key
    (job,) = found["jobs"]
    assert job == call("GET", f"/sessions/{SESSION}/jobs/{JOB}").body | {"files": job["files"]}
    (graph,) = found["embedding"]["decoder"]
    assert (graph["role"], graph["sha256"], graph["bytes"]) == ("decode", "a" * 64, 12)
    embedding = samples["Embedding Completed"].model_dump()
    wanted = {
        found["photo"]["url"]: (BUCKET, photo.key),
        found["photo"]["thumbnail_url"]: (BUCKET, photo.thumbnail_key),
        found["embedding"]["url"]: (BUCKET, embedding["embedding_key"]),
        found["embedding"]["manifest_url"]: (BUCKET, embedding["manifest_key"]),
        graph["url"]: (MODELS, "decoders/abc/decode.onnx"),
    }
    for url, (bucket, key) in wanted.items():
        parts = urlsplit(url)
        assert f"{parts.netloc}{parts.path}".startswith(bucket)
        assert parts.path.endswith(key)
        query = parse_qs(parts.query)
        assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
        assert 300 <= int(query["X-Amz-Expires"][0]) <= 3600


def test_a_rejected_photo_tells_why_until_another_is_accepted() -> None:
    rows.create(USER, SESSION)
    rows.fold(samples["Image Rejected"])
    found = call("GET", f"/sessions/{SESSION}").body
    assert found["state"] == "awaiting_photo"
    assert found["problem"]["code"] == "image_too_small"
    rows.fold(samples["Image Uploaded"])
    assert "problem" not in call("GET", f"/sessions/{SESSION}").body


def test_sessions_are_listed_newest_first_page_by_page() -> None:
    made = [call("POST", "/sessions", {"name": str(n)}).body["session_id"] for n in range(5)]
    call("POST", "/sessions", {}, user=OTHER)
    listed, cursor, pages = [], None, 0
    while pages == 0 or cursor:
        query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = call("GET", "/sessions", **query).body
        listed += [session["session_id"] for session in page["sessions"]]
        cursor = page.get("cursor")
        pages += 1
    assert sorted(listed) == sorted(made)
    assert listed == sorted(made, reverse=True)
    assert pages == 3


def test_a_list_shows_jobs_and_events_but_not_their_files(s3: Any) -> None:
    finished(s3)
    (session,) = call("GET", "/sessions").body["sessions"]
    assert "embedding" not in session
    assert session["photo"]["thumbnail_url"].startswith("https://")
    assert session["events"]["embedding_completed"]
    assert (session["jobs"][0]["files"], session["jobs"][0]["state"]) == ({}, "completed")


def test_a_page_ends_early_where_sessions_have_many_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "MAX_ROWS_PER_PAGE", 3)
    made = [call("POST", "/sessions", {}).body["session_id"] for _ in range(2)]
    for session in made:
        for number in range(3):
            rows.create(USER, session, f"job_{number:026d}", options={})
    page = call("GET", "/sessions").body
    assert len(page["sessions"]) == 1
    rest = call("GET", "/sessions", cursor=page["cursor"]).body
    assert [len(it["jobs"]) for it in rest["sessions"]] == [3]
    assert "cursor" not in rest


# --- jobs --------------------------------------------------------------------------------------------


def test_a_job_is_created_with_a_form_for_its_mask() -> None:
    accepted()
    body = {"options": {"quality": "high", "seed": 7}, "name": "Seat", "clicks": 3, "refinements": 1}
    found = call("POST", f"/sessions/{SESSION}/jobs", body)
    assert found.status == 201
    job_id, form = found.body["job_id"], found.body["upload"]
    assert (found.body["session_id"], found.body["state"]) == (SESSION, "awaiting_mask")
    assert form["fields"]["key"] == keys.incoming_mask(USER, SESSION, job_id)
    assert ["content-length-range", 1, MAX_BYTES] in policy(form)["conditions"]
    row = rows.get(USER, SESSION, job_id)
    assert row
    options = {"quality": "high", "formats": ["glb"], "texture": 1024, "seed": 7}
    assert row["options"] == options
    assert (row["name"], row["clicks"], row["refinements"]) == ("Seat", 3, 1)
    shown = call("GET", f"/sessions/{SESSION}/jobs/{job_id}").body
    assert shown["options"] == options
    assert (shown["files"], shown["events"], "weight_free" in shown) == ({}, {}, False)


def test_a_finished_job_has_every_file(s3: Any) -> None:
    finished(s3)
    job = call("GET", f"/sessions/{SESSION}/jobs/{JOB}").body
    assert (job["state"], job["name"], job["weight_free"]) == ("completed", "Chair", True)
    assert {name: file["bytes"] for name, file in job["files"].items()} == {
        "mask.png": 900,
        "splat.ply": 13_631_890,
        "mesh.glb": 1_903_448,
        "mesh.draco.glb": 412_036,
        "preview.png": 84_120,
        "turntable.webp": 610_244,
        "stats.json": 1_207,
    }
    assert all(file["url"].startswith("https://") for file in job["files"].values())
    assert set(job["stages"]) == {"mask", "reconstruction", "meshing", "notification"}
    assert job["stages"]["reconstruction"]["seconds"] == 3.91


@pytest.mark.parametrize(
    ("segments", "reconstructs", "label"), [(True, False, True), (False, True, True), (False, False, False)]
)
def test_a_job_is_weight_free_if_either_part_is(
    segments: bool, reconstructs: bool, label: bool, s3: Any
) -> None:
    accepted()
    rows.create(USER, SESSION, JOB, options={})
    for name, weight_free in (("Embedding Completed", segments), ("Reconstruction Completed", reconstructs)):
        engine = Engine(name="any", version="1", weight_free=weight_free)
        rows.fold(samples[name].model_copy(update={"engine": engine}))
    assert call("GET", f"/sessions/{SESSION}/jobs/{JOB}").body["weight_free"] is label


def test_a_second_attempt_s_result_is_shown(s3: Any) -> None:
    accepted()
    rows.create(USER, SESSION, JOB, options={})
    rows.fold(samples["Reconstruction Started"])
    rows.fold(samples["Reconstruction Completed"].model_copy(update={"attempt": 2}))
    job = call("GET", f"/sessions/{SESSION}/jobs/{JOB}").body
    assert job["files"]["splat.ply"]["bytes"] == 13_631_890
    assert job["stages"]["reconstruction"]["completed_at"]


def test_a_job_needs_the_photo_that_was_told_of_even_if_it_was_released() -> None:
    """Publishing seemed to fail at every try, and the event had gone out."""
    rows.create(USER, SESSION)
    rows.fold(samples["Image Uploaded"])
    assert call("POST", f"/sessions/{SESSION}/jobs", {}).status == 201


# --- refusals ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/sessions/{session}"),
        ("GET", "/sessions/{session}/jobs/{job}"),
        ("POST", "/sessions/{session}/jobs"),
    ],
)
@pytest.mark.parametrize("session", [SESSION, "ses_", "x", "ses_01J00000000000000000000000"])
def test_a_stranger_s_session_does_not_exist(method: str, path: str, session: str) -> None:
    accepted()
    found = call(method, path.format(session=session, job=JOB), {} if method == "POST" else None, user=OTHER)
    assert refusal(found) == "session_not_found"


def test_an_unknown_job_does_not_exist() -> None:
    accepted()
    assert refusal(call("GET", f"/sessions/{SESSION}/jobs/{JOB}")) == "job_not_found"


def test_a_job_needs_an_accepted_photo() -> None:
    rows.create(USER, SESSION)
    assert refusal(call("POST", f"/sessions/{SESSION}/jobs", {})) == "photo_missing"


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/sessions", {"name": ""}, "name"),
        ("/sessions", {"name": "x" * 101}, "name"),
        ("/sessions", {"colour": "red"}, "colour"),
        ("/sessions", {"content_type": "a b"}, "content_type"),
        ("/sessions", {"content_type": "image/png\r\nX: y"}, "content_type"),
        ("/sessions", [], "body"),
        ("/sessions", "not JSON", "JSON"),
        ("/sessions", '{"name":' + 20_000 * "[", "JSON"),
        ("/sessions", '{"name":' + 500 * "[" + 500 * "]" + "}", "name"),
        ("/sessions/{}/jobs", '{"clicks":' + 5_000 * "9" + "}", "JSON"),
        ("/sessions/{}/jobs", {"options": {"quality": "best"}}, "options.quality"),
        ("/sessions/{}/jobs", {"options": {"seed": -1}}, "options.seed"),
        ("/sessions/{}/jobs", {"options": {"formats": ["fbx"]}}, "options.formats"),
        ("/sessions/{}/jobs", {"options": {"sead": 1}}, "options.sead"),
        ("/sessions/{}/jobs", {"clicks": -1}, "clicks"),
    ],
)
def test_a_request_of_another_form_is_refused_with_the_field_named(path: str, body: Any, field: str) -> None:
    accepted()
    found = call("POST", path.format(SESSION), body)
    assert refusal(found) == "request_invalid"
    assert field in found.body["message"]


@pytest.mark.parametrize(
    ("name", "value"), [("limit", "0"), ("limit", "101"), ("limit", "x"), ("cursor", "x")]
)
def test_a_query_of_another_form_is_refused_with_the_field_named(name: str, value: str) -> None:
    found = call("GET", "/sessions", **{name: value})
    assert refusal(found) == "request_invalid"
    assert name in found.body["message"]


def test_another_content_type_is_refused() -> None:
    event = {
        "resource": "/sessions",
        "path": "/sessions",
        "httpMethod": "POST",
        "headers": {"Content-Type": "text/xml"},
        "multiValueHeaders": {"Content-Type": ["text/xml"]},
        "requestContext": {"authorizer": {"claims": {"sub": USER, "token_use": "id"}}},
        "body": "<x/>",
    }
    assert refusal(answer(event)) == "request_invalid"


def test_nothing_is_done_for_nobody() -> None:
    assert refusal(call("GET", "/sessions", user=None)) == "unauthorized"


def test_an_access_token_is_not_an_id_token(monkeypatch: pytest.MonkeyPatch) -> None:
    event = {
        "resource": "/sessions",
        "path": "/sessions",
        "httpMethod": "GET",
        "headers": {},
        "requestContext": {"authorizer": {"claims": {"sub": USER, "token_use": "access"}}},
    }
    assert refusal(answer(event)) == "unauthorized"


def test_another_address_is_not_found() -> None:
    assert refusal(call("GET", "/elsewhere")) == "not_found"
    assert refusal(call("DELETE", "/sessions")) == "not_found"


def test_what_breaks_is_answered_in_the_same_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TABLE_NAME", "gone")
    found = call("GET", "/sessions")
    assert refusal(found) == "internal_error"
    assert "gone" not in json.dumps(found.body)


def test_the_configuration_is_public(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {"region": "us-east-1", "user_pool_id": "us-east-1_Example", "client_id": "example-client"}
    assert call("GET", "/config", user=None).body == wanted
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    assert call("GET", "/config", user=None).body == wanted | {"cognito_endpoint": "http://127.0.0.1:4566"}
