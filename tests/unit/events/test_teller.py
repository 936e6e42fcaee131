"""What tells and keeps no record; what it shares with consumers, test_consumer.py holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from gen3d_events.event import Event
from gen3d_events.models import ImageRejected, ImageUploaded
from gen3d_events.notices import S3ObjectCreated
from gen3d_events.samples import SESSION, USER, foreign, photo
from gen3d_events.teller import UserFault, tells

from tests.unit.events.conftest import Cloud

ABOUT = (USER, SESSION)


def rejected(_: S3ObjectCreated, code: str, detail: str) -> Event:
    return ImageRejected.because(code, detail).about(*ABOUT)


@tells(S3ObjectCreated, failed=rejected)
def handler(notice: S3ObjectCreated) -> Iterator[Event]:
    yield ImageUploaded(photo=photo).about(*ABOUT)


def record(cloud: Cloud, receives: int = 1) -> dict[str, Any]:
    return cloud.record(foreign["s3-object-created"], receives)


def test_each_message_is_handled_and_told_in_the_same_words_and_nothing_is_kept(cloud: Cloud) -> None:
    for receives in (1, 2, 5):
        assert cloud.deliver(handler, record(cloud, receives)) == []
    told = cloud.heard()
    assert [type(event) for event in told] == [ImageUploaded] * 3
    assert len({event.metadata.event_id for event in told}) == 1
    assert cloud.idempotency_items() == []
    assert cloud.hidden == []
    assert cloud.sent_again == []


def test_two_runs_at_a_time_do_not_wait_for_each_other(cloud: Cloud) -> None:
    again: list[list[str]] = []

    @tells(S3ObjectCreated)
    def slow(notice: S3ObjectCreated) -> Iterator[Event]:
        if not again:
            again.append([])
            again[0] = cloud.deliver(slow, record(cloud))
        yield ImageUploaded(photo=photo).about(*ABOUT)

    assert cloud.deliver(slow, record(cloud)) == []
    assert again == [[]]
    one, other = cloud.heard()
    assert one.metadata.event_id == other.metadata.event_id


@pytest.mark.parametrize(
    ("error", "receives", "code", "comes_back"),
    [
        (UserFault("image_corrupt", "line 7"), 1, "image_corrupt", False),
        (OSError("no"), 4, None, True),
        (OSError("no"), 5, "internal_error", True),
    ],
)
def test_what_cannot_be_done_is_told_at_once_and_what_fails_at_the_last_receive(
    cloud: Cloud, error: Exception, receives: int, code: str | None, comes_back: bool
) -> None:
    @tells(S3ObjectCreated, failed=rejected)
    def failing(notice: S3ObjectCreated) -> Iterator[Event]:
        yield from ()
        raise error

    message = record(cloud, receives)
    assert cloud.deliver(failing, message) == ([message["messageId"]] if comes_back else [])
    told = [event.code for event in cloud.heard() if isinstance(event, ImageRejected)]
    assert told == ([code] if code else [])
