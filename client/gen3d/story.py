"""What happened to a job, told from the folded views of its session and itself.

A row maps the read model's attribute names to `{event_id, at, cause, ...data}`. Everything here is pure.
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
    EmbeddingStarted,
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
    ReconstructionStarted,
    UserNotified,
)
from gen3d_events.read_model import Row, job_state, session_state

StageState = Literal["waiting", "running", "done", "failed"]

_ORDER = {name: rank for rank, name in enumerate(Event.registry)}
_BY_ATTRIBUTE = {name.lower().replace(" ", "_"): name for name in Event.registry}
_OF_MESHING = {"meshing_started", "mesh_completed", "meshing_failed"}
_ENDS: Mapping[str, StageState] = {
    "ready": "done",
    "completed": "done",
    "failed": "failed",
    "timed_out": "failed",
}
_LAST_EVENTS: Mapping[str, tuple[type[Event], ...]] = {
    "photo": (ImageUploaded, ImageRejected),
    "embedding": (EmbeddingCompleted, EmbeddingFailed, EmbeddingTimedOut),
    "mask": (ReconstructionRequested, MaskRejected),
    "reconstruction": (ReconstructionCompleted, ReconstructionFailed, JobTimedOut),
    "mesh": (MeshCompleted, MeshingFailed, JobTimedOut),
    "mail": (UserNotified, NotificationFailed),
}
"""What ends each stage: the good end first."""

_STARTS = {EmbeddingStarted.detail_type, ReconstructionStarted.detail_type}
_TIME_OUTS = {EmbeddingTimedOut.detail_type, JobTimedOut.detail_type}
_OF_THE_ROW = {"event_id", "at", "cause"}

_ATTEMPT = re.compile(r"_[2-9]$")


@dataclass(frozen=True)
class Happening:
    """One event as the read model knows it. `data` has the fields of the contract's model.

    cause: the id of the event, or the name of the message that is none of ours, that this one follows from.
    """

    detail_type: str
    at: datetime
    data: dict[str, Any]
    event_id: str
    cause: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "detail-type": self.detail_type,
            "at": self.at.isoformat(),
            "event_id": self.event_id,
            "cause": self.cause,
            "data": self.data,
        }


@dataclass(frozen=True)
class Branch:
    """An event with what followed from it, in order. seconds: since its own cause, if that is known."""

    happening: Happening
    seconds: float | None
    effects: tuple[Branch, ...]

    @property
    def note(self) -> str:
        """A failure's code, else what is worth saying about the event in a few words."""
        data = self.happening.data
        attempt = f"attempt {data['attempt']}" if data.get("attempt", 1) > 1 else ""
        return "  ".join(filter(None, (str(data.get("code") or _note(data)), attempt)))


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
        Happening(
            name,
            moment(value["at"]),
            {field: told for field, told in value.items() if field not in _OF_THE_ROW},
            value["event_id"],
            value.get("cause"),
        )
        for row in rows
        for attribute, value in row.items()
        if (name := _BY_ATTRIBUTE.get(_ATTEMPT.sub("", attribute)))
    ]
    return sorted(found, key=lambda it: (it.at, _ORDER[it.detail_type], it.data.get("attempt", 1)))


def causes(*rows: Row) -> list[Branch]:
    """The events of the rows as trees: each below the one that it follows from. A root follows from what a
    person did, or from what the rows do not hold.

    The endpoint's answer is no event's effect by its cause, which is SageMaker's message; it stands below the
    request that it answers. A time-out stands below the event that set the deadline.
    """
    told = happenings(*rows)
    known = {it.event_id: it for it in told}
    asked = {it.data["inference_id"]: it for it in told if "due_at" in it.data}
    due = {moment(it.data["due_at"]): it for it in told if "due_at" in it.data}

    def origin(it: Happening) -> Happening | None:
        if it.cause in known:
            return known[it.cause]
        if it.detail_type in _TIME_OUTS and "@" in (it.cause or ""):
            return due.get(moment(str(it.cause).partition("@")[2]))
        return None if it.detail_type in _STARTS else asked.get(it.data.get("inference_id", ""))

    effects: dict[str | None, list[Happening]] = {}
    for it in told:
        before = origin(it)
        effects.setdefault(before.event_id if before else None, []).append(it)

    def branch(it: Happening, before: Happening | None) -> Branch:
        seconds = max(0.0, (it.at - before.at).total_seconds()) if before else None
        return Branch(it, seconds, tuple(branch(effect, it) for effect in effects.get(it.event_id, ())))

    return [branch(root, None) for root in effects.get(None, ())]


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
    embedding = _ENDS.get(session_state(session), "running")
    reconstruction, meshing = _computed(job)
    prepared = _stage("photo", _arrived(photo, "photo"), session_created, photo)
    embedded = _stage("embedding", embedding, _at(photo, ImageUploaded), photo)
    asked = _stage("mask", _arrived(made, "mask"), job_created, made)
    reconstructed = _stage("reconstruction", reconstruction, _at(made, ReconstructionRequested), made)
    meshed = _stage("mesh", meshing, _at(made, ReconstructionCompleted), made)
    over = reconstructed.finished if reconstruction == "failed" else meshed.finished
    mail = _last_mail(made)
    mailed = _stage("mail", _arrived(mail, "mail"), over, mail)
    return [prepared, embedded, asked, reconstructed, meshed, mailed]


def _computed(job: Row) -> tuple[StageState, StageState]:
    """How reconstruction and mesh stand. The read model decides between events that contradict each other,
    so it is asked about the whole row, and about the row without what does not end a reconstruction."""
    before_mesh = {name: event for name, event in job.items() if name not in _OF_MESHING}
    in_time = {name: event for name, event in before_mesh.items() if name != "job_timed_out"}
    if job_state(in_time) == "meshing":
        return "done", _ENDS.get(job_state(job), "running")
    return _ENDS.get(job_state(before_mesh), "running"), "waiting"


def _arrived(seen: Mapping[str, Happening], stage: str) -> StageState:
    """How a stage stands whose good end makes up for bad ones before it."""
    done, failed = _LAST_EVENTS[stage]
    if done.detail_type in seen:
        return "done"
    return "failed" if failed.detail_type in seen else "running"


def _last_mail(seen: Mapping[str, Happening]) -> Mapping[str, Happening]:
    """Of several mails about a job the last one, which left or was refused. One about a mask is of no end."""
    mails = [seen[end.detail_type] for end in _LAST_EVENTS["mail"] if end.detail_type in seen]
    ends = [it for it in mails if it.data.get("notified_of") != MaskRejected.detail_type]
    return {it.detail_type: it for it in sorted(ends, key=lambda it: it.at)[-1:]}


def _at(seen: Mapping[str, Happening], event: type[Event]) -> datetime | None:
    return seen[event.detail_type].at if event.detail_type in seen else None


def _stage(name: str, state: StageState, started: datetime | None, seen: Mapping[str, Happening]) -> Stage:
    if started is None or state == "waiting":
        return Stage(name, "waiting")
    if state == "running":
        retry = seen.get(ReconstructionRetryScheduled.detail_type) if name == "reconstruction" else None
        note = f"attempt {retry.data['attempt']}: {retry.data['message']}" if retry else ""
        return Stage(name, "running", started, note=note)
    done, *failures = _LAST_EVENTS[name]
    ends = (seen.get(it.detail_type) for it in ([done] if state == "done" else failures))
    if end := next(filter(None, ends), None):
        return Stage(name, state, started, end.at, _note(end.data))
    return Stage(name, state, started, started)


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
