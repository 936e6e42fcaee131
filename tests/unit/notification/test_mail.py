"""Who is written to, and what becomes of it: Cognito, SES and KMS in moto."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from gen3d_events import aws, links, read_model
from gen3d_events.event import Event
from gen3d_events.ids import caused, new_job_id, new_session_id, originate, ulid
from gen3d_events.models import (
    EmbeddingCompleted,
    Failure,
    MeshCompleted,
    NotificationFailed,
    ReconstructionCompleted,
    UserNotified,
)
from gen3d_events.samples import samples
from gen3d_notification import ledger, mail
from gen3d_notification.ledger import Deletion
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
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
    assert isinstance(
        event, EmbeddingCompleted | ReconstructionCompleted | MeshCompleted | Failure | Deletion
    )
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
    for name in ("Session Restored", "Embedding Completed", "Reconstruction Completed"):
        assert mail._given_up(samples[name], "internal_error", "why") is None, "of that there is no mail"


NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def story(said: Mapping[str, int]) -> dict[str, Event]:
    """Events of one new session and job, each said so many ms after noon. A mesh, or the failure to make one,
    has the splats as its cause, and so in its id the time at which they were told of."""
    session_id, job_id = new_session_id(), new_job_id()

    def at(event: Event, milliseconds: int) -> Event:
        update = {"occurred_at": NOON + timedelta(milliseconds=milliseconds)}
        return event.with_metadata(event.metadata.model_copy(update=update))

    def originated(name: str) -> Event:
        about = samples[name].about("somebody", session_id, None if name.startswith("Embedding") else job_id)
        return at(originate(about, cause_id=name, at=NOON), said.get(name, 0))

    splats = originated("Reconstruction Completed")
    return {
        name: at(caused(samples[name], splats, "meshing", 0), milliseconds)
        if name in ("Mesh Completed", "Meshing Failed")
        else originated(name)
        for name, milliseconds in said.items()
    }


def told_of(post: Post, events: Iterable[Event]) -> list[str]:
    """What the person is told of, when mail hears of these events."""
    told = [one for event in events for one in tell(post, event)]
    assert all(isinstance(one, UserNotified) for one in told)
    return [one.notified_of for one in told if isinstance(one, UserNotified)]


@pytest.fixture
def alone(post: Post, monkeypatch: pytest.MonkeyPatch) -> Post:
    """The person, without an operator."""
    monkeypatch.setenv("ADMIN_EMAIL", "")
    return post


EMBEDDED, EMBEDDING_FAILED, EMBEDDING_OVERDUE = (
    "Embedding Completed",
    "Embedding Failed",
    "Embedding Timed Out",
)
RECONSTRUCTED, RECONSTRUCTION_FAILED = "Reconstruction Completed", "Reconstruction Failed"
MESHED, MESHING_FAILED, OVERDUE = "Mesh Completed", "Meshing Failed", "Job Timed Out"
STATES = {
    RECONSTRUCTION_FAILED: "failed",
    MESHING_FAILED: "failed",
    MESHED: "completed",
    OVERDUE: "timed_out",
}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_in_any_order_the_last_mail_says_how_the_job_ended(post: Post, data: st.DataObject) -> None:
    """Whenever each was said, some in the same ms, and in whatever order mail hears of all, or of three."""
    said = {name: data.draw(st.integers(0, 4), name) for name in (RECONSTRUCTED, *STATES)}
    for answer in (MESHED, MESHING_FAILED):
        said[answer] += said[RECONSTRUCTED]
    heard = data.draw(st.permutations(list(said)).flatmap(lambda order: st.sampled_from([order, order[:3]])))
    events = story(said)
    told = [name for name in heard if ledger.hear(events[name])]
    row: read_model.Row = {}
    for name in {RECONSTRUCTED, *heard} if MESHED in heard else heard:
        row = read_model.fold(row, events[name])
    state = read_model.job_state(row)
    if state in ("completed", "failed"):
        assert STATES[told[-1]] == state
    assert len(told) == len(set(told))


ONE_MAIL = {
    (RECONSTRUCTED, MESHED, MESHING_FAILED): [MESHED],
    (RECONSTRUCTED, RECONSTRUCTION_FAILED, MESHED): [MESHED],
    (RECONSTRUCTED, MESHED, RECONSTRUCTION_FAILED): [MESHED],
    (RECONSTRUCTED, RECONSTRUCTION_FAILED, MESHING_FAILED): [MESHING_FAILED],
    (RECONSTRUCTED, RECONSTRUCTION_FAILED, OVERDUE): [OVERDUE],
    (RECONSTRUCTED, MESHING_FAILED, MESHED): [MESHING_FAILED],
    (RECONSTRUCTION_FAILED, RECONSTRUCTED, MESHED): [RECONSTRUCTION_FAILED],
    (RECONSTRUCTION_FAILED, RECONSTRUCTED, MESHING_FAILED): [RECONSTRUCTION_FAILED],
    (EMBEDDED, EMBEDDING_FAILED): [],
    (EMBEDDING_FAILED, EMBEDDED): [EMBEDDING_FAILED],
}
NO_TIME_OUT_AFTER_AN_END = {
    (RECONSTRUCTED, MESHED, OVERDUE): [MESHED],
    (RECONSTRUCTION_FAILED, OVERDUE): [RECONSTRUCTION_FAILED],
    (RECONSTRUCTED, MESHING_FAILED, OVERDUE): [MESHING_FAILED],
    (EMBEDDED, EMBEDDING_OVERDUE): [],
    (EMBEDDING_FAILED, EMBEDDING_OVERDUE): [EMBEDDING_FAILED],
}
A_TIME_OUT_IS_NO_END = {
    (OVERDUE, RECONSTRUCTED, MESHED): [OVERDUE, MESHED],
    (OVERDUE, RECONSTRUCTION_FAILED): [OVERDUE, RECONSTRUCTION_FAILED],
    (OVERDUE, RECONSTRUCTED, MESHING_FAILED): [OVERDUE, MESHING_FAILED],
    (EMBEDDING_OVERDUE, EMBEDDING_FAILED): [EMBEDDING_OVERDUE, EMBEDDING_FAILED],
    (EMBEDDING_OVERDUE, EMBEDDED): [EMBEDDING_OVERDUE],
}


@pytest.mark.parametrize("expected", [ONE_MAIL, NO_TIME_OUT_AFTER_AN_END, A_TIME_OUT_IS_NO_END])
def test_who_hears_in_order_is_told_what_counts(
    alone: Post, expected: dict[tuple[str, ...], list[str]]
) -> None:
    for said, told in expected.items():
        events = story({name: order for order, name in enumerate(said)})
        assert told_of(alone, events.values()) == told, said


HEARD_TOO_LATE = {
    (MESHING_FAILED, MESHED): {RECONSTRUCTED: 0, MESHED: 1, MESHING_FAILED: 2},
    (MESHED, MESHING_FAILED): {RECONSTRUCTED: 0, MESHING_FAILED: 1, MESHED: 2},
    (MESHED, RECONSTRUCTION_FAILED): {RECONSTRUCTION_FAILED: 0, RECONSTRUCTED: 1, MESHED: 2},
    (RECONSTRUCTION_FAILED, MESHED): {RECONSTRUCTED: 0, RECONSTRUCTION_FAILED: 1, MESHED: 2},
}
"""What counts comes last, after what does not, and when each was said."""


def test_what_counts_is_told_though_it_is_heard_too_late(alone: Post) -> None:
    for heard, said in HEARD_TOO_LATE.items():
        events = story(said)
        assert told_of(alone, [events[name] for name in heard]) == list(heard)
        assert told_of(alone, [events[name] for name in heard]) == [heard[-1]], "only that is repeated"


def test_of_two_events_of_a_type_the_first_that_is_heard_is_told(alone: Post) -> None:
    event = story({OVERDUE: 0})[OVERDUE]
    other = event.with_metadata(event.metadata.model_copy(update={"event_id": "0" * 26}))
    assert told_of(alone, [event, other, event]) == [OVERDUE, OVERDUE]


def test_on_restoration_no_time_out_is_told_that_an_end_followed(alone: Post) -> None:
    events = story({OVERDUE: 0, RECONSTRUCTED: 1, MESHED: 2, EMBEDDING_OVERDUE: 0, EMBEDDED: 1})
    about = events[MESHED].metadata
    deleted, restored = (
        event.with_metadata(event.metadata.model_copy(update={"session_id": about.session_id}))
        for event in (moved("Session Deletion Requested", 0), moved("Session Restored", 1))
    )
    heard = [events[name] for name in (OVERDUE, EMBEDDING_OVERDUE, EMBEDDED, MESHED)]
    assert told_of(alone, [deleted, *heard]) == []
    assert told_of(alone, [restored]) == [MESHED]


def test_an_end_whose_mail_did_not_leave_is_told_when_it_is_tried_again(post: Post) -> None:
    with Stubber(aws.client("sesv2")) as ses:
        ses.add_client_error("send_email", "InternalFailure", http_status_code=500)
        with pytest.raises(ClientError):
            tell(post, samples["Mesh Completed"])
    assert len(tell(post, samples["Mesh Completed"])) == 1
    assert post.recipients == [ADDRESS]


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
