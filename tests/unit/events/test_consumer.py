from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from gen3d_events import keys
from gen3d_events.consumer import MessageInvalid, UserFault, consumes
from gen3d_events.event import Event
from gen3d_events.models import (
    EmbeddingFailed,
    EmbeddingStarted,
    ImageUploaded,
    InferenceFailed,
    InferenceSucceeded,
    MeshCompleted,
    NotificationFailed,
    UserNotified,
)
from gen3d_events.notices import InferenceNotice, S3ObjectCreated
from gen3d_events.retention import ARCHIVE_DAYS, RECORD_DAYS
from gen3d_events.samples import BUCKET, JOB, PHOTO_VERSION, SESSION, USER, envelope, foreign, samples

from tests.unit.events.conftest import Cloud
from tests.unit.logs import logged

UPLOADED = cast(ImageUploaded, samples["Image Uploaded"])


def message(event: Event, **fields: Any) -> dict[str, Any]:
    return {**envelope(event), **fields}


def started() -> EmbeddingStarted:
    return EmbeddingStarted(inference_id="emb-1", due_at=datetime(2026, 11, 20, 13, tzinfo=UTC))


@consumes(ImageUploaded, failed=EmbeddingFailed)
def start(event: ImageUploaded) -> Iterator[Event]:
    yield started()


class Flaky:
    """A consumer that fails as told, once it has published its first event."""

    def __init__(self, *errors: Exception, failed: Any = EmbeddingFailed) -> None:
        self.errors = list(errors)
        self.runs = 0
        self.handler = consumes(ImageUploaded, failed=failed)(self.consume)

    def consume(self, event: ImageUploaded) -> Iterator[Event]:
        self.runs += 1
        yield started()
        if self.errors:
            raise self.errors.pop(0)
        yield UserNotified(channel="email", notified_of=event.detail_type)


def test_an_event_is_published_about_its_cause(cloud: Cloud) -> None:
    assert cloud.deliver(start, cloud.record(message(UPLOADED))) == []
    (event,) = cloud.heard()
    cause = UPLOADED.metadata
    assert isinstance(event, EmbeddingStarted)
    assert event.metadata.causation_id == cause.event_id
    assert event.metadata.correlation_id == cause.session_id
    assert (event.metadata.user_id, event.metadata.session_id) == (cause.user_id, cause.session_id)
    assert event.metadata.job_id is None
    assert event.metadata.replay is None
    assert cloud.hidden == []


def test_the_undecorated_generator_is_at_hand() -> None:
    assert list(start.consume(UPLOADED)) == [started()]


def test_of_what_is_not_recorded_each_message_is_handled_and_told_in_the_same_words(cloud: Cloud) -> None:
    handler = consumes(ImageUploaded, EmbeddingStarted, unrecorded=(ImageUploaded,))(start.consume)
    for _ in range(2):
        assert cloud.deliver(handler, cloud.record(message(UPLOADED))) == []
    first, second = cloud.heard()
    assert first.metadata.event_id == second.metadata.event_id
    assert cloud.idempotency_items() == []


def test_of_messages_that_share_what_is_done_once_the_first_counts(cloud: Cloud) -> None:
    @consumes(InferenceSucceeded, InferenceFailed, once=lambda answer: answer.inference_id)
    def handler(answer: InferenceSucceeded | InferenceFailed) -> Iterator[Event]:
        yield UserNotified(channel="email", notified_of=answer.detail_type)

    failed = cast(InferenceFailed, samples["Inference Failed"])
    succeeded = cast(InferenceSucceeded, samples["Inference Succeeded"]).model_copy(
        update={"inference_id": failed.inference_id}
    )
    succeeded = succeeded.with_metadata(samples["Inference Succeeded"].metadata)
    for answer in (failed, succeeded, failed):
        assert cloud.deliver(handler, cloud.record(message(answer))) == []
    (told,) = cloud.heard()
    assert isinstance(told, UserNotified)
    assert told.notified_of == "Inference Failed"


