"""A session's deletion, restoration and purge: who decides, who tells, and what is left when one dies."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from gen3d_events import aws, keys
from gen3d_events.event import Event
from gen3d_events.ids import new_session_id
from gen3d_events.models import JobOptions
from gen3d_events.notices import S3ObjectCreated
from gen3d_events.samples import BUCKET, JOB, SESSION, USER, mask, photo, samples
from gen3d_upload import api, history, ingest, metadata, outbox, progress, purge, rows, watchdog

from tests.unit.upload.asking import MESH, OTHER, accepted, call, refusal, token
from tests.unit.upload.conftest import Context

GRACE = timedelta(days=7)
PREFIX = keys.session_prefix(USER, SESSION)
OTHERS = keys.session_prefix(USER, "ses_01KAH6ECR007Z9N1BWWN9J5D3R")

Published = Callable[[], list[Event]]


@pytest.fixture(autouse=True)
def session(service: None, s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session with a job, and objects of several versions; a neighbour beside it."""
    monkeypatch.setattr(metadata, "_put_last", {})
    accepted()
    rows.create(USER, SESSION, JOB, options={})
    for key in (
        f"{PREFIX}photo.jpg",
        f"{PREFIX}jobs/{JOB}/splat.ply",
        keys.incoming_photo(USER, SESSION),
        f"{OTHERS}photo.jpg",
    ):
        for content in (b"first", b"second"):
            s3.put_object(Bucket=BUCKET, Key=key, Body=content)
    s3.delete_object(Bucket=BUCKET, Key=f"{PREFIX}photo.jpg")


def look() -> dict[str, int]:
    answer: dict[str, int] = watchdog.handler({}, Context())
    return answer


def delete() -> dict[str, str]:
    found = call("DELETE", f"/sessions/{SESSION}")
    assert found.status == 202
    body: dict[str, str] = found.body
    return body


def end_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DELETION_GRACE_SECONDS", "0")


def fold(events: list[Event]) -> None:
    for event in events:
        progress.handler.fold(event)


def versions(prefix: str) -> int:
    found = aws.client("s3").list_object_versions(Bucket=BUCKET, Prefix=prefix)
    return len(found.get("Versions", [])) + len(found.get("DeleteMarkers", []))


def left() -> tuple[int, int]:
    """Rows and object versions of the session."""
    row, job = rows.get(USER, SESSION), rows.get(USER, SESSION, JOB)
    return sum(map(bool, (row, job))), versions(PREFIX) + versions(keys.incoming_prefix(USER, SESSION))


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
    progress.handler.then((USER, SESSION))
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


# --- purged ------------------------------------------------------------------------------------------


def test_within_the_grace_nothing_is_purged(published: Published) -> None:
    delete()
    fold(published())
    before = left()
    assert look()["purged"] == 0
    assert left() == before


