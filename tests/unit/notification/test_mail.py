"""Who is written to, and what becomes of it: Cognito, SES and KMS in moto."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from gen3d_events import aws, links
from gen3d_events.event import Event
from gen3d_events.ids import ulid
from gen3d_events.models import (
    Failure,
    MeshCompleted,
    NotificationFailed,
    UserNotified,
)
from gen3d_events.samples import samples
from gen3d_notification import ledger, mail
from gen3d_notification.ledger import Deletion
from moto.ses.models import ses_backends

ADDRESS = "ada@example.com"
OPERATOR = "operator@example.com"


@dataclass
class Post:
    """The mails that were sent, and the person they are for."""

    user_id: str

    @property
    def sent(self) -> list[Any]:
        messages: list[Any] = ses_backends["123456789012"]["us-east-1"].sent_messages
        return messages

    @property
    def recipients(self) -> list[str]:
        return [address for message in self.sent for address in message.destinations["ToAddresses"]]


@pytest.fixture
def post(moto_account: None, monkeypatch: pytest.MonkeyPatch) -> Post:
    cognito = aws.client("cognito-idp")
    pool = cognito.create_user_pool(PoolName="people", UsernameAttributes=["email"])["UserPool"]["Id"]
    user = cognito.admin_create_user(
        UserPoolId=pool, Username=ADDRESS, UserAttributes=[{"Name": "email", "Value": ADDRESS}]
    )["User"]
    aws.client("dynamodb").create_table(
        TableName="told",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    aws.client("sesv2").create_email_identity(EmailIdentity="gen3d@example.com")
    key = aws.client("kms").create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"][
        "KeyId"
    ]
    for name, value in {
        "STAGE": "test",
        "IDEMPOTENCY_TABLE": "told",
        "USER_POOL_ID": pool,
        "MAIL_FROM": "gen3d@example.com",
        "ADMIN_EMAIL": OPERATOR,
        "PUBLIC_URL": "https://gen3d.example",
        "LINK_KEY_ID": key,
    }.items():
        monkeypatch.setenv(name, value)
    return Post(user["Username"])


def tell(post: Post, event: Event) -> list[Event]:
    """What comes of telling the person of a sample."""
    mine = event.metadata.model_copy(update={"user_id": post.user_id})
    return consume(event.with_metadata(mine))


def consume(event: Event) -> list[Event]:
    assert isinstance(event, MeshCompleted | Failure | Deletion)
    return list(mail.handler.consume(event))


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
    assert mail._given_up(samples["Session Restored"], "internal_error", "why") is None


def another(detail_type: str, letter: str = "Z") -> Event:
    """A sample with another event id."""
    event = samples[detail_type]
    return event.with_metadata(event.metadata.model_copy(update={"event_id": letter * 26}))


@pytest.mark.parametrize(
    ("first", "then"),
    [("Mesh Completed", "Meshing Failed"), ("Reconstruction Failed", "Mesh Completed")],
)
def test_of_two_ends_of_a_job_the_first_is_told(post: Post, first: str, then: str) -> None:
    assert tell(post, samples[first])
    told = len(post.sent)
    assert tell(post, another(then)) == []
    assert len(post.sent) == told


def test_an_end_whose_mail_did_not_leave_is_told_when_it_is_tried_again(post: Post) -> None:
    with Stubber(aws.client("sesv2")) as ses:
        ses.add_client_error("send_email", "InternalFailure", http_status_code=500)
        with pytest.raises(ClientError):
            tell(post, samples["Mesh Completed"])
    assert len(tell(post, samples["Mesh Completed"])) == 1
    assert post.recipients == [ADDRESS]


def test_a_late_result_is_told_after_its_time_out_and_no_time_out_after_a_result(post: Post) -> None:
    assert tell(post, samples["Job Timed Out"])
    assert tell(post, samples["Mesh Completed"])
    told = len(post.sent)
    assert tell(post, another("Job Timed Out")) == []
    assert len(post.sent) == told


def moved(detail_type: str, seconds: int) -> Event:
    event = samples[detail_type]
    at = event.metadata.occurred_at + timedelta(seconds=seconds)
    id_ = ulid(at, event.detail_type.encode())
    return event.with_metadata(event.metadata.model_copy(update={"occurred_at": at, "event_id": id_}))


def told_at(event: Event, seconds: int) -> Event:
    """The event as it is told so many seconds after the act."""
    at = event.metadata.occurred_at + timedelta(seconds=seconds)
    return event.with_metadata(event.metadata.model_copy(update={"occurred_at": at}))


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