def test_only_the_failed_messages_of_a_batch_are_reported(cloud: Cloud) -> None:
    job = samples["Mesh Completed"]

    @consumes(ImageUploaded, MeshCompleted)
    def handler(event: ImageUploaded | MeshCompleted) -> Iterator[Event]:
        if isinstance(event, MeshCompleted):
            raise OSError("no")
        yield started()

    records = [cloud.record(message(event)) for event in (UPLOADED, job)]
    assert cloud.deliver(handler, *records) == [records[1]["messageId"]]
    assert len(cloud.heard()) == 1


@pytest.mark.parametrize(("receives", "seconds"), [(1, 10), (2, 20), (3, 40), (4, 80)])
def test_a_failure_is_retried_with_growing_delay_and_without_a_failed_event(
    cloud: Cloud, receives: int, seconds: int
) -> None:
    flaky = Flaky(OSError("no"))
    record = cloud.record(message(UPLOADED), receives)
    assert cloud.deliver(flaky.handler, record) == [record["messageId"]]
    assert cloud.hidden == [seconds]
    assert [event.detail_type for event in cloud.heard()] == ["Embedding Started"]


def test_the_last_receive_tells_of_the_failure_and_goes_to_the_dead_letter_queue(cloud: Cloud) -> None:
    flaky = Flaky(OSError("disk"))
    record = cloud.record(message(UPLOADED), 5)
    assert cloud.deliver(flaky.handler, record) == [record["messageId"]]
    assert cloud.hidden == [0]
    _, failed = cloud.heard()
    assert isinstance(failed, EmbeddingFailed)
    assert (failed.code, failed.error_class, failed.detail_text) == (
        "internal_error",
        "system",
        "OSError('disk')",
    )


def test_failed_may_be_a_function_of_the_cause(cloud: Cloud) -> None:
    def tell(cause: Event, code: str, detail: str) -> Event:
        return NotificationFailed.because(code, detail, channel="email", notified_of=cause.detail_type)

    cloud.deliver(Flaky(OSError("no"), failed=tell).handler, cloud.record(message(UPLOADED), 5))
    assert isinstance(cloud.heard()[-1], NotificationFailed)


def test_failed_may_stay_silent(cloud: Cloud) -> None:
    cloud.deliver(Flaky(OSError("no"), failed=lambda *_: None).handler, cloud.record(message(UPLOADED), 5))
    assert [event.detail_type for event in cloud.heard()] == ["Embedding Started"]


def test_a_fault_is_final_at_once(cloud: Cloud) -> None:
    flaky = Flaky(UserFault("image_corrupt", "line 7"))
    assert cloud.deliver(flaky.handler, cloud.record(message(UPLOADED))) == []
    failed = cloud.heard()[-1]
    assert isinstance(failed, EmbeddingFailed)
    assert (failed.code, failed.error_class, failed.detail_text) == ("image_corrupt", "user", "line 7")
    assert cloud.deliver(flaky.handler, cloud.record(message(UPLOADED))) == []
    assert flaky.runs == 1


def test_a_fault_without_a_failed_event_is_an_ordinary_failure(cloud: Cloud) -> None:
    record = cloud.record(message(UPLOADED))
    assert cloud.deliver(Flaky(UserFault("image_corrupt"), failed=None).handler, record) == [
        record["messageId"]
    ]
    assert cloud.hidden == [10]


def test_a_fault_names_a_code_of_the_table() -> None:
    with pytest.raises(KeyError):
        UserFault("no_such_code")


def test_a_duplicate_of_what_is_done_does_nothing(cloud: Cloud) -> None:
    for _ in range(3):
        assert cloud.deliver(start, cloud.record(message(UPLOADED))) == []
    assert len(cloud.heard()) == 1
    assert cloud.hidden == []


def test_a_duplicate_of_what_is_being_done_waits_and_is_never_a_failure(cloud: Cloud) -> None:
    left: list[bool] = []

    @consumes(ImageUploaded, failed=EmbeddingFailed)
    def slow(event: ImageUploaded) -> Iterator[Event]:
        for receives in range(1, 5):
            record = cloud.record(message(UPLOADED), receives)
            left.append(cloud.deliver(slow, record) == [record["messageId"]])
        yield started()

    assert cloud.deliver(slow, cloud.record(message(UPLOADED))) == []
    assert left == [True] * 4
    assert cloud.hidden == [10, 20, 40, 80]
    assert cloud.sent_again == []
    assert [event.detail_type for event in cloud.heard()] == ["Embedding Started"]


