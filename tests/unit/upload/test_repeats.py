"""Requests that make something, sent again with their key."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from gen3d_events.event import Event
from gen3d_events.samples import JOB, SESSION, USER, mask
from gen3d_upload import rows

from tests.unit.upload.asking import OTHER, accepted, call, refusal

pytestmark = pytest.mark.usefixtures("service")

KEY = "0f0c4fd3-2d4c-4c3c-9a3e-6f4a5a5a8d11"
JOBS = f"/sessions/{SESSION}/jobs"


def test_a_session_is_made_once_for_a_key() -> None:
    first, second = (call("POST", "/sessions", {"filename": "chair.jpg"}, key=KEY) for _ in range(2))
    assert (first.status, second.status) == (201, 201)
    assert second.body["session_id"] == first.body["session_id"]
    assert second.body["upload"]["fields"]["key"] == first.body["upload"]["fields"]["key"]
    assert len(list(rows.newest_first(USER))) == 1


def test_another_key_body_or_person_makes_another_session() -> None:
    made = {
        call("POST", "/sessions", body, user=user, key=key).body["session_id"]
        for body, user, key in (
            ({}, USER, KEY),
            ({}, USER, KEY[::-1]),
            ({"name": "Chair"}, USER, KEY),
            ({}, OTHER, KEY),
            ({}, USER, None),
            ({}, USER, None),
        )
    }
    assert len(made) == 6


def test_a_job_is_made_once_for_a_key() -> None:
    accepted()
    first, second = (call("POST", JOBS, {"name": "Chair"}, key=KEY) for _ in range(2))
    assert second.body["job_id"] == first.body["job_id"]
    assert second.body["upload"]["fields"]["key"] == first.body["upload"]["fields"]["key"]
    assert len(call("GET", f"/sessions/{SESSION}").body["jobs"]) == 1


def test_a_job_with_another_ones_mask_is_told_of_as_the_same_event(
    published: Callable[[], list[Event]],
) -> None:
    accepted()
    rows.create(USER, SESSION, JOB, mask=mask.model_dump(mode="json"))
    first, second = (call("POST", JOBS, {"mask_of": JOB}, key=KEY) for _ in range(2))
    assert second.body == first.body
    one, other = published()
    assert one.metadata.event_id == other.metadata.event_id


def test_a_request_that_broke_off_is_finished_by_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("out of memory")

    with monkeypatch.context() as patched:
        patched.setattr(rows, "ensure", broken)
        assert refusal(call("POST", "/sessions", {}, key=KEY)) == "internal_error"
    session_id = call("POST", "/sessions", {}, key=KEY).body["session_id"]
    assert call("POST", "/sessions", {}, key=KEY).body["session_id"] == session_id
    assert [session["item_id"] for session, _ in rows.newest_first(USER)] == [session_id]


@pytest.mark.parametrize("key", ["short", "x" * 101])
def test_what_is_no_key(key: str) -> None:
    assert refusal(call("POST", "/sessions", {}, key=key)) == "request_invalid"
