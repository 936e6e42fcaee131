"""A person's mail cannot be sent, or need not be."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from gen3d import Gen3D
from gen3d_events.ids import originate
from gen3d_events.models import EmbeddingTimedOut, NotificationFailed, ReconstructionFailed
from gen3d_local import people
from gen3d_local.cloud import Cloud

from tests.consumers import System
from tests.fault.conftest import FAST
from tests.fault.deliveries import held, publish_again
from tests.tap import Tap
from tests.waiting import SECONDS, eventually


def test_a_mail_to_somebody_who_has_left_is_told_of_as_failed(
    cloud: Cloud, system: System, tap: Tap, photo: Path
) -> None:
    pool = cloud.outputs["UserPoolId"]
    person = people.create(cloud.engine_url, pool, "carol@example.com")
    cloud.misbehave("fail", code="model_unavailable", task="embed")
    with (
        Gen3D(f"{cloud.url}/api", person.email, person.password) as carol,
        held(system, "NotificationMail"),
    ):
        session = carol.create_session(photo)
        eventually(lambda: session.refresh().events.get("embedding_failed"))
        cloud.client("cognito-idp").admin_delete_user(UserPoolId=pool, Username=person.email)
    story = tap.story(session.id, {"Notification Failed": 1})
    (failed,) = (event for event in story if isinstance(event, NotificationFailed))
    assert (failed.code, failed.notified_of) == ("notification_failed", "Embedding Failed")
    system.settled()
    assert [mail for mail in cloud.mails() if person.email in mail.to] == []


def test_what_is_told_after_a_result_is_not_mailed(
    gen3d: Gen3D, system: System, photo: Path, mask: Path
) -> None:
    """A time-out of a photo that is ready, and a failure to reconstruct what is being meshed."""
    session = gen3d.create_session(photo).wait_ready(SECONDS)
    with held(system, "MeshingMesh"):
        job = session.create_job(mask, FAST)
        eventually(lambda: job.refresh().events.get("reconstruction_completed"))
        eventually(lambda: "NotificationMail" not in system.waiting())
        user_id = session.events["image_uploaded"]["photo"]["key"].split("/")[1]
        late = (
            EmbeddingTimedOut.because("embedding_timed_out").about(user_id, session.id),
            ReconstructionFailed.because("internal_error").about(user_id, session.id, job.id),
        )
        at = datetime.now(UTC)
        publish_again(system.cloud, [originate(event, cause_id=job.id, at=at) for event in late])
        eventually(lambda: job.refresh().events.get("reconstruction_failed"))
        eventually(lambda: session.refresh().events.get("embedding_timed_out"))
        eventually(lambda: "NotificationMail" not in system.waiting())
    system.settled(job)
    assert (job.state, session.refresh().state) == ("completed", "ready")
    assert [mail.subject for mail in system.mails(session)] == ["Your 3D model is ready"]
