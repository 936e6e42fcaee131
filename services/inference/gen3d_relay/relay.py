"""The endpoint notified us through SNS: say on the bus whose request succeeded or failed."""

from __future__ import annotations

import os
from collections.abc import Iterator

from botocore.exceptions import ClientError
from gen3d_events import aws, keys
from gen3d_events.consumer import MessageInvalid, consumes
from gen3d_events.event import Event
from gen3d_events.inference import InferenceRequest
from gen3d_events.models import InferenceFailed, InferenceSucceeded
from gen3d_events.notices import InferenceNotice

MAX_REASON = 4000


@consumes(InferenceNotice)
def handler(notice: InferenceNotice) -> Iterator[Event]:
    request = _request(notice)
    about = request.metadata
    yield translate(notice, request).about(about.user_id, about.session_id, about.job_id)


def translate(notice: InferenceNotice, request: InferenceRequest) -> InferenceSucceeded | InferenceFailed:
    """The notice as an event. Anything but "Completed" with an output is a failure."""
    input_key = _key(notice.input_location)
    if notice.status == "Completed" and notice.output_location:
        return InferenceSucceeded(
            inference_id=notice.inference_id,
            attempt=request.attempt,
            task=request.task,
            input_key=input_key,
            output_key=_key(notice.output_location),
        )
    return InferenceFailed(
        inference_id=notice.inference_id,
        attempt=request.attempt,
        task=request.task,
        input_key=input_key,
        failure_key=_key(notice.failure_location) if notice.failure_location else None,
        status=notice.status,
        reason=(notice.failure_reason or "")[:MAX_REASON],
    )


def _request(notice: InferenceNotice) -> InferenceRequest:
    """The request document. Raises MessageInvalid if it is missing or none of ours: no retry mends that."""
    where = notice.input_location
    try:
        found = aws.client("s3").get_object(Bucket=os.environ["DATA_BUCKET"], Key=_key(where))
        request = InferenceRequest.model_validate_json(found["Body"].read())
    except ClientError as error:
        if aws.is_missing(error):
            raise MessageInvalid(f"there is no request document at {where}") from error
        raise
    except ValueError as error:
        raise MessageInvalid(f"no request document of ours lies at {where}") from error
    if request.inference_id != notice.inference_id:
        raise MessageInvalid(
            f"{where} is the request of {request.inference_id}, not of {notice.inference_id}"
        )
    return request


def _key(location: str) -> str:
    return keys.split_s3_uri(location)[1]
