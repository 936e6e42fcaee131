"""The asynchronous endpoint: asking it, and reading what it answered."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from botocore.exceptions import ClientError
from pydantic import ValidationError

from gen3d_events import aws, keys
from gen3d_events.consumer import UserFault
from gen3d_events.inference import EmbedReply, InferenceRequest, ReconstructReply
from gen3d_events.inference_failure import InferenceFailure, classify
from gen3d_events.models import InferenceFailed, InferenceSucceeded

MAX_FAILURE_BYTES = 65_536

Reply = TypeVar("Reply", EmbedReply, ReconstructReply)


def ask(request: InferenceRequest) -> datetime:
    """Store the request document, queue the request, and return the moment from which it is overdue.

    Asking twice with one inference id is harmless: the same document is computed again into the same keys,
    and the second notification is a duplicate. Raises UserFault `endpoint_unavailable` if the endpoint does
    not exist or refuses the request; throttling, server and connection errors pass through as botocore
    raises them.
    """
    key = keys.inference_input(request.metadata.session_id, request.inference_id)
    time_to_live = int(os.environ["REQUEST_TTL_SECONDS"])
    timeout = int(os.environ["INVOCATION_TIMEOUT_SECONDS"])
    grace = int(os.environ["OVERDUE_AFTER_SECONDS"])
    aws.client("s3").put_object(
        Bucket=request.bucket,
        Key=key,
        Body=request.model_dump_json(exclude_none=True).encode(),
        ContentType="application/json",
    )
    try:
        aws.client("sagemaker-runtime").invoke_endpoint_async(
            EndpointName=os.environ["ENDPOINT_NAME"],
            InferenceId=request.inference_id,
            InputLocation=f"s3://{request.bucket}/{key}",
            ContentType="application/json",
            RequestTTLSeconds=time_to_live,
            InvocationTimeoutSeconds=timeout,
        )
    except ClientError as error:
        if aws.is_transient(error):
            raise
        raise UserFault("endpoint_unavailable", str(error)) from error
    return datetime.now(UTC) + timedelta(seconds=time_to_live + timeout + grace)


def request_id(event: InferenceSucceeded | InferenceFailed) -> str:
    """What is answered once: SageMaker may say both that a request failed and that it succeeded."""
    return event.inference_id


def request_behind(event: InferenceSucceeded | InferenceFailed) -> InferenceRequest:
    """The request document that the endpoint answered."""
    return InferenceRequest.model_validate_json(_read(event.input_key))


def answer(event: InferenceSucceeded | InferenceFailed, reply: type[Reply]) -> Reply | InferenceFailure:
    """The endpoint's reply, or why there is none."""
    if isinstance(event, InferenceFailed):
        return classify(event.status, _failure_text(event.failure_key), event.reason)
    try:
        return reply.model_validate_json(_read(event.output_key))
    except ValidationError as error:
        return InferenceFailure("inference_failed", f"the reply does not have the agreed form: {error}")


def _failure_text(key: str | None) -> str:
    """The failure object's content as text, or nothing: SageMaker does not always write one."""
    if key is None:
        return ""
    try:
        return _read(key, MAX_FAILURE_BYTES).decode(errors="replace")
    except ClientError as error:
        if aws.is_missing(error):
            return ""
        raise


def _read(key: str, limit: int | None = None) -> bytes:
    body: bytes = aws.client("s3").get_object(Bucket=os.environ["DATA_BUCKET"], Key=key)["Body"].read(limit)
    return body
