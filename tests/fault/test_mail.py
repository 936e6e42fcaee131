"""A person's mail cannot be sent."""

from __future__ import annotations

from pathlib import Path

from gen3d import Gen3D
from gen3d_events.models import NotificationFailed
from gen3d_local import people
from gen3d_local.cloud import Cloud

from tests.consumers import System
from tests.fault.deliveries import held
from tests.tap import Tap
from tests.waiting import eventually


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
