"""Tables in a terminal of 80 columns."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from gen3d import Gen3D, Job, Session, report
from gen3d.story import causes
from gen3d_events import read_model
from gen3d_events.event import Event
from gen3d_events.models import EmbeddingFailed, ImageRejected, MaskRejected, ReconstructionFailed
from gen3d_events.samples import samples
from rich.console import Console
from rich.table import Table

from tests.unit.client.fake_service import HAPPY_JOB, HAPPY_PHOTO, JOB, SESSION, Service

NOW = datetime.now(UTC)


def shown(table: Table) -> list[str]:
    file = io.StringIO()
    Console(file=file, width=80).print(table)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def row(events: list[Event]) -> dict[str, Any]:
    service, found = Service(), dict[str, Any]()
    for event in events:
        found = service.happen(found, [event], JOB)
    return found


def job(events: list[Event], name: str | None = None) -> Job:
    view = {"job_id": JOB, "created_at": NOW.isoformat(), "name": name, "events": row(events)}
    return Job(Gen3D(""), view | {"options": {"quality": "balanced"}})


def session(events: list[Event], jobs: int = 0, name: str | None = None, created: datetime = NOW) -> Session:
    view = {"session_id": SESSION, "created_at": created.isoformat(), "name": name, "events": row(events)}
    return Session(Gen3D(""), view | {"jobs": [{}] * jobs})


@pytest.mark.parametrize(
    ("events", "said"),
    [
        (HAPPY_JOB, "completed"),
        (HAPPY_JOB[:2], "reconstructing"),
        ([MaskRejected.because("mask_size_mismatch")], "awaiting mask: mask_size_mismatch"),
        ([MaskRejected.because("mask_unsupported")], "awaiting mask: mask_unsupported"),
        (
            [HAPPY_JOB[0], ReconstructionFailed.because("inference_request_invalid")],
            "failed: inference_request_invalid",
        ),
    ],
)
def test_a_job_in_80_columns(events: list[Event], said: str) -> None:
    lines = shown(report.jobs_table([job(events, "chair [/red]")]))
    assert lines[1:] == [f"{JOB}  {NOW:%d %b %H:%M}  {said}", f"{'':46}chair [/red] · balanced"]


@pytest.mark.parametrize(
    ("events", "said"),
    [
        (HAPPY_PHOTO, "ready"),
        ([ImageRejected.because("image_unsupported")], "awaiting photo: image_unsupported"),
        (
            [HAPPY_PHOTO[0], EmbeddingFailed.because("inference_request_invalid")],
            "failed: inference_request_invalid",
        ),
    ],
)
def test_a_session_in_80_columns(events: list[Event], said: str) -> None:
    lines = shown(report.sessions_table([session(events), session(events, 2, "chair"), session(events, 1)]))
    first = f"{SESSION}  {NOW:%d %b %H:%M}  {said}"
    assert lines[1:] == [first, first, f"{'':46}chair · 2 jobs", first, f"{'':46}1 job"]


def test_a_session_of_another_year() -> None:
    old = session(HAPPY_PHOTO, created=datetime(2025, 12, 24, 18, tzinfo=UTC))
    assert shown(report.sessions_table([old]))[1] == f"{SESSION}  24 Dec 2025  ready"


def test_nothing_of_a_long_name_is_lost() -> None:
    name = "the_chair_of_my_grandmother_" * 4
    lines = shown(report.sessions_table([session(HAPPY_PHOTO, name=name)]))
    assert "".join(line[46:] for line in lines[2:]) == name


def test_a_tree_in_80_columns_cuts_nothing() -> None:
    requested, done = HAPPY_JOB[0], ReconstructionFailed.because("inference_request_invalid")
    told: dict[str, Any] = {}
    for second, (event, cause) in enumerate(
        [(requested, "mask"), (done, "0" * 26), (HAPPY_JOB[2], "0" * 26)]
    ):
        about = samples["Mesh Completed"].metadata.model_copy(
            update={
                "event_id": f"{second:026d}",
                "occurred_at": datetime(2026, 11, 20, 12, 0, second, tzinfo=UTC),
                "causation_id": cause,
            }
        )
        told = read_model.fold(told, event.with_metadata(about))
    first, *_ = shown(report.tree_table(causes(told)))
    assert first.startswith("12:00:00")
    text = " ".join(" ".join(shown(report.tree_table(causes(told)))).split())
    assert "12:00:01 +1.00 s ├ Reconstruction Failed inference_request_invalid" in text
    assert f"12:00:02 +2.00 s └ {HAPPY_JOB[2].detail_type}" in text
