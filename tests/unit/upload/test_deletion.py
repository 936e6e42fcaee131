"""A session's deletion and restoration: who decides, who tells, and what is told when one dies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from gen3d_events import keys
from gen3d_events.event import Event
from gen3d_events.ids import new_session_id
from gen3d_events.models import JobOptions
from gen3d_events.notices import S3ObjectCreated
from gen3d_events.samples import BUCKET, JOB, SESSION, USER, mask, photo, samples
from gen3d_upload import api, history, ingest, metadata, outbox, rows

from tests.unit.upload.asking import MESH, OTHER, call, refusal, token
from tests.unit.upload.deleting import (
    GRACE,
    PREFIX,
    Published,
    delete,
    fold,
    look,
    two_versions,
    versions,
)


@pytest.fixture(autouse=True)
def session(service: None, s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "_written", {})
    two_versions(s3)


# --- hidden at once ----------------------------------------------------------------------------------


def test_a_deleted_session_is_hidden_at_once(published: Published) -> None:
    before = datetime.now(UTC)
    body = delete()
    purge_at = datetime.fromisoformat(body["purge_at"])
    assert before + GRACE - timedelta(seconds=1) < purge_at < datetime.now(UTC) + GRACE
    (told,) = published()
    assert told.detail_type == "Session Deletion Requested"
    assert datetime.fromisoformat(told.detail()["data"]["purge_at"]) == purge_at
    for method, path in {
        "GET": f"/sessions/{SESSION}",
        "PATCH": f"/sessions/{SESSION}",
        "POST": f"/sessions/{SESSION}/jobs",
    }.items():
        asked = None if method == "GET" else {"name": "New"} if method == "PATCH" else {}
        assert refusal(call(method, path, asked)) == "session_not_found"
    job = f"/sessions/{SESSION}/jobs/{JOB}"
    assert refusal(call("GET", job)) == "session_not_found"
    assert refusal(call("PATCH", job, {"name": "New"})) == "session_not_found"
    assert refusal(call("GET", f"/d/{token(MESH)}", user=None)) == "session_not_found"
    assert call("GET", "/sessions").body == {"sessions": []}


def test_hidden_sessions_leave_no_gap_in_a_list(published: Published) -> None:
    made = [call("POST", "/sessions", {}).body["session_id"] for _ in range(5)]
    for session_id in (made[0], made[2], made[4]):
        call("DELETE", f"/sessions/{session_id}")
    delete()
    first = call("GET", "/sessions", limit="1").body
    assert [it["session_id"] for it in first["sessions"]] == [max(made[1], made[3])]
    last = call("GET", "/sessions", limit="1", cursor=first["cursor"]).body
    assert [it["session_id"] for it in last["sessions"]] == [min(made[1], made[3])]
    assert "cursor" not in last


def test_a_file_that_arrives_for_a_hidden_session_is_ignored(published: Published, s3: Any) -> None:
    rows.create(USER, other := new_session_id())
    call("DELETE", f"/sessions/{other}")
    published()
    notice = S3ObjectCreated(
        bucket=BUCKET,
        key=keys.incoming_photo(USER, other),
        version_id="1",
        size=9,
        etag="any",
        event_time=datetime.now(UTC),
    )
    assert list(ingest.handler.consume(notice)) == []
    ingest._given_up(notice, "internal_error", "died")
    assert published() == []


def test_what_is_under_way_goes_on_unseen(published: Published, s3: Any) -> None:
    delete()
    fold([samples["Reconstruction Requested"], samples["Mesh Completed"], samples["Embedding Completed"]])
    assert "mesh_completed" in (rows.get(USER, SESSION, JOB) or {})
    assert versions(f"{PREFIX}metadata.json") == 0
    call("POST", f"/sessions/{SESSION}/restore")
    assert call("GET", f"/sessions/{SESSION}/jobs/{JOB}").body["state"] == "completed"


def test_nobody_is_told_that_a_hidden_job_is_overdue(published: Published) -> None:
    rows.fold(samples["Reconstruction Requested"])
    rows.fold(samples["Reconstruction Started"])
    delete()
    fold(published())
    assert look()["told"] == 0
    call("POST", f"/sessions/{SESSION}/restore")
    fold(published())
    assert look()["told"] == 2
    assert {event.detail_type for event in published()} == {"Embedding Timed Out", "Job Timed Out"}


# --- deleted and restored again, told each time ---------------------------------------------------------


def test_a_deletion_is_taken_back(published: Published) -> None:
    delete()
    found = call("POST", f"/sessions/{SESSION}/restore")
    assert (found.status, found.body["session_id"]) == (200, SESSION)
    assert [event.detail_type for event in published()] == ["Session Deletion Requested", "Session Restored"]
    assert [it["session_id"] for it in call("GET", "/sessions").body["sessions"]] == [SESSION]
    assert rows.session(USER, SESSION)


def hidden(**query: str) -> Any:
    return call("GET", "/sessions", deleted="true", **query).body


@pytest.mark.usefixtures("published")
def test_what_is_hidden_is_listed_apart_until_it_is_restored() -> None:
    assert hidden() == {"sessions": []}
    purge_at = call("DELETE", f"/sessions/{SESSION}").body["purge_at"]
    (found,) = hidden()["sessions"]
    assert (found["session_id"], found["purge_at"], len(found["jobs"])) == (SESSION, purge_at, 1)
    assert call("GET", "/sessions", user=OTHER, deleted="true").body == {"sessions": []}
    assert call("GET", "/sessions", deleted="false").body == {"sessions": []}
    call("POST", f"/sessions/{SESSION}/restore")
    assert hidden() == {"sessions": []}
    (found,) = call("GET", "/sessions").body["sessions"]
    assert "purge_at" not in found


@pytest.mark.usefixtures("published")
def test_what_is_being_purged_is_listed_nowhere() -> None:
    delete()
    session = rows.get(USER, SESSION)
    assert session
    assert rows.begin_purge(session)
    assert hidden() == {"sessions": []} == call("GET", "/sessions").body


@pytest.mark.usefixtures("published")
def test_hidden_sessions_come_page_by_page() -> None:
    more = [call("POST", "/sessions", {}).body["session_id"] for _ in range(3)]
    for session_id in (SESSION, more[0], more[2]):
        assert call("DELETE", f"/sessions/{session_id}").status == 202
    seen: list[str] = []
    page: dict[str, Any] = {"cursor": None}
    while "cursor" in page:
        page = hidden(limit="1", **({"cursor": page["cursor"]} if page["cursor"] else {}))
        seen += [it["session_id"] for it in page["sessions"]]
    assert seen == sorted([SESSION, more[0], more[2]], reverse=True)


def test_asking_again_changes_nothing_and_tells_the_same(published: Published) -> None:
    assert delete() == delete()
    first, second = published()
    assert first.metadata.event_id == second.metadata.event_id
    for _ in range(2):
        assert call("POST", f"/sessions/{SESSION}/restore").status == 200
    first, second = published()
    assert first.metadata.event_id == second.metadata.event_id


def test_what_was_not_deleted_is_restored_without_a_word(published: Published) -> None:
    assert call("POST", f"/sessions/{SESSION}/restore").status == 200
    assert published() == []


@pytest.mark.parametrize("path", [f"/sessions/{SESSION}", "/sessions/x", f"/sessions/ses_{'9' * 3000}"])
def test_strangers_can_neither_delete_nor_restore(path: str) -> None:
    assert refusal(call("DELETE", path, user=OTHER)) == "session_not_found"
    assert refusal(call("POST", f"{path}/restore", user=OTHER)) == "session_not_found"
    assert call("GET", f"/sessions/{SESSION}").status == 200


@pytest.mark.parametrize("restored", [False, True])
def test_what_the_api_did_before_it_died_the_watchdog_tells(
    published: Published, monkeypatch: pytest.MonkeyPatch, restored: bool
) -> None:
    if restored:
        delete()
        fold(published())
    with monkeypatch.context() as dying:
        dying.setattr(api, "publish", _dies)
        path = f"/sessions/{SESSION}"
        done = call("POST", f"{path}/restore") if restored else call("DELETE", path)
        assert refusal(done) == "internal_error"
    assert published() == []
    assert (look()["again"], look()["again"]) == (1, 1)
    first, second = published()
    assert first.detail_type == ("Session Restored" if restored else "Session Deletion Requested")
    assert first.metadata.event_id == second.metadata.event_id
    fold([first])
    # Of the restored session, whose embedding became overdue while it was hidden.
    assert look() == {"told": int(restored), "again": 0, "purged": 0}


def test_each_of_several_deletions_is_told(published: Published) -> None:
    for _ in range(2):
        delete()
        fold(published())
        assert look()["again"] == 0
        call("POST", f"/sessions/{SESSION}/restore")
        fold(published())
        assert look()["again"] == 0
    row = rows.get(USER, SESSION)
    assert row
    assert outbox.untold_since(row) is None


def _dies(events: list[Event]) -> None:
    raise RuntimeError("killed")


# --- a job that reuses a mask ------------------------------------------------------------------------


def test_a_reused_mask_that_was_not_told_of_is_told_by_the_watchdog(
    published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("Embedding Completed", "Reconstruction Requested", "Mesh Completed"):
        rows.fold(samples[name])
    with monkeypatch.context() as dying:
        dying.setattr(api, "publish", _dies)
        assert refusal(call("POST", f"/sessions/{SESSION}/jobs", {"mask_of": JOB})) == "internal_error"
    assert look()["again"] == 1
    (event,) = published()
    assert event.detail_type == "Reconstruction Requested"
    assert event.detail()["data"] | {"options": None} == {
        "photo": photo.model_dump(mode="json"),
        "mask": mask.model_dump(mode="json"),
        "options": None,
    }
    assert event.detail()["data"]["options"] == JobOptions().model_dump(mode="json", exclude_none=True)
    fold([event])
    assert look() == {"told": 0, "again": 0, "purged": 0}
    row = rows.get(USER, SESSION, event.metadata.job_id)
    assert row
    assert (history.due_at(row) or datetime.now(UTC)) > datetime.now(UTC)
