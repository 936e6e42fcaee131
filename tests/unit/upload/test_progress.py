from __future__ import annotations

import json
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from gen3d_events.samples import BUCKET, JOB, NOON, SESSION, USER, samples
from gen3d_upload import history, metadata, progress, rows

from tests.unit.upload.telling import HAPPY, KEY, consume, document, hear, start, start_anew


@pytest.fixture(autouse=True)
def session(table: Any, s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "_written", {})
    start()


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


def test_progress_consumes_every_event_of_the_contract() -> None:
    assert set(progress.handler.causes) >= set(samples)