def test_on_its_last_receive_a_duplicate_of_what_is_being_done_becomes_a_new_message(cloud: Cloud) -> None:
    """The other run may yet be killed: nothing may be lost with it, and nothing be told too early."""
    body = message(UPLOADED)

    @consumes(ImageUploaded, failed=EmbeddingFailed)
    def slow(event: ImageUploaded) -> Iterator[Event]:
        assert cloud.deliver(slow, cloud.record(body, receives=5)) == []
        yield started()

    assert cloud.deliver(slow, cloud.record(body)) == []
    assert cloud.hidden == []
    assert [(json.loads(text), delay) for text, delay in cloud.sent_again] == [(body, 160)]
    assert [event.detail_type for event in cloud.heard()] == ["Embedding Started"]


@pytest.mark.filterwarnings("ignore:No application metrics")
def test_a_killed_function_does_not_block_its_message(cloud: Cloud) -> None:
    class Killed(BaseException):
        """Ends a run as a kill would: nothing is cleaned up."""

    runs: list[int] = []

    @consumes(ImageUploaded)
    def handler(event: ImageUploaded) -> Iterator[Event]:
        runs.append(1)
        if len(runs) == 1:
            raise Killed
        yield started()

    record = cloud.record(message(UPLOADED))
    with pytest.raises(Killed):
        cloud.deliver(handler, record, remaining_ms=0)
    assert [item["status"]["S"] for item in cloud.idempotency_items()] == ["INPROGRESS"]
    while cloud.deliver(handler, record):  # until the millisecond of the deadline has passed
        assert len(runs) == 1
    assert len(cloud.heard()) == 1


@pytest.mark.parametrize(
    "body",
    [
        "not JSON",
        "[]",
        "{}",
        "[" * 60_000,
        json.dumps(message(UPLOADED, detail="text")),
        json.dumps(message(UPLOADED, detail={})),
        json.dumps(message(UPLOADED, detail={**UPLOADED.detail(), "data": {}})),
        json.dumps(message(samples["Mesh Completed"])),
        json.dumps(message(UPLOADED, **{"detail-type": "No Such Event"})),
    ],
)
def test_what_is_not_of_the_contract_goes_to_the_dead_letter_queue_at_once(cloud: Cloud, body: str) -> None:
    record = cloud.record(body)
    good = cloud.record(message(UPLOADED))
    assert cloud.deliver(start, record, good) == [record["messageId"]]
    assert cloud.hidden == [0]
    assert [event.detail_type for event in cloud.heard()] == ["Embedding Started"]
    assert len(cloud.idempotency_items()) == 1


def test_a_generator_may_refuse_a_message_too(cloud: Cloud) -> None:
    record = cloud.record(message(UPLOADED), receives=5)
    assert cloud.deliver(Flaky(MessageInvalid("not mine")).handler, record) == [record["messageId"]]
    assert cloud.hidden == [0]
    assert [event.detail_type for event in cloud.heard()] == ["Embedding Started"]


def test_a_rerun_after_a_crash_publishes_the_same_ids(cloud: Cloud) -> None:
    flaky = Flaky(OSError("crash between yields"))
    cloud.deliver(flaky.handler, cloud.record(message(UPLOADED)))
    (before,) = cloud.heard()
    assert cloud.idempotency_items() == []
    assert cloud.deliver(flaky.handler, cloud.record(message(UPLOADED), 2)) == []
    again, after = cloud.heard()
    assert again.metadata.event_id == before.metadata.event_id
    assert after.metadata.event_id != before.metadata.event_id
    assert flaky.runs == 2


def test_two_events_of_one_type_have_ids_of_their_own(cloud: Cloud) -> None:
    @consumes(MeshCompleted)
    def handler(event: MeshCompleted) -> Iterator[Event]:
        for _ in range(2):
            yield UserNotified(channel="email", notified_of=event.detail_type)

    cloud.deliver(handler, cloud.record(message(samples["Mesh Completed"])))
    one, two = cloud.heard()
    assert one.metadata.event_id != two.metadata.event_id


