from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from itertools import permutations
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError
from gen3d_events import keys
from gen3d_events.event import Event
from gen3d_events.models import JobOptions
from gen3d_events.samples import BUCKET, JOB, NOON, SESSION, USER, samples
from gen3d_upload import history, metadata, progress, rows
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

KEY = f"{keys.session_prefix(USER, SESSION)}metadata.json"
HAPPY = [
    samples[name]
    for name in (
        "Image Uploaded",
        "Embedding Started",
        "Embedding Completed",
        "Reconstruction Requested",
        "Reconstruction Started",
        "Reconstruction Completed",
        "Meshing Started",
        "Mesh Completed",
        "User Notified",
    )
]

pytestmark = pytest.mark.usefixtures("table", "s3")


@pytest.fixture(autouse=True)
def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "_written", {})


@pytest.fixture(autouse=True)
def session(table: Any, s3: Any) -> None:
    start()


def start() -> None:
    rows.create(USER, SESSION, filename="chair_photo.jpg")
    rows.create(
        USER,
        SESSION,
        JOB,
        options=JobOptions().model_dump(mode="json", exclude_none=True),
        clicks=5,
        refinements=2,
    )


def consume(*names: str) -> None:
    for name in names:
        hear(samples[name])


def hear(*events: Event) -> None:
    """In one batch, all about one session."""
    (session,) = {progress.handler.target(event) for event in events}
    progress.handler.into(session, events)


def document(s3: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(s3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read())
    return found


@pytest.mark.parametrize(
    "order", permutations(("Reconstruction Completed", "Meshing Started", "Mesh Completed"))
)
def test_in_every_order_the_document_tells_when_meshing_began(s3: Any, order: tuple[str, ...]) -> None:
    consume("Image Uploaded", "Reconstruction Requested", "Reconstruction Started", *order)
    (job,) = document(s3)["jobs"]
    assert job["status"] == "completed"
    assert {"started_at", "completed_at"} <= set(job["stages"]["meshing"])


@pytest.mark.parametrize(
    ("next_event", "status"),
    [("Reconstruction Started", "reconstructing"), ("Reconstruction Failed", "failed")],
)
def test_that_a_job_was_asked_for_is_told_with_that_it_was_begun_or_could_not_be(
    s3: Any, next_event: str, status: str
) -> None:
    consume("Image Uploaded")
    before = document(s3)
    consume("Reconstruction Requested")
    assert document(s3) == before
    consume(next_event)
    (job,) = document(s3)["jobs"]
    assert job["status"] == status
    assert "mask_info" in job


def test_that_a_rejected_mask_was_replaced_is_told_at_once(s3: Any) -> None:
    consume("Image Uploaded", "Mask Rejected")
    assert "problem" in document(s3)["jobs"][0]
    consume("Reconstruction Requested")
    (job,) = document(s3)["jobs"]
    assert job["status"] == "queued"
    assert "problem" not in job


@pytest.mark.parametrize("next_event", ["Reconstruction Started", "Reconstruction Failed", "Mesh Completed"])
def test_what_was_asked_for_is_told_even_after_what_follows(s3: Any, next_event: str) -> None:
    consume("Image Uploaded", next_event)
    assert "mask_info" not in document(s3)["jobs"][0]
    consume("Reconstruction Requested")
    assert "mask_info" in document(s3)["jobs"][0]


def test_that_meshing_began_is_told_with_how_it_ended(s3: Any) -> None:
    consume("Image Uploaded", "Reconstruction Requested", "Reconstruction Completed")
    before = document(s3)
    consume("Meshing Started")
    assert document(s3) == before
    consume("Job Timed Out")
    assert "started_at" in document(s3)["jobs"][0]["stages"]["meshing"]


def test_metadata_has_the_architecture_s_form_and_a_list_of_jobs(s3: Any) -> None:
    consume(*(event.detail_type for event in HAPPY))
    found = document(s3)
    created = {found.pop("created_at"), *(job.pop("created_at") for job in found["jobs"])}
    assert all(created)
    job_stages = {
        "interaction": {
            "started_at": "2026-11-20T12:00:06Z",
            "completed_at": "2026-11-20T12:01:35Z",
            "num_clicks": 5,
            "num_refinements": 2,
        },
        "reconstruction": {
            "started_at": "2026-11-20T12:01:36Z",
            "completed_at": "2026-11-20T12:01:51Z",
            "duration_sec": 15.0,
            "mesh_size_mb": 13.632,
            "num_points": 200_461,
        },
        "meshing": {
            "started_at": "2026-11-20T12:01:52Z",
            "completed_at": "2026-11-20T12:01:58Z",
            "duration_sec": 6.0,
            "mesh_size_mb": 1.903,
            "num_vertices": 24_112,
            "num_triangles": 48_220,
        },
    }
    mask_info = {"num_pixels": 301_440, "coverage_percent": 15.7}
    assert found == {
        "session_id": SESSION,
        "user_id": USER,
        "status": "completed",
        "stages": {
            "initialization": {
                "started_at": "2026-11-20T12:00:03Z",
                "completed_at": "2026-11-20T12:00:06Z",
                "duration_sec": 3.0,
                "embedding_size_mb": 4.195,
            },
            **job_stages,
        },
        "image_info": {
            "original_filename": "chair_photo.jpg",
            "width": 1600,
            "height": 1200,
            "format": "JPEG",
        },
        "mask_info": mask_info,
        "jobs": [
            {
                "job_id": JOB,
                "status": "completed",
                "options": {"quality": "balanced", "formats": ["glb"], "texture": 1024, "seed": 42},
                "stages": job_stages,
                "mask_info": mask_info,
            }
        ],
    }


@pytest.mark.parametrize("embedded", ["late", "never"])
def test_a_mask_from_elsewhere_has_no_interaction(s3: Any, embedded: str) -> None:
    """The mask came 95 s after the photo. Clicks are told nevertheless, if somebody counted them."""
    consume("Image Uploaded", "Reconstruction Requested")
    if embedded == "late":
        late = samples["Embedding Completed"]
        about = late.metadata.model_copy(update={"occurred_at": NOON + timedelta(seconds=95.001)})
        hear(late.with_metadata(about))
    found = document(s3)
    assert found["stages"]["interaction"] == {"num_clicks": 5, "num_refinements": 2}


def test_an_interaction_that_goes_on_has_begun(s3: Any) -> None:
    consume("Image Uploaded", "Embedding Completed")
    assert document(s3)["stages"]["interaction"] == {
        "started_at": "2026-11-20T12:00:06Z",
        "num_clicks": 5,
        "num_refinements": 2,
    }


def test_every_order_renders_the_same(table: Any, s3: Any) -> None:
    seen = []
    for order in permutations(["Image Uploaded", "Embedding Completed", "Mask Rejected"]):
        consume(*order)
        seen.append(document(s3))
        for part in (seen[-1], *seen[-1]["jobs"]):
            del part["created_at"]
        start_anew(table, s3)
    assert len(seen) == 6
    assert all(found == seen[0] for found in seen)


@pytest.mark.parametrize("last", [event.detail_type for event in HAPPY])
def test_whichever_event_comes_last_the_metadata_is_up_to_date(s3: Any, last: str) -> None:
    consume(*(event.detail_type for event in HAPPY if event.detail_type != last), last)
    found = document(s3)
    metadata.write(USER, SESSION)
    assert found == document(s3)


def test_a_problem_is_told_without_an_address(s3: Any) -> None:
    consume("Image Uploaded", "Reconstruction Requested", "Reconstruction Failed")
    found = document(s3)
    assert found["status"] == "failed"
    assert found["jobs"][0]["problem"]["code"] == "inference_failed"
    assert "http" not in json.dumps(found)


def test_an_event_of_no_session_writes_nothing(s3: Any, table: Any) -> None:
    for item in (SESSION, f"{SESSION}/{JOB}"):
        table.delete_item(TableName="sessions", Key={"user_id": {"S": USER}, "item_id": {"S": item}})
    consume("Image Uploaded")
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET)