def test_after_the_grace_every_version_and_row_is_gone(
    published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    neighbours = versions(OTHERS)
    end_grace(monkeypatch)
    delete()
    fold(published())
    assert look()["purged"] == 1
    assert left() == (0, 0)
    assert versions(OTHERS) == neighbours > 0
    (purged,) = published()
    assert purged.detail_type == "Session Purged"
    assert purged.detail()["data"]["object_versions"] == 6
    assert look()["purged"] == 0
    assert refusal(call("POST", f"/sessions/{SESSION}/restore")) == "session_not_found"
    assert refusal(call("DELETE", f"/sessions/{SESSION}")) == "session_not_found"


def test_many_versions_are_purged_page_by_page(published: Published, s3: Any) -> None:
    pages = []

    def short(params: dict[str, Any], **_: object) -> dict[str, Any]:
        """S3's have a thousand versions."""
        pages.append(params["Prefix"])
        return params | {"MaxKeys": 10}

    s3.meta.events.register("provide-client-params.s3.ListObjectVersions", short)
    for number in range(23):
        s3.put_object(Bucket=BUCKET, Key=f"{PREFIX}metadata.json", Body=f"{number}".encode())
    assert purge.remove_objects(USER, SESSION) == 23 + 6
    assert pages.count(PREFIX) == 4, "three pages, and then none"
    assert left()[1] == 0


def test_versions_that_s3_keeps_are_no_success(published: Published, monkeypatch: pytest.MonkeyPatch) -> None:
    end_grace(monkeypatch)
    delete()
    fold(published())
    s3 = aws.client("s3")
    refused = {"Errors": [{"Key": "any", "Code": "AccessDenied"}]}
    with monkeypatch.context() as keeping:
        keeping.setattr(s3, "delete_objects", lambda **_: refused)
        with pytest.raises(ExceptionGroup):
            look()
    assert published() == []
    assert rows.get(USER, SESSION)
    assert look()["purged"] == 1
    assert left() == (0, 0)


@pytest.mark.parametrize("step", ["remove_jobs", "remove_objects", "publish", "remove"])
def test_a_killed_purge_is_taken_up_again(
    published: Published, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    end_grace(monkeypatch)
    delete()
    fold(published())
    with monkeypatch.context() as dying:
        dying.setattr(rows if step.startswith("remove") and step != "remove_objects" else purge, step, _dies2)
        with pytest.raises(ExceptionGroup):
            look()
    assert refusal(call("POST", f"/sessions/{SESSION}/restore")) == "session_not_found"
    assert refusal(call("DELETE", f"/sessions/{SESSION}")) == "session_not_found"
    assert look()["purged"] == 1
    assert left() == (0, 0)
    told = published()
    assert {event.detail_type for event in told} == {"Session Purged"}
    assert len({event.metadata.event_id for event in told}) == 1


def _dies2(*_: object) -> None:
    raise RuntimeError("killed")


def test_two_purges_at_once_harm_nobody(published: Published, monkeypatch: pytest.MonkeyPatch) -> None:
    end_grace(monkeypatch)
    delete()
    row = rows.get(USER, SESSION)
    assert row
    published()
    remove = purge.remove_objects

    def overtaken(user_id: str, session_id: str) -> int:
        with monkeypatch.context() as second:
            second.setattr(purge, "remove_objects", remove)
            assert purge.purge(row)
        return remove(user_id, session_id)

    monkeypatch.setattr(purge, "remove_objects", overtaken)
    assert purge.purge(row)
    assert left() == (0, 0)
    assert len({event.metadata.event_id for event in published()}) == 1


@pytest.mark.parametrize("first", ["restore", "purge"])
def test_the_row_decides_between_restoration_and_purge(
    published: Published, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    """Both have read the row before either changes it."""
    end_grace(monkeypatch)
    delete()
    row = rows.get(USER, SESSION)
    assert row
    before = left()
    if first == "restore":
        assert rows.restore(USER, SESSION)
        assert not purge.purge(row)
        assert left() == before
        assert call("GET", f"/sessions/{SESSION}").status == 200
    else:
        assert rows.begin_purge(row)
        assert rows.restore(USER, SESSION) is None


def test_a_purge_of_an_earlier_deletion_does_not_touch_a_later_one(
    published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    end_grace(monkeypatch)
    delete()
    stale = rows.get(USER, SESSION)
    assert stale
    rows.restore(USER, SESSION)
    monkeypatch.setattr(rows, "_now", lambda: datetime.now(UTC) + timedelta(seconds=1))
    assert rows.delete(USER, SESSION, GRACE)
    assert not purge.purge(stale)
    assert rows.restore(USER, SESSION)


def test_one_session_that_cannot_be_purged_does_not_keep_the_others(
    published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    end_grace(monkeypatch)
    rows.create(USER, other := new_session_id())
    for session_id in (SESSION, other):
        call("DELETE", f"/sessions/{session_id}")
    fold(published())
    remove = purge.remove_objects
    monkeypatch.setattr(
        purge,
        "remove_objects",
        lambda user, session: _dies2() if session == SESSION else remove(user, session),
    )
    with pytest.raises(ExceptionGroup) as raised:
        look()
    assert len(raised.value.exceptions) == 1
    assert rows.get(USER, other) is None


# --- late results ------------------------------------------------------------------------------------


@pytest.mark.parametrize("late", ["Reconstruction Completed", "Embedding Completed", "Mesh Completed"])
def test_a_late_result_of_a_purged_session_is_dropped_with_what_it_wrote(
    published: Published, monkeypatch: pytest.MonkeyPatch, s3: Any, late: str
) -> None:
    end_grace(monkeypatch)
    delete()
    fold(published())
    look()
    s3.put_object(Bucket=BUCKET, Key=f"{PREFIX}jobs/{JOB}/splat.ply", Body=b"late")
    assert progress.handler.fold(samples[late]) is None
    assert left() == (0, 0)


def test_rows_that_were_lost_do_not_cost_the_objects(table: Any) -> None:
    """As when events are replayed after the table was lost."""
    before = versions(PREFIX)
    rows.remove_jobs(USER, SESSION)
    rows.remove(USER, SESSION)
    assert progress.handler.fold(samples["Embedding Completed"]) is None
    assert versions(PREFIX) == before > 0


@pytest.mark.parametrize("late", ["Reconstruction Completed", "Embedding Completed"])
def test_a_result_that_comes_while_the_purge_is_under_way_leaves_nothing(
    published: Published, monkeypatch: pytest.MonkeyPatch, s3: Any, late: str
) -> None:
    """It writes after the purge has listed the objects, and is told of before the session's row is gone."""
    end_grace(monkeypatch)
    delete()
    fold(published())
    remove = purge.remove_objects

    def then_a_result(user_id: str, session_id: str) -> int:
        removed = remove(user_id, session_id)
        s3.put_object(Bucket=BUCKET, Key=f"{PREFIX}jobs/{JOB}/splat.ply", Body=b"late")
        progress.handler.fold(samples[late])
        return removed

    monkeypatch.setattr(purge, "remove_objects", then_a_result)
    assert look()["purged"] == 1
    assert left() == (0, 0)


def test_an_event_of_an_unknown_job_costs_its_session_nothing() -> None:
    before = versions(PREFIX)
    stranger = samples["Mesh Completed"]
    about = stranger.metadata.model_copy(update={"job_id": "job_01KAH6ECR007Z9N1BWWN9J5D3R"})
    assert progress.handler.fold(stranger.with_metadata(about)) is None
    assert versions(PREFIX) == before > 0


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