def test_two_consumers_of_one_event_do_not_hide_it_from_each_other(cloud: Cloud) -> None:
    @consumes(ImageUploaded)
    def other(event: ImageUploaded) -> Iterator[Event]:
        yield UserNotified(channel="push", notified_of=event.detail_type)

    for handler in (start, other):
        cloud.deliver(handler, cloud.record(message(UPLOADED)))
    assert [event.detail_type for event in cloud.heard()] == ["Embedding Started", "User Notified"]


def test_a_replay_is_named_in_what_follows(cloud: Cloud) -> None:
    cloud.deliver(start, cloud.record(message(UPLOADED, **{"replay-name": "after-the-outage"})))
    assert cloud.heard()[0].metadata.replay == "after-the-outage"


def test_records_outlive_what_the_archive_can_replay(cloud: Cloud) -> None:
    assert RECORD_DAYS > ARCHIVE_DAYS
    cloud.deliver(start, cloud.record(message(UPLOADED)))
    (item,) = cloud.idempotency_items()
    assert item["status"]["S"] == "COMPLETED"
    kept = timedelta(seconds=int(item["expiration"]["N"]) - datetime.now(UTC).timestamp())
    assert timedelta(days=RECORD_DAYS - 1) < kept <= timedelta(days=RECORD_DAYS)


def test_foreign_notices_are_causes_too(cloud: Cloud) -> None:
    about = UPLOADED.metadata

    @consumes(S3ObjectCreated, InferenceNotice)
    def handler(notice: S3ObjectCreated | InferenceNotice) -> Iterator[Event]:
        yield started().about(about.user_id, about.session_id)

    for name in ("s3-object-created", "sagemaker-completed", "sagemaker-failed") * 2:
        assert cloud.deliver(handler, cloud.record(foreign[name])) == []
    assert [event.metadata.causation_id for event in cloud.heard()] == [
        f"{BUCKET}/{keys.incoming_photo(USER, SESSION)}?versionId={PHOTO_VERSION}",
        f"rec-{JOB}-1:Completed",
        f"rec-{JOB}-1:Failed",
    ]


def test_an_event_without_any_subject_is_an_error(cloud: Cloud) -> None:
    @consumes(S3ObjectCreated)
    def handler(notice: S3ObjectCreated) -> Iterator[Event]:
        yield started()

    record = cloud.record(foreign["s3-object-created"])
    assert cloud.deliver(handler, record) == [record["messageId"]]
    assert cloud.heard() == []


def test_log_lines_carry_whom_they_are_about(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    flaky = Flaky(OSError("disk"))
    with logged() as lines:
        cloud.deliver(flaky.handler, cloud.record(message(UPLOADED)))
        cloud.deliver(flaky.handler, cloud.record("junk"))
    failure, refusal = lines
    assert failure["session_id"] == failure["correlation_id"] == UPLOADED.metadata.session_id
    assert failure["cause_id"] == UPLOADED.metadata.event_id
    assert failure["cause"] == "Image Uploaded"
    assert "session_id" not in refusal
    metrics = map(json.loads, capsys.readouterr().out.splitlines())
    assert [set(line) & {"Retried", "Refused"} for line in metrics] == [{"Retried"}, {"Refused"}]


STORY = {"correlation_id": SESSION, "session_id": SESSION, "job_id": JOB}


@pytest.mark.parametrize(
    ("metadata", "known"),
    [
        ({**STORY, "event_id": "of no form"}, STORY),
        ({**STORY, "correlation_id": 1, "job_id": f"{JOB}\n"}, {"session_id": SESSION}),
        ({"session_id": "ses_<script>", "job_id": [JOB], "user_id": USER}, {}),
        (None, {}),
        ("text", {}),
    ],
)
def test_a_refusal_names_whom_it_is_about_where_the_message_says_so_in_its_right_form(
    cloud: Cloud, metadata: Any, known: dict[str, str]
) -> None:
    with logged() as lines:
        cloud.deliver(start, cloud.record(message(UPLOADED, detail={"metadata": metadata, "data": {}})))
    (refusal,) = lines
    assert refusal["message"] == "refused"
    assert {key: refusal[key] for key in (*STORY, "user_id") if key in refusal} == known
