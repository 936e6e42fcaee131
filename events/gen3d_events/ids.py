"""Ids are ULIDs: random for what a person starts, derived from the cause for everything that follows.

A derived id is a function of its cause alone, so a consumer that runs again publishes the same ids.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, ClassVar, Protocol, Self, TypeVar

from gen3d_events.event import Event, Metadata, Subject

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

E = TypeVar("E", bound=Event)


class Cause(Protocol):
    """What a consumer answers to: an Event, or a foreign notice (notices.py)."""

    detail_type: ClassVar[str]

    @classmethod
    def from_envelope(cls, envelope: dict[str, Any]) -> Self: ...

    @property
    def idempotency_key(self) -> str: ...

    @property
    def occurred_at(self) -> datetime: ...


def ulid(at: datetime, entropy: bytes) -> str:
    """26 characters of Crockford's base 32: 48 bits of `at` in ms, then the first 80 bits of `entropy`.

    `at` must know its time zone. Source: https://github.com/ulid/spec
    """
    value = ((at - _EPOCH) // timedelta(milliseconds=1) << 80) | int.from_bytes(entropy[:10], "big")
    return "".join(_ALPHABET[(value >> shift) & 31] for shift in range(125, -1, -5))


def ulid_time(id_: str) -> datetime:
    """The time in a ULID, in whole ms; in the id of an event that was caused it is the cause's."""
    milliseconds = 0
    for character in id_[:10]:
        milliseconds = milliseconds << 5 | _ALPHABET.index(character)
    return _EPOCH + timedelta(milliseconds=milliseconds)


def _derived(at: datetime, *parts: object) -> str:
    return ulid(at, sha256("\0".join(map(str, parts)).encode()).digest())


def new_session_id() -> str:
    return f"ses_{ulid(datetime.now(UTC), secrets.token_bytes(10))}"


def new_job_id() -> str:
    return f"job_{ulid(datetime.now(UTC), secrets.token_bytes(10))}"


def derived_session_id(cause: Cause) -> str:
    """The session that a foreign message starts: the same for the same message."""
    return f"ses_{_derived(cause.occurred_at, cause.idempotency_key, 'session')}"


def derived_job_id(cause: Cause) -> str:
    """The job that a foreign message starts: the same for the same message."""
    return f"job_{_derived(cause.occurred_at, cause.idempotency_key, 'job')}"


def event_id(at: datetime, cause_id: str, producer: str, detail_type: str, ordinal: int) -> str:
    """The id of the `ordinal`-th event of `detail_type` that `producer` derives from a cause of time `at`."""
    return _derived(at, cause_id, producer, detail_type, ordinal)


GIVEN_UP = -1
"""The ordinal of a rejection that tells that the work is given up: should an operator send its cause back,
what it then comes to is another event."""


def caused(event: E, cause: Cause, producer: str, ordinal: int) -> E:
    """`event` with the metadata that follows from its cause.

    The subject is the event's own (`about`) or else its cause's. Raises ValueError if there is neither.
    """
    origin = cause.metadata if isinstance(cause, Event) else None
    return _stamp(
        event,
        event.subject or origin,
        event_id(cause.occurred_at, cause.idempotency_key, producer, event.detail_type, ordinal),
        cause.idempotency_key,
        origin.replay if origin else None,
    )


def originate(event: E, *, cause_id: str, at: datetime, ordinal: int = 0) -> E:
    """`event` with metadata where no message is the cause: a request, or a deadline that has passed.

    The id follows from `cause_id` (a request id; a row's key and its deadline), `at`, and `ordinal`, so give
    the cause's own time where the same cause may be seen twice. The subject must be set with `about`.
    """
    producer = event.source
    return _stamp(
        event, event.subject, event_id(at, cause_id, producer, event.detail_type, ordinal), cause_id, None
    )


def _stamp(
    event: E, subject: Subject | Metadata | None, id_: str, causation_id: str, replay: str | None
) -> E:
    if subject is None:
        raise ValueError(f"{event.detail_type} has no subject: its cause has none, so say it with about()")
    return event.with_metadata(
        Metadata(
            event_id=id_,
            occurred_at=datetime.now(UTC),
            session_id=subject.session_id,
            job_id=subject.job_id,
            user_id=subject.user_id,
            correlation_id=subject.session_id,
            causation_id=causation_id,
            replay=replay,
        )
    )
