"""A session's purge: who decides, what is left when one dies, and what comes too late."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from gen3d_events import aws
from gen3d_events.ids import new_session_id
from gen3d_events.samples import BUCKET, JOB, SESSION, USER, samples
from gen3d_upload import metadata, purge, rows

from tests.unit.upload.asking import call, refusal
from tests.unit.upload.deleting import (
    GRACE,
    OTHERS,
    PREFIX,
    Published,
    delete,
    end_grace,
    fold,
    left,
    look,
    two_versions,
    versions,
)


@pytest.fixture(autouse=True)
def session(service: None, s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "_written", {})
    two_versions(s3)


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
        dying.setattr(rows if step.startswith("remove") and step != "remove_objects" else purge, step, _dies)
        with pytest.raises(ExceptionGroup):
            look()
    assert refusal(call("POST", f"/sessions/{SESSION}/restore")) == "session_not_found"
    assert refusal(call("DELETE", f"/sessions/{SESSION}")) == "session_not_found"
    assert look()["purged"] == 1
    assert left() == (0, 0)
    told = published()
    assert {event.detail_type for event in told} == {"Session Purged"}
    assert len({event.metadata.event_id for event in told}) == 1


def _dies(*_: object) -> None:
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
        lambda user, session: _dies() if session == SESSION else remove(user, session),
    )
    with pytest.raises(ExceptionGroup) as raised:
        look()
    assert len(raised.value.exceptions) == 1
    assert rows.get(USER, other) is None


@pytest.mark.parametrize("buried", [True, False])
def test_a_job_that_was_made_within_the_purge_is_removed_at_its_first_look(
    published: Published, buried: bool
) -> None:
    """Of a session that is gone for another reason nothing is removed."""
    rows.create(USER, SESSION, "job_01KAH6ECR007Z9N1BWWN9J5D3R", options={}, **rows.due_now())
    rows.remove(USER, SESSION)
    if buried:
        rows.bury(SESSION)
    assert look() == {"told": 0, "again": 0, "purged": 0}
    assert bool(rows.get(USER, SESSION, "job_01KAH6ECR007Z9N1BWWN9J5D3R")) is not buried
    assert published() == []


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
    fold([samples[late]])
    assert left() == (0, 0)


def test_rows_that_were_lost_do_not_cost_the_objects(table: Any) -> None:
    """As when events are replayed after the table was lost."""
    before = versions(PREFIX)
    rows.remove_jobs(USER, SESSION)
    rows.remove(USER, SESSION)
    fold([samples["Embedding Completed"]])
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
        fold([samples[late]])
        return removed

    monkeypatch.setattr(purge, "remove_objects", then_a_result)
    assert look()["purged"] == 1
    assert left() == (0, 0)


def test_an_event_of_an_unknown_job_costs_its_session_nothing() -> None:
    before = versions(PREFIX)
    stranger = samples["Mesh Completed"]
    about = stranger.metadata.model_copy(update={"job_id": "job_01KAH6ECR007Z9N1BWWN9J5D3R"})
    fold([stranger.with_metadata(about)])
    assert versions(PREFIX) == before > 0
