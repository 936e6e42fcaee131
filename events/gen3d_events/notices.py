"""Messages that are not ours: what S3 and SageMaker say. Flat, typed views of the parts that we use."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pydantic import AliasChoices, AliasPath, AwareDatetime, ConfigDict, Field

from gen3d_events import ids, keys
from gen3d_events.event import Model


class Notice(Model):
    """A foreign message. `from_envelope` reads a queue message's body; fields can also be given by name."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)
    detail_type: ClassVar[str]

    @classmethod
    def from_envelope(cls, envelope: dict[str, Any]) -> Self:
        """Raises pydantic.ValidationError."""
        return cls.model_validate(envelope)

    @property
    def story(self) -> dict[str, str]:
        """session_id and job_id, as far as the message itself says them."""
        return {}


class S3ObjectCreated(Notice):
    """An object version was written, as EventBridge tells it ("Object Created").

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
    """

    detail_type: ClassVar[str] = "Object Created"

    bucket: str = Field(validation_alias=AliasPath("detail", "bucket", "name"))
    key: str = Field(validation_alias=AliasPath("detail", "object", "key"))
    version_id: str = Field(validation_alias=AliasPath("detail", "object", "version-id"))
    size: int = Field(validation_alias=AliasPath("detail", "object", "size"))
    etag: str = Field(validation_alias=AliasPath("detail", "object", "etag"))
    event_time: AwareDatetime = Field(validation_alias="time")

    @property
    def idempotency_key(self) -> str:
        return f"{self.bucket}/{keys.nameless(self.key)}?versionId={self.version_id}"

    @property
    def occurred_at(self) -> AwareDatetime:
        return self.event_time

    @property
    def story(self) -> dict[str, str]:
        if keys.parse_inbox(self.key):
            return {"session_id": ids.derived_session_id(self), "job_id": ids.derived_job_id(self)}
        if (about := keys.parse_incoming(self.key)) is None:
            return {}
        job = {"job_id": about.job_id} if about.job_id else {}
        return {"session_id": about.session_id, **job}


class InferenceNotice(Notice):
    """SageMaker's answer to an asynchronous request: the raw body of its SNS message.

    Every status but "Completed" is a failure; then `output_location` is None. SageMaker puts the failure's
    location at the top level or under `responseParameters`.
    Source: https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-check-predictions.html
    """

    detail_type: ClassVar[str] = ""

    status: str = Field(validation_alias="invocationStatus")
    inference_id: str = Field(validation_alias="inferenceId")
    input_location: str = Field(validation_alias=AliasPath("requestParameters", "inputLocation"))
    output_location: str | None = Field(
        None, validation_alias=AliasPath("responseParameters", "outputLocation")
    )
    failure_location: str | None = Field(
        None,
        validation_alias=AliasChoices("failureLocation", AliasPath("responseParameters", "failureLocation")),
    )
    failure_reason: str | None = Field(None, validation_alias="failureReason")
    received_time: AwareDatetime = Field(validation_alias="receivedTime")
    event_time: AwareDatetime = Field(validation_alias="eventTime")

    @property
    def idempotency_key(self) -> str:
        return f"{self.inference_id}:{self.status}"

    @property
    def occurred_at(self) -> AwareDatetime:
        return self.event_time

    @property
    def story(self) -> dict[str, str]:
        try:
            return keys.parse_inference_input(keys.split_s3_uri(self.input_location)[1])
        except ValueError:
            return {}
