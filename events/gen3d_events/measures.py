"""What an event that ends a stage says in figures, for CloudWatch. Pure.

Whoever publishes an event publishes its figures (consumer.py), so each counts once an event, and a duplicate
that is not handled again does not count again. Durations are as a person feels them, with all waiting;
meshing's is the computing alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, NamedTuple

from gen3d_events.event import Event
from gen3d_events.models import (
    EmbeddingCompleted,
    MeshCompleted,
    NotificationFailed,
    Quality,
    ReconstructionCompleted,
    ReconstructionFailed,
    UserNotified,
)

Unit = Literal["Seconds", "Bytes", "Count"]


class Figure(NamedTuple):
    """A metric in the namespace Gen3D: its name, and its value in `unit`."""

    name: str
    value: float
    unit: Unit


class Measures(NamedTuple):
    """by: the sets of dimensions (engine, quality) by which the figures count beside the service alone."""

    figures: tuple[Figure, ...] = ()
    by: tuple[Mapping[str, str], ...] = ()


def measures(event: Event) -> Measures:
    """The figures of an event that has its metadata; most events have none."""
    match event:
        case EmbeddingCompleted():
            return Measures(
                _since(event.requested_at, event, "Initialization.Duration"), (_by(event.engine.name),)
            )
        case ReconstructionCompleted():
            waited = _since(event.requested_at, event, "Reconstruction.Duration")
            quality = event.options.quality
            return Measures((*waited, _success(1)), (_by(quality=quality), _by(event.engine.name, quality)))
        case ReconstructionFailed(quality=quality, reconstructor=engine):
            by = [_by(quality=quality), _by(engine, quality) if engine else {}] if quality else []
            return Measures((_success(0),), tuple(filter(None, by)))
        case MeshCompleted():
            duration = Figure("Meshing.Duration", event.seconds, "Seconds")
            mesh = event.files.get("mesh.glb")
            size = (Figure("MeshSize", mesh.bytes, "Bytes"),) if mesh else ()
            return Measures((duration, *size), (_by(event.engine.name, event.quality),))
        case UserNotified() | NotificationFailed():
            return Measures((_success(int(isinstance(event, UserNotified)), "Notification"),))
    return Measures()


def _since(began: datetime | None, event: Event, name: str) -> tuple[Figure, ...]:
    """None where the event does not say when it began: a request of an earlier version."""
    if began is None:
        return ()
    seconds = (event.occurred_at - began).total_seconds()
    return (Figure(name, max(0.0, round(seconds, 3)), "Seconds"),)


def _success(value: int, of: str = "Reconstruction") -> Figure:
    """1 or 0: its average is the success rate."""
    return Figure(f"{of}.Success", value, "Count")


def _by(engine: str | None = None, quality: Quality | None = None) -> dict[str, str]:
    return ({"engine": engine} if engine else {}) | ({"quality": quality.value} if quality else {})