def test_a_mail_changes_the_row_but_not_the_metadata(s3: Any) -> None:
    consume("Mesh Completed")
    versions = len(s3.list_object_versions(Bucket=BUCKET, Prefix=KEY)["Versions"])
    consume("User Notified")
    row = rows.get(USER, SESSION, JOB)
    assert row
    assert row["user_notified"]["channel"] == "email"
    assert len(s3.list_object_versions(Bucket=BUCKET, Prefix=KEY)["Versions"]) == versions


def test_of_mails_about_a_job_the_last_one_counts() -> None:
    left, refused = samples["User Notified"], samples["Notification Failed"]
    later = left.metadata.event_id[:-1] + "Z"
    assert later > left.metadata.event_id
    rows.fold(left)
    rows.fold(refused.with_metadata(left.metadata.model_copy(update={"event_id": later})))
    row = rows.get(USER, SESSION, JOB)
    assert row
    mail = history.job_stages(row)["notification"]
    assert (mail.completed_at, bool(mail.failed_at)) == (None, True)
    latest = later[:-2] + "ZZ"
    rows.fold(left.with_metadata(left.metadata.model_copy(update={"event_id": latest})))
    row = rows.get(USER, SESSION, JOB)
    assert row
    mail = history.job_stages(row)["notification"]
    assert (bool(mail.completed_at), mail.failed_at) == (True, None)


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


def start_anew(table: Any, s3: Any) -> None:
    for row in table.scan(TableName="sessions")["Items"]:
        table.delete_item(TableName="sessions", Key={name: row[name] for name in ("user_id", "item_id")})
    s3.delete_object(Bucket=BUCKET, Key=KEY)
    metadata._written = {}
    start()


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


def test_progress_consumes_every_event_of_the_contract() -> None:
    assert set(progress.handler.causes) >= set(samples)
