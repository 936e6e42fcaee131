"""What every event of Gen3D has in common.

An event class holds the fields of `detail.data`; `source` and `detail_type` name it on the bus; its
`Metadata` is filled in when it is published, so that a consumer can simply yield `MeshCompleted(...)`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PrivateAttr, StringConstraints

SCHEMA_VERSION = "1.0"

SESSION_ID = r"^ses_[0-9A-HJKMNP-TV-Z]{26}$"
SessionId = Annotated[str, StringConstraints(pattern=SESSION_ID)]
JOB_ID = r"^job_[0-9A-HJKMNP-TV-Z]{26}$"
JobId = Annotated[str, StringConstraints(pattern=JOB_ID)]
EventId = Annotated[str, StringConstraints(pattern=r"^[0-9A-HJKMNP-TV-Z]{26}$")]


class Model(BaseModel):
    """A part of the contract: immutable, and open to fields that a later minor version adds."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", defer_build=True, json_schema_serialization_defaults_required=True
    )


class Metadata(Model):
    """Who and what an event is about, and what caused it."""

    event_id: EventId
    schema_version: str = Field(SCHEMA_VERSION, pattern=r"^1\.[0-9]+$")
    occurred_at: AwareDatetime
    session_id: SessionId
    job_id: JobId | None = None
    user_id: str
    correlation_id: SessionId = Field(description="The session: every event of one story shares it.")
    causation_id: str | None = Field(None, description="The event (or foreign message) that caused this one.")
    replay: str | None = Field(None, description="Name of the EventBridge replay that re-sent this event.")


class Subject(Model):
    """What a new event is about, where its cause does not say."""

    user_id: str
    session_id: SessionId
    job_id: JobId | None = None


class Event(Model):
    """Base of every event. Subclasses set `source` and `detail_type` and declare their data as fields."""

    source: ClassVar[str]
    detail_type: ClassVar[str]
    registry: ClassVar[dict[str, type[Event]]] = {}

    _metadata: Metadata | None = PrivateAttr(default=None)
    _subject: Subject | None = PrivateAttr(default=None)

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        if "detail_type" in cls.__dict__:
            Event.registry[cls.detail_type] = cls

    @property
    def metadata(self) -> Metadata:
        if self._metadata is None:
            raise ValueError(f"{self.detail_type} has no metadata before it is published")
        return self._metadata

    @property
    def subject(self) -> Subject | None:
        return self._subject

    def about(self, user_id: str, session_id: str, job_id: str | None = None) -> Self:
        """This event with an explicit subject; without one it inherits its cause's."""
        copy = self.model_copy()
        copy._subject = Subject(user_id=user_id, session_id=session_id, job_id=job_id)
        return copy

    def with_metadata(self, metadata: Metadata) -> Self:
        copy = self.model_copy()
        copy._metadata = metadata
        return copy

    def detail(self) -> dict[str, Any]:
        """The EventBridge `detail`: `{metadata, data}`, JSON-ready, absent fields left out."""
        return {
            "metadata": self.metadata.model_dump(mode="json", exclude_none=True),
            "data": self.model_dump(mode="json", exclude_none=True),
        }

    @classmethod
    def from_detail(cls, detail: dict[str, Any]) -> Self:
        """Validate a received `detail`. Raises pydantic.ValidationError."""
        event = cls.model_validate(detail.get("data"))
        return event.with_metadata(Metadata.model_validate(detail.get("metadata")))

    @classmethod
    def from_envelope(cls, envelope: dict[str, Any]) -> Self:
        """The event in its EventBridge envelope, with the name of the replay that re-sent it, if any."""
        event = cls.from_detail(envelope["detail"])
        if replay := envelope.get("replay-name"):
            return event.with_metadata(event.metadata.model_copy(update={"replay": replay}))
        return event

    @property
    def idempotency_key(self) -> str:
        return self.metadata.event_id

    @property
    def occurred_at(self) -> datetime:
        return self.metadata.occurred_at


def event_from_envelope(envelope: dict[str, Any]) -> Event:
    """The typed event in an EventBridge envelope. Raises KeyError for a detail-type not in the contract."""
    return Event.registry[envelope["detail-type"]].from_envelope(envelope)
