"""A photo or job came to its end: write to the person, and to the operator if something of ours failed.

What counts is told (see ledger.py), so the last mail says what the page says. A time-out is no end: a late
mesh is told of as well, and a late failure. That an embedding is there, or splats, is no news to mail: it is
heard so that no time-out and no failure is told of that comes after it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from gen3d_events import links
from gen3d_events.consumer import consumes
from gen3d_events.event import Event
from gen3d_events.models import (
    EmbeddingCompleted,
    EmbeddingFailed,
    EmbeddingTimedOut,
    Failure,
    ImageRejected,
    JobTimedOut,
    MaskRejected,
    MeshCompleted,
    MeshingFailed,
    NotificationFailed,
    ReconstructionCompleted,
    ReconstructionFailed,
    SessionDeletionRequested,
    SessionPurged,
    SessionRestored,
    UserNotified,
)
from gen3d_events.observability import logger

from gen3d_notification import ledger, letters, post

LINKS_LAST = timedelta(hours=24)

_NO_NEWS = (EmbeddingCompleted, ReconstructionCompleted)
"""Heard again, they change nothing: the ledger is their record."""
_REJECTION = (ImageRejected, MaskRejected)
_DELETION = (SessionDeletionRequested, SessionRestored, SessionPurged)


def _given_up(cause: Event, code: str, detail: str) -> NotificationFailed | None:
    if isinstance(cause, _NO_NEWS + _DELETION):
        return None
    return NotificationFailed.because(code, detail, channel="email", notified_of=cause.detail_type)


@consumes(
    EmbeddingCompleted,
    MeshCompleted,
    ImageRejected,
    MaskRejected,
    EmbeddingFailed,
    EmbeddingTimedOut,
    ReconstructionCompleted,
    ReconstructionFailed,
    MeshingFailed,
    JobTimedOut,
    SessionDeletionRequested,
    SessionRestored,
    SessionPurged,
    failed=_given_up,
    unrecorded=_NO_NEWS,
)
def handler(
    event: EmbeddingCompleted | ReconstructionCompleted | MeshCompleted | Failure | ledger.Deletion,
) -> Iterator[Event]:
    if isinstance(event, _DELETION):
        ledger.note(event)
        if isinstance(event, SessionPurged):
            ledger.forget(event.metadata)
        else:
            yield from _take_up_withheld(event)
    elif isinstance(event, _NO_NEWS):
        ledger.hear(event)
    elif ledger.is_deleted(event.metadata):
        _counts(event)
        ledger.withhold(event)
        logger.info("withheld: the session was deleted")
        if not ledger.is_deleted(event.metadata):  # restored in between, and that may have seen nothing
            yield from _take_up_withheld(event)
    else:
        yield from _tell_what_counts(event)


def _take_up_withheld(event: Event) -> Iterator[Event]:
    """Tell what came while a session was hidden, if it is there again."""
    if ledger.is_deleted(event.metadata):
        return
    for kept in ledger.withheld(event.metadata):
        if isinstance(kept, MeshCompleted | Failure):
            about = kept.metadata
            for told in _tell_what_counts(kept):
                yield told.about(about.user_id, about.session_id, about.job_id)
        ledger.withhold_no_more(kept)


def _tell_what_counts(event: MeshCompleted | Failure) -> Iterator[Event]:
    if _counts(event):
        yield from _tell_all(event)
    else:
        logger.info("not told: it ended otherwise")


def _counts(event: MeshCompleted | Failure) -> bool:
    return isinstance(event, _REJECTION) or ledger.hear(event)


def _tell_all(event: MeshCompleted | Failure) -> Iterator[Event]:
    # A function that dies after sending and before its event is recorded sends the mail again: harmless, and
    # better than none. The operator comes first, because a retry for the second mail repeats the first.
    if isinstance(event, Failure) and event.error_class != "user" and (operator := os.environ["ADMIN_EMAIL"]):
        yield _tell(event, lambda: operator, letters.report(event, os.environ["STAGE"]))
    yield _tell(event, lambda: post.address_of(event.metadata.user_id), _letter(event))


def _tell(
    event: Event, address: Callable[[], str], letter: letters.Letter
) -> UserNotified | NotificationFailed:
    try:
        post.send(address(), letter)
    except post.Undeliverable as refusal:
        return NotificationFailed.because(
            "notification_failed", str(refusal), channel="email", notified_of=event.detail_type
        )
    return UserNotified(channel="email", notified_of=event.detail_type)


def _letter(event: MeshCompleted | Failure) -> letters.Letter:
    return letters.failure(event) if isinstance(event, Failure) else letters.success(event, _links(event))


def _links(event: MeshCompleted) -> letters.Links:
    expires = datetime.now(UTC) + LINKS_LAST

    def link(key: str) -> str:
        return f"{os.environ['PUBLIC_URL']}/api/d/{links.mint(os.environ['LINK_KEY_ID'], key, expires)}"

    preview = event.files.get("preview.png")
    return letters.Links(
        files={name: link(event.files[name].key) for name in letters.downloads(event)},
        splats=link(event.splat_key),
        preview=link(preview.key) if preview else None,
        expires=expires,
    )
