"""A session is hidden, comes back, and in the end is gone, with what comes late. And a person's allowance."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from gen3d import Gen3D, Job, JobOptions, Quality, Session, errors
from gen3d_events.keys import incoming_prefix, job_prefix, session_prefix
from gen3d_events.models import SessionPurged
from gen3d_local import people
from gen3d_local.cloud import Cloud

from tests.consumers import System
from tests.tap import Tap, judge
from tests.waiting import SECONDS, eventually


def versions(cloud: Cloud, session: Session) -> list[str]:
    """Keys of all versions and delete markers of a session."""
    s3, user_id = cloud.client("s3"), user_of(session)
    pages = (
        s3.list_object_versions(Bucket=cloud.outputs["DataBucketName"], Prefix=prefix)
        for prefix in (session_prefix(user_id, session.id), incoming_prefix(user_id, session.id))
    )
    return [
        one["Key"] for page in pages for one in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
    ]


def rows(cloud: Cloud, session: Session) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = cloud.client("dynamodb").query(
        TableName=cloud.outputs["SessionsTableName"],
        KeyConditionExpression="user_id = :user AND begins_with(item_id, :session)",
        ExpressionAttributeValues={":user": {"S": user_of(session)}, ":session": {"S": session.id}},
        ConsistentRead=True,
    )["Items"]
    return found


def user_of(session: Session) -> str:
    return str(session.events["image_uploaded"]["photo"]["key"].split("/")[1])


def is_purged(cloud: Cloud, system: System, session: Session) -> bool:
    system.look()
    return rows(cloud, session) == []


@pytest.fixture
def job(gen3d: Gen3D, photo: Path, mask: Path) -> Job:
    """Finished, and its session ready."""
    session = gen3d.create_session(photo, name="a bottle").wait_ready(SECONDS)
    return session.create_job(mask, JobOptions(quality=Quality.FAST, texture=None), "bottle").wait(SECONDS)


def test_from_hidden_to_restored_to_gone(
    cloud: Cloud, system: System, gen3d: Gen3D, tap: Tap, job: Job
) -> None:
    session = gen3d.session(job.session_id)
    tap.story(session.id, {"User Notified": 1})
    mail = next(mail for mail in reversed(cloud.mails()) if job.id in mail.text)
    (link, *_) = re.findall(rf"{re.escape(cloud.url)}/api/d/\S+", mail.text)
    assert httpx.get(link, trust_env=False).status_code == 302

    session.delete()
    for ask in (session.refresh, job.refresh, lambda: session.rename("hidden"), job.retry):
        with pytest.raises(errors.ApiError) as refused:
            ask()
        assert (refused.value.code, refused.value.status) == ("session_not_found", 404)
    assert session.id not in {it.id for it in gen3d.sessions()}
    (hidden,) = (it for it in gen3d.sessions(deleted=True) if it.id == session.id)
    assert hidden.purge_at
    assert hidden.purge_at > datetime.now(UTC)
    assert httpx.get(link, trust_env=False).status_code == 404

    restored = gen3d.restore(session.id)
    assert restored.state == "ready"
    assert [it.state for it in restored.jobs] == ["completed"]
    assert session.id in {it.id for it in gen3d.sessions()}
    assert httpx.get(link, trust_env=False).status_code == 302

    assert len(versions(cloud, session)) > 5
    neighbours = {it.id for it in gen3d.sessions()} - {session.id}
    session.delete()
    eventually(lambda: is_purged(cloud, system, session))
    assert versions(cloud, session) == []
    assert neighbours <= {it.id for it in gen3d.sessions()}
    with pytest.raises(errors.ApiError, match="no such session"):
        gen3d.restore(session.id)
    told = tap.story(
        session.id, {"Session Deletion Requested": 2, "Session Restored": 1, "Session Purged": 1}
    )
    (purged,) = (event for event in told if isinstance(event, SessionPurged))
    assert purged.object_versions > 5


def test_results_that_come_after_the_purge_are_dropped(
    cloud: Cloud, system: System, gen3d: Gen3D, tap: Tap, *, photo: Path, mask: Path
) -> None:
    """A failure, for its photo is gone; and a success with its splats, which the endpoint had under way."""
    s3, bucket = cloud.client("s3"), cloud.outputs["DataBucketName"]
    made = gen3d.create_session(photo).wait_ready(SECONDS)
    user_id = user_of(made)
    cloud.misbehave("late", task="embed")
    cloud.misbehave("untold", task="reconstruct")
    try:
        asked = gen3d.create_session(photo).wait_accepted(SECONDS)
        job = made.create_job(mask, JobOptions(quality=Quality.FAST, texture=None))
        splat = f"{job_prefix(user_id, made.id, job.id)}splat.ply"
        eventually(lambda: splat in versions(cloud, made))
        content = s3.get_object(Bucket=bucket, Key=splat)["Body"].read()
        tap.story(asked.id, {"Embedding Started": 1})
        told_before = len(cloud.mails())
        for session in (made, asked):
            session.delete()
        eventually(lambda: all(is_purged(cloud, system, session) for session in (made, asked)))
        assert versions(cloud, made) == versions(cloud, asked) == []
        s3.put_object(Bucket=bucket, Key=f"{session_prefix(user_id, asked.id)}embedding/late", Body=b"late")
        s3.put_object(Bucket=bucket, Key=splat, Body=content)
    finally:
        cloud.behave()
    tap.story(asked.id, {"Inference Failed": 1, "Embedding Failed": 1})
    tap.story(made.id, {"Inference Succeeded": 2, "Reconstruction Completed": 1})
    system.rested()
    for session in (made, asked):
        assert "User Notified" not in {event.detail_type for event in tap.heard(session.id)}
        assert versions(cloud, session) == []
        assert rows(cloud, session) == []
    assert not [it for it in cloud.mails()[told_before:] if made.id in it.text or asked.id in it.text]
    assert system.dead() == {}


def test_another_try_reuses_the_mask(cloud: Cloud, gen3d: Gen3D, tap: Tap, job: Job) -> None:
    session, first = gen3d.session(job.session_id), job
    second = first.retry(JobOptions(seed=7)).wait(SECONDS)
    assert (second.name, second.view["options"]["seed"], second.view["options"]["quality"]) == (
        "bottle",
        7,
        "fast",
    )
    assert second.view["files"]["mask.png"]["bytes"] == first.refresh().view["files"]["mask.png"]["bytes"]
    assert second.view["files"]["mesh.glb"]["bytes"] > 0
    story = tap.story(session.id, {"Mesh Completed": 2, "User Notified": 2})
    judge(story)
    assert first.rename("the bottle").name == "the bottle"
    kept = f"{session_prefix(user_of(session), session.id)}metadata.json"
    found = cloud.client("s3").get_object(Bucket=cloud.outputs["DataBucketName"], Key=kept)
    assert b'"the bottle"' in found["Body"].read()
    usage = gen3d.usage()
    assert usage["jobs"] >= 2
    assert usage["bytes_stored"] > session.view["photo"]["bytes"]
    assert (usage["gpu_seconds"], usage["estimated_cost_usd"]) == (0, 0)  # no engine has weights here


def test_a_page_tells_the_log_what_went_wrong(cloud: Cloud, gen3d: Gen3D) -> None:
    said = 'broken\n{"level":"ERROR"}'
    answer = httpx.post(
        f"{cloud.url}/api/client-errors",
        json={"message": said},
        headers={"Authorization": gen3d.tokens()},
        trust_env=False,
    )
    assert (answer.status_code, answer.content) == (204, b"")

    def logged() -> bool:
        found = cloud.client("logs").filter_log_events(
            logGroupName="/gen3d/dev/UploadApi", filterPattern='"client error"'
        )
        lines = [json.loads(event["message"]) for event in found["events"]]
        told = [(line["level"], line["client"]["message"]) for line in lines if "client" in line]
        return told == [("WARNING", said)]

    assert eventually(logged)


def test_who_asks_too_often_is_told_when_to_come_back(cloud_without_endpoint: Cloud) -> None:
    cloud = cloud_without_endpoint
    person = people.create(cloud.engine_url, cloud.outputs["UserPoolId"], "hasty@gen3d.example")
    with (
        Gen3D(f"{cloud.url}/api", person.email, person.password) as gen3d,
        httpx.Client(headers={"Authorization": gen3d.tokens()}, trust_env=False) as http,
    ):
        # At most two minutes begin while these are sent.
        answers = [http.get(f"{cloud.url}/api/sessions?limit=1") for _ in range(201)]
        refused = [answer for answer in answers if answer.status_code != 200]
        assert refused
        assert {answer.status_code for answer in refused} == {429}
        assert refused[0].json()["code"] == "too_many_requests"
        assert 1 <= int(refused[0].headers["Retry-After"]) <= 60
        assert answers.index(refused[0]) >= 100
        assert httpx.get(f"{cloud.url}/api/config", trust_env=False).status_code == 200
