from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from gen3d_events import ids
from gen3d_events.models import ImageUploaded, JobTimedOut, UserNotified
from gen3d_events.notices import S3ObjectCreated
from gen3d_events.samples import JOB, SESSION, USER, foreign, samples
from hypothesis import given
from hypothesis import strategies as st

ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
moments = st.datetimes(datetime(1970, 1, 1), datetime(9999, 1, 1), timezones=st.just(UTC))
texts = st.text(max_size=40)


@given(moments, st.binary(min_size=10, max_size=32))
def test_a_ulid_is_valid_and_holds_its_time_and_entropy(at: datetime, entropy: bytes) -> None:
    text = ids.ulid(at, entropy)
    assert ULID.fullmatch(text)
    value = 0
    for character in text:
        value = value * 32 + "0123456789ABCDEFGHJKMNPQRSTVWXYZ".index(character)
    assert value >> 80 == (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert (value & (1 << 80) - 1).to_bytes(10, "big") == entropy[:10]
    assert ids.ulid_time(text) == at.replace(microsecond=at.microsecond // 1000 * 1000)


@given(moments, moments, st.binary(min_size=10, max_size=10), st.binary(min_size=10, max_size=10))
def test_ulids_sort_by_time(one: datetime, two: datetime, a: bytes, b: bytes) -> None:
    early, late = sorted((one, two))
    if late - early >= timedelta(milliseconds=1):
        assert ids.ulid(early, a) < ids.ulid(late, b)


@given(moments, texts, texts, texts, st.integers(0, 9))
def test_an_event_id_is_a_function_of_its_cause(
    at: datetime, cause: str, producer: str, detail_type: str, ordinal: int
) -> None:
    one = ids.event_id(at, cause, producer, detail_type, ordinal)
    assert one == ids.event_id(at, cause, producer, detail_type, ordinal)
    assert ULID.fullmatch(one)
    others = {
        ids.event_id(at, cause + "x", producer, detail_type, ordinal),
        ids.event_id(at, cause, producer + "x", detail_type, ordinal),
        ids.event_id(at, cause, producer, detail_type + "x", ordinal),
        ids.event_id(at, cause, producer, detail_type, ordinal + 10),
        ids.event_id(at + timedelta(milliseconds=1), cause, producer, detail_type, ordinal),
    }
    assert len(others - {one}) == 5


def test_the_id_of_a_known_cause_never_changes() -> None:
    at = datetime(2026, 11, 20, 12, tzinfo=UTC)
    assert ids.event_id(at, "cause", "gen3d_x.y.handler", "Mesh Completed", 0) == "01M7WD7TG0AX3S3BKJP2Y5FMMM"


def test_new_ids_have_their_form_and_differ() -> None:
    sessions = {ids.new_session_id() for _ in range(100)}
    jobs = {ids.new_job_id() for _ in range(100)}
    assert len(sessions) == len(jobs) == 100
    assert all(re.fullmatch(f"ses_{ULID.pattern}", session) for session in sessions)
    assert all(re.fullmatch(f"job_{ULID.pattern}", job) for job in jobs)


def test_derived_ids_follow_from_the_message() -> None:
    notice = S3ObjectCreated.from_envelope(foreign["s3-object-created"])
    other = notice.model_copy(update={"version_id": "another"})
    assert ids.derived_session_id(notice) == ids.derived_session_id(notice.model_copy())
    assert ids.derived_session_id(notice) != ids.derived_session_id(other)
    assert ids.derived_job_id(notice)[4:] != ids.derived_session_id(notice)[4:]


def test_a_caused_event_inherits_unless_it_says_otherwise() -> None:
    cause = samples["Mesh Completed"]
    event = UserNotified(channel="email", notified_of=cause.detail_type)
    inherited = ids.caused(event, cause, "gen3d_x", 0).metadata
    assert (inherited.user_id, inherited.session_id, inherited.job_id) == (USER, SESSION, JOB)
    other = "ses_01M7WD7TG0000000000000000Z"
    told = ids.caused(event.about("somebody", other), cause, "gen3d_x", 0).metadata
    assert (told.user_id, told.session_id, told.job_id) == ("somebody", other, None)
    assert told.correlation_id == other
    assert told.causation_id == cause.metadata.event_id


def test_an_originated_event_is_the_same_for_the_same_cause() -> None:
    due = datetime(2026, 11, 20, 13, tzinfo=UTC)
    event = JobTimedOut.because("job_timed_out").about(USER, SESSION, JOB)
    one = ids.originate(event, cause_id=f"{JOB}@{due.isoformat()}", at=due).metadata
    two = ids.originate(event, cause_id=f"{JOB}@{due.isoformat()}", at=due).metadata
    assert one.event_id == two.event_id
    assert one.causation_id == f"{JOB}@{due.isoformat()}"
    assert one.event_id != ids.originate(event, cause_id="request", at=due).metadata.event_id


def test_an_originated_event_must_say_whom_it_is_about() -> None:
    with pytest.raises(ValueError, match="Image Uploaded has no subject"):
        ids.originate(
            ImageUploaded(photo=samples["Image Uploaded"].photo),  # type: ignore[attr-defined]
            cause_id="x",
            at=datetime.now(UTC),
        )
