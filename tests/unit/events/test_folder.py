from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from gen3d_events.event import Event
from gen3d_events.folder import Folder, folds
from gen3d_events.models import EmbeddingStarted, ImageUploaded
from gen3d_events.samples import envelope, samples

from tests.unit.events.conftest import Cloud

UPLOADED, STARTED = samples["Image Uploaded"], samples["Embedding Started"]


class Notebook:
    """A folder that writes down what it is asked to do, and fails where it is told to."""

    def __init__(self, *, fails_on: str = "", then_fails_on: str = "") -> None:
        self.folded: list[str] = []
        self.rendered: list[str] = []
        self.rendered_for: list[list[str]] = []
        self._fails_on, self._then_fails_on = fails_on, then_fails_on
        self.handler: Folder[str] = folds(ImageUploaded, EmbeddingStarted, into=self.into)(self.target)

    def target(self, event: Event) -> str:
        if event.detail_type == self._fails_on:
            raise OSError("no")
        self.folded.append(event.detail_type)
        return event.metadata.session_id

    def into(self, touched: str, events: Sequence[Event]) -> None:
        self.rendered.append(touched)
        self.rendered_for.append([event.detail_type for event in events])
        if touched == self._then_fails_on:
            raise OSError("no")


def of(event: Event, session_id: str) -> dict[str, Any]:
    about = event.metadata.model_copy(update={"session_id": session_id})
    return {**envelope(event.with_metadata(about))}


OTHER = "ses_01KAH6ECR007Z9N1BWWN9J5D3Z"
MINE = UPLOADED.metadata.session_id


def test_what_a_batch_touched_is_rendered_once(cloud: Cloud) -> None:
    notebook = Notebook()
    bodies = [of(UPLOADED, MINE), of(UPLOADED, OTHER), of(STARTED, MINE)]
    assert cloud.deliver(notebook.handler, *(cloud.record(body) for body in bodies)) == []
    assert notebook.folded == ["Image Uploaded", "Image Uploaded", "Embedding Started"]
    assert notebook.rendered == [MINE, OTHER]
    assert notebook.rendered_for == [["Image Uploaded", "Embedding Started"], ["Image Uploaded"]]


def test_a_batch_knows_nothing_of_the_one_before(cloud: Cloud) -> None:
    notebook = Notebook()
    cloud.deliver(notebook.handler, cloud.record(of(UPLOADED, MINE)))
    cloud.deliver(notebook.handler, cloud.record(of(UPLOADED, OTHER)))
    assert notebook.rendered == [MINE, OTHER]


def test_nothing_is_remembered_or_published(cloud: Cloud) -> None:
    notebook = Notebook()
    for _ in range(2):
        assert cloud.deliver(notebook.handler, cloud.record(of(UPLOADED, MINE))) == []
    assert len(notebook.folded) == 2
    assert cloud.idempotency_items() == []
    assert cloud.heard() == []


def test_what_cannot_be_folded_stops_nothing_else(cloud: Cloud) -> None:
    notebook = Notebook(fails_on="Embedding Started")
    bad, junk, good = (
        cloud.record(of(STARTED, MINE), 2),
        cloud.record("junk"),
        cloud.record(of(UPLOADED, MINE)),
    )
    assert cloud.deliver(notebook.handler, bad, junk, good) == [bad["messageId"], junk["messageId"]]
    assert cloud.hidden == [20, 0]
    assert notebook.rendered == [MINE]


def test_what_touched_a_thing_that_cannot_be_rendered_comes_back_alone(cloud: Cloud) -> None:
    notebook = Notebook(then_fails_on=MINE)
    records = [
        cloud.record(of(UPLOADED, MINE)),
        cloud.record(of(UPLOADED, OTHER)),
        cloud.record(of(STARTED, MINE), 5),
    ]
    assert cloud.deliver(notebook.handler, *records) == [records[0]["messageId"], records[2]["messageId"]]
    assert cloud.hidden == [10, 0]
    assert notebook.rendered == [MINE, OTHER]


def test_where_not_even_hiding_succeeds_the_others_are_rendered_all_the_same(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no(*_: Any) -> None:
        raise OSError("no")

    notebook = Notebook(then_fails_on=MINE)
    records = [cloud.record(of(UPLOADED, MINE)), cloud.record(of(UPLOADED, OTHER))]
    monkeypatch.setattr("gen3d_events.messages.hide", no)
    assert cloud.deliver(notebook.handler, *records) == [records[0]["messageId"]]
    assert notebook.rendered == [MINE, OTHER]


@pytest.mark.parametrize("name", ["Mesh Completed", "No Such Event"])
def test_what_it_does_not_fold_is_refused(cloud: Cloud, name: str) -> None:
    record = cloud.record({**of(UPLOADED, MINE), "detail-type": name})
    assert cloud.deliver(Notebook().handler, record) == [record["messageId"]]
    assert cloud.hidden == [0]
