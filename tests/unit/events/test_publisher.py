from __future__ import annotations

import json
from typing import Any, cast

import pytest
from botocore.stub import Stubber
from gen3d_events import aws, publisher
from gen3d_events.event import Event
from gen3d_events.models import EmbeddingFailed, ImageUploaded
from gen3d_events.publisher import EventTooLarge, PublishFailed, publish, put_events_entry
from gen3d_events.samples import samples

from tests.unit.events.conftest import BUS, Cloud

EVENTS = list(samples.values())


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher, "BACKOFF_SECONDS", 0)


def entries(*events: Event) -> dict[str, Any]:
    return {"Entries": [put_events_entry(event, BUS) for event in events]}


def reply(*codes: str) -> dict[str, Any]:
    return {
        "FailedEntryCount": sum(map(bool, codes)),
        "Entries": [{"ErrorCode": code} if code else {"EventId": "1"} for code in codes],
    }


def test_every_sample_is_accepted_in_calls_of_ten(cloud: Cloud) -> None:
    calls: list[int] = []
    aws.client("events").meta.events.register(
        "provide-client-params.events.PutEvents", lambda params, **_: calls.append(len(params["Entries"]))
    )
    publish(EVENTS)
    assert calls == [10, 10, len(EVENTS) - 20]
    assert [event.metadata for event in cloud.heard()] == [event.metadata for event in EVENTS]


def test_only_the_refused_entries_are_sent_again(cloud: Cloud) -> None:
    one, two, three = EVENTS[:3]
    with Stubber(aws.client("events")) as bus:
        bus.add_response("put_events", reply("", "Throttling", "InternalFailure"), entries(one, two, three))
        bus.add_response("put_events", reply("InternalFailure", ""), entries(two, three))
        bus.add_response("put_events", reply(""), entries(two))
        publish([one, two, three])
        bus.assert_no_pending_responses()


def test_what_stays_refused_is_named(cloud: Cloud) -> None:
    one, two = EVENTS[:2]
    with Stubber(aws.client("events")) as bus:
        bus.add_response("put_events", reply("", "NotAuthorizedForSourceException"), entries(one, two))
        for _ in range(publisher.MAX_ATTEMPTS - 1):
            bus.add_response("put_events", reply("NotAuthorizedForSourceException"), entries(two))
        with pytest.raises(PublishFailed) as failure:
            publish([one, two])
    assert failure.value.refused == [
        (two.detail_type, two.metadata.event_id, "NotAuthorizedForSourceException")
    ]


def test_what_one_call_refuses_does_not_hold_up_the_next(cloud: Cloud) -> None:
    with Stubber(aws.client("events")) as bus:
        bus.add_response("put_events", reply("Bad", *[""] * 9), entries(*EVENTS[:10]))
        for _ in range(publisher.MAX_ATTEMPTS - 1):
            bus.add_response("put_events", reply("Bad"), entries(EVENTS[0]))
        bus.add_response("put_events", reply(""), entries(EVENTS[10]))
        with pytest.raises(PublishFailed):
            publish(EVENTS[:11])
        bus.assert_no_pending_responses()


def big(kilobytes: int) -> Event:
    """An event whose entry has about this size."""
    uploaded = cast(ImageUploaded, EVENTS[0])
    photo = uploaded.photo.model_copy(update={"key": "k" * kilobytes * 1024})
    return uploaded.model_copy(update={"photo": photo}).with_metadata(uploaded.metadata)


def test_an_event_over_the_budget_is_refused_before_anything_is_sent(cloud: Cloud) -> None:
    with pytest.raises(EventTooLarge, match=r"Image Uploaded takes \d+ bytes, but 65536 are allowed"):
        publish([EVENTS[1], big(64)])
    assert cloud.heard() == []


def test_a_call_stays_below_what_the_bus_takes_at_once(cloud: Cloud) -> None:
    publish([big(63)] * 9)
    assert len(cloud.put) == 9
    sizes: list[int] = []
    aws.client("events").meta.events.register(
        "provide-client-params.events.PutEvents", lambda params, **_: sizes.append(len(json.dumps(params)))
    )
    publish([big(63)] * 9)
    assert len(sizes) == 3
    assert max(sizes) < 256 * 1024


def test_nothing_is_no_call(cloud: Cloud) -> None:
    with Stubber(aws.client("events")):
        publish([])


def test_an_event_without_metadata_cannot_be_published(cloud: Cloud) -> None:
    with pytest.raises(ValueError, match="no metadata"):
        publish([EmbeddingFailed.because("internal_error")])
