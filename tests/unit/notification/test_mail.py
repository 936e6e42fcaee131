"""Who is written to, and what becomes of it: Cognito, SES and KMS in moto."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from gen3d_events import aws, links
from gen3d_events.models import (
    MeshCompleted,
    NotificationFailed,
    UserNotified,
)
from gen3d_events.samples import samples
from gen3d_notification import ledger, mail
from gen3d_notification.ledger import Deletion

from tests.unit.notification.mailing import ADDRESS, OPERATOR, Post, consume, moved, tell, told_at


def test_success_goes_to_the_person_with_links_that_open_the_files(post: Post) -> None:
    event = samples["Mesh Completed"]
    assert isinstance(event, MeshCompleted)

    assert tell(post, event) == [UserNotified(channel="email", notified_of="Mesh Completed")]

    [message] = post.sent
    assert message.destinations["ToAddresses"] == [ADDRESS]
    assert message.source == "gen3d@example.com"
    tokens = re.findall(r"https://gen3d.example/api/d/([\w.-]+)", str(message.body))
    now = datetime.now(UTC)
    key = os.environ["LINK_KEY_ID"]
    assert [links.verify(key, token, now) for token in tokens] == [
        event.files["preview.png"].key,
        event.files["mesh.glb"].key,
        event.splat_key,
    ]
    for token in tokens:
        assert links.verify(key, token, now + timedelta(hours=23, minutes=59))
        with pytest.raises(links.LinkExpired):
            links.verify(key, token, now + timedelta(hours=24, minutes=1))


def test_what_the_person_can_mend_goes_to_the_person_alone(post: Post) -> None:
    told = tell(post, samples["Meshing Failed"])
    assert told == [UserNotified(channel="email", notified_of="Meshing Failed")]
    assert post.recipients == [ADDRESS]


@pytest.mark.parametrize("detail_type", ["Embedding Failed", "Reconstruction Failed", "Job Timed Out"])
def test_what_the_person_cannot_mend_goes_to_the_operator_too(post: Post, detail_type: str) -> None:
    told = tell(post, samples[detail_type])
    assert told == [UserNotified(channel="email", notified_of=detail_type)] * 2
    assert post.recipients == [OPERATOR, ADDRESS]


def test_without_an_operator_only_the_person_is_told(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADMIN_EMAIL", "")
    assert len(tell(post, samples["Embedding Failed"])) == 1
    assert post.recipients == [ADDRESS]


def test_an_unknown_person_cannot_be_told(post: Post) -> None:
    [failed] = consume(samples["Mesh Completed"])
    assert isinstance(failed, NotificationFailed)
    assert (failed.code, failed.channel, failed.notified_of) == (
        "notification_failed",
        "email",
        "Mesh Completed",
    )
    assert "there is no user" in (failed.detail_text or "")
    assert post.sent == []


def test_a_person_without_an_address_cannot_be_told(post: Post) -> None:
    cognito, pool = aws.client("cognito-idp"), os.environ["USER_POOL_ID"]
    cognito.admin_delete_user_attributes(UserPoolId=pool, Username=post.user_id, UserAttributeNames=["email"])
    [failed] = tell(post, samples["Mesh Completed"])
    assert isinstance(failed, NotificationFailed)
    assert "has no address" in (failed.detail_text or "")


def test_what_ses_rejects_is_a_failed_notification(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL_FROM", "not-verified@example.org")
    [failed] = tell(post, samples["Mesh Completed"])
    assert isinstance(failed, NotificationFailed)
    assert "MessageRejected" in (failed.detail_text or "")


@pytest.mark.parametrize(("code", "status"), [("TooManyRequestsException", 429), ("InternalFailure", 500)])
def test_a_busy_post_office_is_tried_again_later(post: Post, code: str, status: int) -> None:
    with Stubber(aws.client("sesv2")) as ses:
        ses.add_client_error("send_email", code, http_status_code=status)
        with pytest.raises(ClientError):
            tell(post, samples["Mesh Completed"])


def test_a_broken_directory_is_tried_again_later(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER_POOL_ID", "us-east-1_missing")
    with pytest.raises(ClientError):
        tell(post, samples["Mesh Completed"])


def test_work_that_is_given_up_says_what_the_person_was_not_told_of() -> None:
    event = samples["Job Timed Out"]
    failed = mail._given_up(event, "internal_error", "why")
    assert failed
    assert (failed.code, failed.notified_of) == ("internal_error", "Job Timed Out")
    for name in ("Session Restored", "Embedding Completed", "Reconstruction Completed"):
        assert mail._given_up(samples[name], "internal_error", "why") is None, "of that there is no mail"


def test_an_end_whose_mail_did_not_leave_is_told_when_it_is_tried_again(post: Post) -> None:
    with Stubber(aws.client("sesv2")) as ses:
        ses.add_client_error("send_email", "InternalFailure", http_status_code=500)
        with pytest.raises(ClientError):
            tell(post, samples["Mesh Completed"])
    assert len(tell(post, samples["Mesh Completed"])) == 1
    assert post.recipients == [ADDRESS]


def test_what_was_done_last_counts_not_what_was_told_last(post: Post) -> None:
    assert tell(post, moved("Session Restored", 2)) == []
    assert tell(post, told_at(moved("Session Deletion Requested", 1), 60)) == []
    assert tell(post, samples["Mesh Completed"])
    assert post.recipients == [ADDRESS]


def test_nothing_is_told_of_a_deleted_session_until_it_is_restored(post: Post) -> None:
    assert tell(post, moved("Session Deletion Requested", 0)) == []
    assert tell(post, moved("Session Restored", 2)) == []
    assert tell(post, moved("Session Deletion Requested", 1)) == []
    assert tell(post, samples["Mesh Completed"]) != []
    assert tell(post, moved("Session Purged", 3)) == []
    assert tell(post, samples["Embedding Failed"]) == []
    assert post.recipients == [ADDRESS]


def test_what_came_while_a_session_was_deleted_is_told_when_it_is_restored(post: Post) -> None:
    tell(post, moved("Session Deletion Requested", 0))
    assert tell(post, samples["Mesh Completed"]) == []
    assert post.sent == []
    (told,) = tell(post, moved("Session Restored", 1))
    assert isinstance(told, UserNotified)
    assert told.notified_of == "Mesh Completed"
    assert told.subject
    assert told.subject.job_id == samples["Mesh Completed"].metadata.job_id
    assert post.recipients == [ADDRESS]
    assert tell(post, moved("Session Restored", 1)) == []
    assert tell(post, samples["Mesh Completed"])


def test_what_was_withheld_stays_so_over_a_second_deletion(post: Post) -> None:
    """Also where the first restoration is heard of after it."""
    tell(post, moved("Session Deletion Requested", 0))
    tell(post, samples["Mesh Completed"])
    tell(post, moved("Session Deletion Requested", 7200))
    assert tell(post, moved("Session Restored", 0)) == []
    assert post.sent == []
    assert tell(post, moved("Session Restored", 7200))
    assert post.recipients == [ADDRESS]


def test_what_is_withheld_while_a_restoration_is_handled_is_not_forgotten(post: Post) -> None:
    tell(post, moved("Session Deletion Requested", 0))
    tell(post, samples["Mesh Completed"])
    restored = moved("Session Restored", 1)
    assert isinstance(restored, Deletion)
    mine = restored.metadata.model_copy(update={"user_id": post.user_id})
    telling = mail.handler.consume(restored.with_metadata(mine))
    assert next(telling)
    other = samples["Embedding Failed"]
    ledger.withhold(other.with_metadata(other.metadata.model_copy(update={"user_id": post.user_id})))
    assert list(telling) == []
    assert [kept.detail_type for kept in ledger.withheld(other.metadata)] == ["Embedding Failed"]


def test_of_a_purged_session_nothing_is_kept(post: Post) -> None:
    tell(post, moved("Session Deletion Requested", 0))
    tell(post, samples["Mesh Completed"])
    assert tell(post, moved("Session Purged", 1)) == []
    assert ledger.withheld(samples["Mesh Completed"].metadata) == []
