"""What happened to a job, told from the folded views of its session and itself.

A row maps the read model's attribute names to `{event_id, at, ...data}`. Everything here is pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Literal

from gen3d_events.event import Event
from gen3d_events.models import (
    EmbeddingCompleted,
    EmbeddingFailed,
    EmbeddingTimedOut,
    ImageRejected,
    ImageUploaded,
    JobTimedOut,
    MaskRejected,
    MeshCompleted,
    MeshingFailed,
    NotificationFailed,
    ReconstructionCompleted,
    ReconstructionFailed,
    ReconstructionRequested,
    ReconstructionRetryScheduled,
    UserNotified,
)

Row = Mapping[str, Any]
StageState = Literal["waiting", "running", "done", "failed"]

_ORDER = {name: rank for rank, name in enumerate(Event.registry)}
_BY_ATTRIBUTE = {name.lower().replace(" ", "_"): name for name in Event.registry}
_ATTEMPT = re.compile(r"_[2-9]$")


@dataclass(frozen=True)
class Happening:
    """One event as the read model knows it. `data` has the fields of the contract's model."""

    detail_type: str
    at: datetime
    data: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        return {"detail-type": self.detail_type, "at": self.at.isoformat(), "data": self.data}


@dataclass(frozen=True)
class Stage:
    """One step of a job. Times are the service's clock; `finished` is None while it runs."""

    name: str
    state: StageState
    started: datetime | None = None
    finished: datetime | None = None
    note: str = ""

    def seconds(self, now: datetime | None = None) -> float | None:
        """How long it took, or has taken until `now`; None where that is not known."""
        end = self.finished or now
        return max(0.0, (end - self.started).total_seconds()) if self.started and end else None


def moment(text: str) -> datetime:
    """An ISO 8601 time of the service, in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def happenings(*rows: Row) -> list[Happening]:
    """The events of the rows in causal order: by time, and by the contract's order where times are equal."""
    found = [
        Happening(name, moment(value["at"]), {k: v for k, v in value.items() if k not in {"event_id", "at"}})
        for row in rows
        for attribute, value in row.items()
        if (name := _BY_ATTRIBUTE.get(_ATTEMPT.sub("", attribute)))
    ]
    return sorted(found, key=lambda it: (it.at, _ORDER[it.detail_type], it.data.get("attempt", 1)))


def engines(*rows: Row) -> list[dict[str, Any]]:
    """The engines that computed something, in order, without repetition: `{name, version, weight_free}`."""
    found: list[dict[str, Any]] = []
    for happening in happenings(*rows):
        engine = happening.data.get("engine")
        if engine and engine not in found:
            found.append(engine)
    return found


def stages(
    session_created: datetime,
    session: Row,
    job_created: datetime | None = None,
    job: Row = MappingProxyType({}),
) -> list[Stage]:
    """The steps from photo to mail with their times, for a progress display."""
    photo = {it.detail_type: it for it in happenings(session)}
    made = {it.detail_type: it for it in happenings(job)}
    return [
        _stage("photo", photo, session_created, ImageUploaded, ImageRejected),
        _stage(
            "embedding",
            photo,
            _at(photo, ImageUploaded),
            EmbeddingCompleted,
            EmbeddingFailed,
            EmbeddingTimedOut,
        ),
        _stage("mask", made, job_created, ReconstructionRequested, MaskRejected),
        _stage(
            "reconstruction",
            made,
            _at(made, ReconstructionRequested),
            ReconstructionCompleted,
            ReconstructionFailed,
            JobTimedOut,
        ),
        _stage("mesh", made, _at(made, ReconstructionCompleted), MeshCompleted, MeshingFailed, JobTimedOut),
        _stage(
            "mail",
            made,
            _at(made, MeshCompleted, MeshingFailed, ReconstructionFailed, JobTimedOut),
            UserNotified,
            NotificationFailed,
        ),
    ]


def _at(seen: Mapping[str, Happening], *events: type[Event]) -> datetime | None:
    """When the first of these events that happened did so."""
    return next((seen[it.detail_type].at for it in events if it.detail_type in seen), None)


def _stage(
    name: str,
    seen: Mapping[str, Happening],
    started: datetime | None,
    done: type[Event],
    *failures: type[Event],
) -> Stage:
    if started is None:
        return Stage(name, "waiting")
    for event in (done, *failures):
        if end := seen.get(event.detail_type):
            return Stage(name, "done" if event is done else "failed", started, end.at, _note(end.data))
    retry = seen.get(ReconstructionRetryScheduled.detail_type) if done is ReconstructionCompleted else None
    note = f"attempt {retry.data['attempt']}: {retry.data['message']}" if retry else ""
    return Stage(name, "running", started, note=note)


def _note(data: Mapping[str, Any]) -> str:
    """What a finished stage is worth saying about, in a few words."""
    match data:
        case {"code": _, "message": message}:
            note = message
        case {"gaussians": gaussians, "engine": {"name": engine}}:
            note = f"{gaussians:,} Gaussians, {engine}"
        case {"triangles": triangles, "watertight": watertight}:
            note = f"{triangles:,} triangles{', watertight' if watertight else ''}"
        case {"mask": {"coverage": coverage}}:
            note = f"{coverage:.1%} of the photo"
        case {"photo": {"width": width, "height": height}}:
            note = f"{width} x {height} px"
        case {"engine": {"name": engine}}:
            note = engine
        case {"channel": channel}:
            note = f"by {channel}"
        case _:
            note = ""
    return str(note)
