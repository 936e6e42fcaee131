"""Who writes metadata.json while others do, and of what it remembers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError
from gen3d_events.models import JobOptions
from gen3d_events.samples import BUCKET, JOB, SESSION, USER
from gen3d_upload import metadata, rows
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.upload.telling import HAPPY, KEY, consume, document, hear, start, start_anew


@pytest.fixture(autouse=True)
def session(table: Any, s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "_written", {})
    start()


@pytest.fixture
def overtake(s3: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Names of events; before each put of metadata.json, another function consumes the next of them."""
    waiting: list[str] = []
    render = metadata.render

    def slow(session: Any, jobs: Any) -> Any:
        rendered = render(session, jobs)
        if waiting:
            consume(waiting.pop(0))
        return rendered

    monkeypatch.setattr(metadata, "render", slow)
    yield waiting
    assert not waiting


def test_a_rendering_by_somebody_else_in_between_is_noticed(s3: Any) -> None:
    consume("Image Uploaded")
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"{}")
    consume("Embedding Completed")
    assert document(s3)["stages"]["initialization"]["embedding_size_mb"] == 4.195


def test_a_document_that_is_gone_is_written_anew(s3: Any) -> None:
    consume("Image Uploaded")
    s3.delete_object(Bucket=BUCKET, Key=KEY)
    consume("Embedding Completed")
    assert document(s3)["stages"]["initialization"]["embedding_size_mb"] == 4.195


def test_few_documents_are_remembered(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "MAX_ROWS_KEPT", 0)
    consume("Image Uploaded", "Embedding Completed")
    assert not metadata._written
    assert document(s3)["stages"]["initialization"]["embedding_size_mb"] == 4.195


@pytest.mark.parametrize(("kept_seconds", "reads"), [(60.0, 1), (-1.0, 3)])
def test_a_function_reads_again_only_what_it_read_long_ago(
    s3: Any, monkeypatch: pytest.MonkeyPatch, kept_seconds: float, reads: int
) -> None:
    monkeypatch.setattr(metadata, "KEPT_SECONDS", kept_seconds)
    reading = Mock(wraps=rows.session)
    monkeypatch.setattr(rows, "session", reading)
    consume("Image Uploaded", "Reconstruction Started", "Mesh Completed")
    assert reading.call_count == reads
    assert document(s3)["status"] == "completed"


def test_a_name_given_by_the_api_is_shown_at_once_and_stays(s3: Any) -> None:
    consume("Image Uploaded")
    progress_s, metadata._written = metadata._written, {}
    rows.rename(USER, SESSION, None, "chair")
    metadata.write(USER, SESSION)
    assert document(s3)["name"] == "chair"
    rows.rename(USER, SESSION, JOB, "legs")
    metadata.write(USER, SESSION)
    metadata._written = progress_s
    consume("Embedding Completed")
    assert (document(s3)["name"], document(s3)["jobs"][0]["name"]) == ("chair", "legs")


def test_what_ended_while_its_session_was_deleted_is_told_when_that_is_restored(s3: Any) -> None:
    """By a function that heard of none of it."""
    consume("Image Uploaded", "Reconstruction Started", "Reconstruction Completed")
    knew, metadata._written = metadata._written, {}
    rows.delete(USER, SESSION, timedelta(days=7))
    consume("Session Deletion Requested", "Mesh Completed")
    rows.restore(USER, SESSION)
    metadata._written = knew
    consume("Session Restored")
    assert document(s3)["status"] == "completed"


def test_a_job_that_nobody_told_of_yet_is_shown_with_its_session(s3: Any) -> None:
    consume("Image Uploaded")
    rows.create(USER, SESSION, OTHER_JOB, options=JobOptions().model_dump(mode="json", exclude_none=True))
    consume("Embedding Completed")
    assert len(document(s3)["jobs"]) == 2


OTHER_JOB = f"{JOB[:-1]}{'A' if JOB[-1] != 'A' else 'B'}"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=12)
@given(data=st.data())
def test_whichever_of_two_functions_handles_what_the_document_is_up_to_date_in_the_end(
    table: Any, s3: Any, data: st.DataObject
) -> None:
    """Each has its own memory and hears batches, and may be held up before it renders."""
    start_anew(table, s3)
    rows.create(USER, SESSION, OTHER_JOB, options=JobOptions().model_dump(mode="json", exclude_none=True))
    other = [
        event.with_metadata(event.metadata.model_copy(update={"job_id": OTHER_JOB}))
        for event in HAPPY
        if event.metadata.job_id
    ]
    memories = [dict[str, Any](), dict[str, Any]()]
    waiting: list[int] = []
    to_come = data.draw(st.permutations([*HAPPY, *other]))
    write, function = metadata.write, 0
    with pytest.MonkeyPatch.context() as held_up:
        held_up.setattr(metadata, "write", lambda *_, **__: waiting.append(function))
        while to_come or waiting:
            writes = bool(waiting) and (not to_come or data.draw(st.booleans()))
            if not writes:
                function = data.draw(st.integers(0, 1))
                metadata._written = memories[function]
                batch = data.draw(st.integers(1, 3))
                hear(*to_come[:batch])
                del to_come[:batch]
            else:
                metadata._written = memories[waiting.pop(data.draw(st.integers(0, len(waiting) - 1)))]
                write(USER, SESSION, reread=False)
    found = document(s3)
    metadata._written = {}
    metadata.write(USER, SESSION)
    assert found == document(s3)
    assert [job["status"] for job in found["jobs"]] == ["completed", "completed"]


@pytest.mark.parametrize("first", [True, False])
def test_a_stale_rendering_never_overwrites_a_newer_one(s3: Any, overtake: list[str], first: bool) -> None:
    if not first:
        consume("Image Uploaded")
    overtake.append("Mesh Completed")
    consume("Embedding Completed")
    found = document(s3)
    assert found["status"] == "completed"
    assert found["stages"]["initialization"]["embedding_size_mb"] == 4.195


def test_after_too_many_overtakings_the_message_is_left_for_later(
    s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metadata, "_unchanged", lambda key: {"IfMatch": '"of long ago"'})
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"{}")
    with pytest.raises(metadata.MetadataBusy):
        consume("Image Uploaded")


def test_another_error_is_not_taken_for_an_overtaking(s3: Any) -> None:
    s3.delete_bucket(Bucket=BUCKET)
    with pytest.raises(ClientError, match="NoSuchBucket"):
        consume("Image Uploaded")
