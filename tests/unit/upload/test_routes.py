"""Names, reused masks, usage, errors of pages, the allowance of requests, and what is no request."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from gen3d_events import allowance, keys, rest
from gen3d_events.event import Event
from gen3d_events.models import Engine
from gen3d_events.observability import logger
from gen3d_events.samples import BUCKET, JOB, SESSION, USER, mask, photo, samples
from gen3d_upload import metadata, rows

from tests.unit.upload.asking import OTHER, accepted, call, refusal

Published = Callable[[], list[Event]]

PATH, JOB_PATH = f"/sessions/{SESSION}", f"/sessions/{SESSION}/jobs/{JOB}"
OTHER_JOB = "job_01KAH6ECR007Z9N1BWWN9J5D3R"

pytestmark = pytest.mark.usefixtures("service")


@pytest.fixture(autouse=True)
def session(service: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "_written", {})
    accepted()
    rows.create(USER, SESSION, JOB, name="Chair", options={"quality": "high", "formats": ["glb"], "seed": 7})


# --- names -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [PATH, JOB_PATH])
def test_a_name_is_changed_and_taken_away(s3: Any, path: str) -> None:
    assert call("PATCH", path, {"name": " An oak chair "}).body["name"] == "An oak chair"
    assert call("GET", path).body["name"] == "An oak chair"
    kept = s3.get_object(Bucket=BUCKET, Key=f"{keys.session_prefix(USER, SESSION)}metadata.json")
    assert "An oak chair" in kept["Body"].read().decode()
    assert "name" not in call("PATCH", path, {"name": None}).body
    assert "name" not in call("GET", path).body


@pytest.mark.parametrize("body", [{}, {"name": ""}, {"name": "x" * 101}, {"name": "a\nb"}, {"title": "x"}])
def test_what_is_no_name(body: dict[str, Any]) -> None:
    assert refusal(call("PATCH", JOB_PATH, body)) == "request_invalid"
    assert call("GET", JOB_PATH).body["name"] == "Chair"


def test_a_name_for_what_is_not_there() -> None:
    assert refusal(call("PATCH", PATH, {"name": "x"}, user=OTHER)) == "session_not_found"
    for job_id in (OTHER_JOB, "job_" + "9" * 3000):
        assert refusal(call("PATCH", f"{PATH}/jobs/{job_id}", {"name": "x"})) == "job_not_found"
    assert rows.get(USER, SESSION, OTHER_JOB) is None


# --- what is awaited ---------------------------------------------------------------------------------


def test_what_awaits_its_file_has_a_fresh_form() -> None:
    made = call("POST", "/sessions", {}).body
    form = call("GET", f"/sessions/{made['session_id']}").body["upload"]
    assert form["url"] == made["upload"]["url"]
    assert form["fields"]["key"] == made["upload"]["fields"]["key"]
    assert call("GET", JOB_PATH).body["upload"]["fields"]["key"] == keys.incoming_mask(USER, SESSION, JOB)
    rows.fold(samples["Reconstruction Requested"])
    for path in (PATH, JOB_PATH):
        assert "upload" not in call("GET", path).body


def test_a_session_whose_manifest_is_gone_is_shown_without_embedding() -> None:
    rows.fold(samples["Embedding Completed"])
    found = call("GET", PATH)
    assert (found.status, found.body["state"], "embedding" in found.body) == (200, "ready", False)


# --- reused masks ------------------------------------------------------------------------------------


def test_a_job_with_another_ones_mask_starts_at_once(published: Published) -> None:
    rows.fold(samples["Reconstruction Requested"])
    asked = {"mask_of": JOB, "name": "Again", "options": {"quality": "fast", "seed": 9}}
    made = call("POST", f"{PATH}/jobs", asked)
    assert (made.status, made.body["state"], "upload" in made.body) == (201, "queued", False)
    (event,) = published()
    assert event.metadata.job_id == made.body["job_id"]
    assert event.detail()["data"] == {
        "photo": photo.model_dump(mode="json"),
        "mask": mask.model_dump(mode="json"),
        "options": {"quality": "fast", "formats": ["glb"], "texture": 1024, "seed": 9},
    }
    rows.fold(event)
    assert call("GET", f"{PATH}/jobs/{made.body['job_id']}").body["state"] == "queued"


@pytest.mark.parametrize("source", [JOB, OTHER_JOB])
def test_a_mask_that_was_not_accepted_cannot_be_reused(published: Published, source: str) -> None:
    rows.fold(samples["Mask Rejected"])
    assert refusal(call("POST", f"{PATH}/jobs", {"mask_of": source})) == "mask_source_invalid"
    assert published() == []
    assert len(call("GET", PATH).body["jobs"]) == 1


def test_a_mask_of_another_session_cannot_be_reused(published: Published) -> None:
    rows.fold(samples["Reconstruction Requested"])
    other = call("POST", "/sessions", {}).body["session_id"]
    uploaded = samples["Image Uploaded"]
    rows.fold(uploaded.with_metadata(uploaded.metadata.model_copy(update={"session_id": other})))
    assert refusal(call("POST", f"/sessions/{other}/jobs", {"mask_of": JOB})) == "mask_source_invalid"


# --- usage -------------------------------------------------------------------------------------------


def fold_results(*, weight_free: bool) -> None:
    engine = Engine(name="any", version="1", weight_free=weight_free)
    for name, changes in {
        "Embedding Completed": {"engine": engine, "seconds": 100.0, "bytes": 10},
        "Reconstruction Requested": {},
        "Reconstruction Completed": {"engine": engine, "seconds": 800.0, "bytes": 20},
    }.items():
        rows.fold(samples[name].model_copy(update=changes))


def test_usage_sums_up_what_is_there(published: Published) -> None:
    fold_results(weight_free=False)
    call("POST", f"{PATH}/jobs", {"mask_of": JOB})
    found = call("GET", "/usage").body
    assert found == {
        "sessions": 1,
        "jobs": 2,
        "gpu_seconds": 900.0,
        "bytes_stored": photo.bytes + 10 + 20,
        "estimated_cost_usd": 0.7,  # a quarter of an hour at 2.80
    }
    assert call("GET", "/usage", user=OTHER).body["jobs"] == 0


def test_what_needs_no_weights_costs_nothing() -> None:
    fold_results(weight_free=True)
    found = call("GET", "/usage").body
    assert (found["gpu_seconds"], found["estimated_cost_usd"]) == (0, 0)
    assert found["bytes_stored"] == photo.bytes + 10 + 20


def test_a_deleted_session_is_counted_until_it_is_purged(published: Published) -> None:
    call("DELETE", PATH)
    assert call("GET", "/usage").body["sessions"] == 1


def test_usage_of_a_month() -> None:
    now = f"{datetime.now(UTC):%Y-%m}"
    assert call("GET", "/usage", month=now).body | {"bytes_stored": 0} == {
        "month": now,
        "sessions": 1,
        "jobs": 1,
        "gpu_seconds": 0,
        "bytes_stored": 0,
        "estimated_cost_usd": 0,
    }
    assert call("GET", "/usage", month="2020-02").body["jobs"] == 0
    for wrong in ("2026", "2026-13", "2026-1", "now"):
        assert refusal(call("GET", "/usage", month=wrong)) == "request_invalid"


# --- errors of pages ---------------------------------------------------------------------------------


@pytest.fixture
def log() -> Iterator[StringIO]:
    written = StringIO()
    stdout = logger.registered_handler.setStream(written)  # type: ignore[attr-defined]
    yield written
    logger.registered_handler.setStream(stdout)  # type: ignore[attr-defined]


def test_an_error_of_a_page_is_one_line_of_the_log(log: StringIO) -> None:
    forged = 'x\n{"level":"ERROR","message":"forged"}\r\n\u2028'
    answer = call("POST", "/client-errors", {"message": forged, "stack": "at f", "job_id": JOB})
    assert (answer.status, answer.body) == (204, None)
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    (line,) = (line for line in lines if line["message"] == "client error")
    assert line["client"] == {"message": forged.replace("\u2028", "\n"), "stack": "at f", "job_id": JOB}
    assert (line["level"], line["user_id"]) == ("WARNING", USER)
    assert "forged" not in {line["message"] for line in lines}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"message": ""},
        {"message": "x" * 100_001},
        {"message": "x", "stack": "x" * 100_001},
        {"message": "x", "job_id": "x"},
        {"message": "x", "level": "ERROR"},
        '{"message": "\\ud800"}',
    ],
)
def test_what_is_absurdly_long_or_unknown_is_not_logged(body: Any, log: StringIO) -> None:
    assert refusal(call("POST", "/client-errors", body)) == "request_invalid"
    assert "client error" not in log.getvalue()


def test_a_long_text_of_a_page_is_cut(log: StringIO) -> None:
    texts = {"message": 1000, "stack": 8000, "page": 500, "release": 100}
    sent = {name: "x" * length + "y" for name, length in texts.items()}
    assert call("POST", "/client-errors", sent).status == 204
    (line,) = (it for it in map(json.loads, log.getvalue().splitlines()) if it["message"] == "client error")
    assert line["client"] == {name: "x" * length for name, length in texts.items()}


# --- the allowance -----------------------------------------------------------------------------------


def test_the_request_beyond_the_allowance_waits_for_the_next_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_PER_MINUTE", "5")
    now = datetime(2026, 11, 20, 12, 0, 42, tzinfo=UTC)
    monkeypatch.setattr(rest, "_now", lambda: now)
    assert {call("GET", "/sessions").status for _ in range(5)} == {200}
    over = call("GET", "/sessions")
    assert refusal(over) == "too_many_requests"
    assert over.headers["retry-after"] == "18"
    assert call("GET", "/sessions", user=OTHER).status == 200
    assert call("GET", "/config", user=None).status == 200
    now = datetime(2026, 11, 20, 12, 1, 0, tzinfo=UTC)
    assert call("GET", "/sessions").status == 200


def test_requests_that_are_refused_count_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_PER_MINUTE", "2")
    monkeypatch.setattr(rest, "_now", lambda: datetime(2026, 11, 20, 12, tzinfo=UTC))
    assert refusal(call("POST", "/sessions", {"wrong": 1})) == "request_invalid"
    assert refusal(call("GET", f"/sessions/{'x' * 30}")) == "session_not_found"
    over = call("POST", "/sessions", {})
    assert refusal(over) == "too_many_requests"
    assert over.headers["retry-after"] == "60"


def test_errors_of_a_page_do_not_lock_its_user_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "_now", lambda: datetime(2026, 11, 20, 12, tzinfo=UTC))
    monkeypatch.setenv("REQUESTS_PER_MINUTE", "1")
    told = [call("POST", "/client-errors", {"message": "x"}) for _ in range(21)]
    assert {it.status for it in told[:20]} == {204}
    assert refusal(told[20]) == "too_many_requests"
    assert call("GET", "/sessions").status == 200


def test_what_cannot_be_counted_is_answered_all_the_same(
    monkeypatch: pytest.MonkeyPatch, log: StringIO
) -> None:
    monkeypatch.setenv("ALLOWANCE_TABLE", "no-such-table")
    assert call("GET", "/sessions").status == 200
    warned = [json.loads(line) for line in log.getvalue().splitlines()]
    assert "request not counted" in {line["message"] for line in warned if line["level"] == "WARNING"}


def test_the_count_is_forgotten_soon(table: Any, memory: str) -> None:
    now = datetime.now(UTC)
    assert allowance.wait_seconds(USER, now) == 0
    (item,) = table.scan(TableName=memory)["Items"]
    assert 60 <= int(item["expiration"]["N"]) - now.timestamp() <= 3600


# --- what is no request ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        {"filename": ""},
        {"filename": "x" * 256},
        {"filename": "a\nb.jpg"},
        {"filename": "a\x00.jpg"},
        {"content_type": "image"},
        {"content_type": "image/jpeg; charset=x"},
        {"content_type": "image/jpeg\r\nX: y"},
        {"content_type": "\u00efmage/jpeg"},
        {"content_type": f"image/{'x' * 100}"},
        {"name": "\x1b[31mred"},
        {"name": "a\u2028b"},
        {"name": "a\u202egnp.exe"},
    ],
)
def test_names_and_kinds_of_files_are_plain_text(body: dict[str, str]) -> None:
    assert refusal(call("POST", "/sessions", body)) == "request_invalid"


def test_names_may_be_of_any_language() -> None:
    body = {"filename": "Stühl – 椅子 👩‍🔧.jpg", "name": "كرسي 👩‍🔧"}
    made = call("POST", "/sessions", body)
    assert made.status == 201
    assert (
        call("GET", f"/sessions/{made.body['session_id']}").body | body
        == call("GET", f"/sessions/{made.body['session_id']}").body
    )


@pytest.mark.parametrize(
    "options",
    [
        {"quality": "best"},
        {"formats": ["fbx"]},
        {"formats": ["glb", "fbx"]},
        {"formats": ["obj", "obj"]},
        {"formats": []},
        {"formats": "glb"},
        {"texture": 4096},
        {"texture": "none"},
        {"seed": -1},
        {"seed": 2**31},
        {"seed": 1.5},
        {"sed": 1},
    ],
)
def test_options_that_there_are_not(options: dict[str, Any]) -> None:
    assert refusal(call("POST", f"{PATH}/jobs", {"options": options})) == "request_invalid"


def test_a_format_that_there_is_not_is_answered_with_those_that_there_are() -> None:
    answer = call("POST", f"{PATH}/jobs", {"options": {"formats": ["glb", "fbx"]}})
    assert refusal(answer) == "request_invalid"
    assert (
        "options.formats: Input should be 'glb', 'obj', 'ply', 'stl', 'usdz' or 'splat'"
        in (answer.body["message"])
    )


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ({}, {"formats": ["glb"], "texture": 1024}),
        ({"texture": None}, {"formats": ["glb"], "texture": None}),
        ({"formats": ["splat", "obj"], "texture": 2048}, {"formats": ["obj", "splat"], "texture": 2048}),
    ],
    ids=["default", "no texture", "others"],
)
def test_formats_and_texture_are_kept_and_told(
    published: Published, asked: dict[str, Any], kept: dict[str, Any]
) -> None:
    rows.fold(samples["Reconstruction Requested"])
    made = call("POST", f"{PATH}/jobs", {"mask_of": JOB, "options": asked}).body
    whole = {"quality": "balanced", "seed": 42} | kept
    (event,) = published()
    assert event.detail()["data"]["options"] == whole
    rows.fold(event)
    job = call("GET", f"{PATH}/jobs/{made['job_id']}").body
    assert job["options"] == whole
    assert job["events"]["reconstruction_requested"]["options"] == whole


@pytest.mark.parametrize(
    "query", [{"limit": "0"}, {"limit": "101"}, {"limit": "x"}, {"cursor": "x"}, {"cursor": JOB}]
)
def test_pages_that_there_are_not(query: dict[str, str]) -> None:
    assert refusal(call("GET", "/sessions", **query)) == "request_invalid"


def test_the_edges_of_a_list() -> None:
    assert "cursor" not in call("GET", "/sessions", limit="1").body  # exactly full
    before_all, after_all = "ses_00000000000000000000000000", "ses_7ZZZZZZZZZZZZZZZZZZZZZZZZZ"
    assert call("GET", "/sessions", cursor=before_all).body == {"sessions": []}
    assert len(call("GET", "/sessions", cursor=after_all, limit="100").body["sessions"]) == 1
    assert call("GET", "/sessions", cursor=SESSION).body == {"sessions": []}
