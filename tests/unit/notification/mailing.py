"""A person who is written to, and events of which mail hears."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from gen3d_events.event import Event
from gen3d_events.ids import ulid
from gen3d_events.models import (
    EmbeddingCompleted,
    Failure,
    MeshCompleted,
    ReconstructionCompleted,
)
from gen3d_events.samples import samples
from gen3d_notification import mail
from gen3d_notification.ledger import Deletion
from moto.ses.models import ses_backends

ADDRESS = "ada@example.com"
OPERATOR = "operator@example.com"


@dataclass
class Post:
    """The mails that were sent, and the person they are for."""

    user_id: str

    @property
    def sent(self) -> list[Any]:
        messages: list[Any] = ses_backends["123456789012"]["us-east-1"].sent_messages
        return messages

    @property
    def recipients(self) -> list[str]:
        return [address for message in self.sent for address in message.destinations["ToAddresses"]]


def tell(post: Post, event: Event) -> list[Event]:
    """What comes of telling the person of a sample."""
    mine = event.metadata.model_copy(update={"user_id": post.user_id})
    return consume(event.with_metadata(mine))


def consume(event: Event) -> list[Event]:
    assert isinstance(
        event, EmbeddingCompleted | ReconstructionCompleted | MeshCompleted | Failure | Deletion
    )
    return list(mail.handler.consume(event))


def moved(detail_type: str, seconds: int) -> Event:
    event = samples[detail_type]
    at = event.metadata.occurred_at + timedelta(seconds=seconds)
    id_ = ulid(at, event.detail_type.encode())
    return event.with_metadata(event.metadata.model_copy(update={"occurred_at": at, "event_id": id_}))


def told_at(event: Event, seconds: int) -> Event:
    """The event as it is told so many seconds after the act."""
    at = event.metadata.occurred_at + timedelta(seconds=seconds)
    return event.with_metadata(event.metadata.model_copy(update={"occurred_at": at}))
