"""The read model: events folded into rows, and a row's state. Pure, and shared by service, SDK and page.

A row is a mapping. Each event sets one attribute of its own and nothing else; if the same attribute arrives
twice, the smaller event id wins (but see `latest_counts`). So every order of the same events folds to the
same row.
`events/vectors/state.json` holds test vectors for other languages.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from operator import itemgetter
from typing import Any, Literal

from gen3d_events.event import Event

Row = Mapping[str, Any]
SessionState = Literal["awaiting_photo", "preparing", "ready", "failed", "timed_out"]
JobState = Literal["awaiting_mask", "queued", "reconstructing", "meshing", "completed", "failed", "timed_out"]


EACH_ATTEMPT = (
    "Embedding Started",
    "Reconstruction Started",
    "Reconstruction Retry Scheduled",
    "Inference Succeeded",
    "Inference Failed",
)
"""Events that one row can see several of, an attempt each."""


def attribute(event: Event) -> str:
    """The attribute an event owns: its detail-type in snake case. What there is of each attempt is numbered
    from the second one on."""
    name = event.detail_type.lower().replace(" ", "_")
    attempt = getattr(event, "attempt", 1) if event.detail_type in EACH_ATTEMPT else 1
    return name if attempt == 1 else f"{name}_{attempt}"


_LATEST = {"session_deletion_requested", "session_restored", "user_notified", "notification_failed"}


def latest_counts(attribute: str) -> bool:
    """Which of two events that claim one attribute stays: of rejections, deletions, restorations and mails
    the last, of all else the first."""
    return attribute.endswith("_rejected") or attribute in _LATEST


def told_order(attribute: str) -> tuple[str, ...]:
    """The fields of an entry, as text, that say which of two is the later: its id, which has its cause's
    time. Rejections go by when they were told: an upload that was given up and is sent back has another
    answer."""
    return ("at", "event_id") if attribute.endswith("_rejected") else ("event_id",)


def entry(event: Event) -> dict[str, Any]:
    """What is stored under `attribute(event)`: event id, time, cause if known, and data, JSON-ready."""
    detail = event.detail()
    about = detail["metadata"]
    cause = {"cause": about["causation_id"]} if "causation_id" in about else {}
    return {"event_id": about["event_id"], "at": about["occurred_at"], **cause, **detail["data"]}


def fold(row: Row, event: Event) -> dict[str, Any]:
    """The row after `event`. Commutative, associative and idempotent."""
    name, new = attribute(event), entry(event)
    choose, order = max if latest_counts(name) else min, itemgetter(*told_order(name))
    return {**row, name: choose(row.get(name, new), new, key=order)}


def session_state(row: Row) -> SessionState:
    """A rejected photo leaves the session waiting for another one; whichever came first of result and failure
    counts; a late result beats a time-out."""
    if "image_uploaded" not in row:
        return "awaiting_photo"
    if _failed(row, "embedding_failed"):
        return "failed"
    if "embedding_completed" in row or row["image_uploaded"].get("intent") == "direct":
        return "ready"
    return "timed_out" if "embedding_timed_out" in row else "preparing"


def job_state(row: Row) -> JobState:
    """As `session_state`, for each of the two stages."""
    if _failed(row, "reconstruction_failed") or _failed(row, "meshing_failed"):
        return "failed"
    if "mesh_completed" in row:
        return "completed"
    if "job_timed_out" in row:
        return "timed_out"
    if "meshing_started" in row or "reconstruction_completed" in row:
        return "meshing"
    if any(name.startswith("reconstruction_started") for name in row):
        return "reconstructing"
    return "queued" if "reconstruction_requested" in row else "awaiting_mask"


_RESULT_OF = {
    "reconstruction_failed": "reconstruction_completed",
    "meshing_failed": "mesh_completed",
    "embedding_failed": "embedding_completed",
}
"""Each stage's failure, the gravest first, and its result."""

_MENDED_BY = {
    "job_timed_out": "mesh_completed",
    "embedding_timed_out": "embedding_completed",
    "mask_rejected": "reconstruction_requested",
    "image_rejected": "image_uploaded",
}
"""What else can have gone wrong, and the event after which it no longer matters."""


_LAST_WORDS = (*_RESULT_OF, "mesh_completed", "embedding_completed", "job_timed_out", "embedding_timed_out")


def last_word(row: Row) -> str | None:
    """The attribute that says how a job, or a session's embedding, ended: of the failures that count the
    gravest, or the result, or else a time-out; None before that."""
    words = (name for name in _LAST_WORDS if name in row)
    return next((name for name in words if name not in _RESULT_OF or _failed(row, name)), None)


def _failed(row: Row, failure: str) -> bool:
    """Whether a stage failed before it gave a result: what was said first counts, not what was said last."""
    result = row.get(_RESULT_OF[failure])
    return failure in row and (result is None or _said(row[failure]) < _said(result))


def _said(entry: Mapping[str, Any]) -> tuple[int, str]:
    """When an event was published, in ms; among equals its id decides.

    An id alone does not tell: those of two answers to one cause have one time, the cause's.
    """
    return int(datetime.fromisoformat(entry["at"]).timestamp() * 1000), entry["event_id"]


def problem(row: Row) -> dict[str, Any] | None:
    """The rejection or failure that a person should see: `{code, error_class, message, hint}`."""
    names = [name for name in _RESULT_OF if _failed(row, name)]
    names += [name for name, mended_by in _MENDED_BY.items() if name in row and mended_by not in row]
    if not names:
        return None
    return {field: row[names[0]][field] for field in ("code", "error_class", "message", "hint")}
