"""The endpoint answered a reconstruction request: say what came of it, or schedule another attempt."""

from __future__ import annotations

from collections.abc import Iterator

from botocore.exceptions import BotoCoreError, ClientError
from gen3d_events import endpoint
from gen3d_events.consumer import consumes
from gen3d_events.event import Event
from gen3d_events.inference import InferenceRequest, ReconstructReply
from gen3d_events.inference_failure import InferenceFailure
from gen3d_events.models import (
    InferenceFailed,
    InferenceSucceeded,
    Quality,
    ReconstructionCompleted,
    ReconstructionFailed,
    ReconstructionRetryScheduled,
)
from pydantic import ValidationError

from gen3d_reconstruction.attempts import MAX_ATTEMPTS, failure


def given_up(event: InferenceSucceeded | InferenceFailed, code: str, detail: str) -> ReconstructionFailed:
    """What is told of an answer that could not be worked on."""
    return failure(code, detail, _quality(event))


def _quality(event: InferenceSucceeded | InferenceFailed) -> Quality | None:
    """The job's, unless its request is what cannot be read."""
    try:
        options = endpoint.request_behind(event).options
    except (BotoCoreError, ClientError, ValidationError):
        return None
    return options.quality if options else None


@consumes(InferenceSucceeded, InferenceFailed, failed=given_up, once=endpoint.request_id)
def handler(event: InferenceSucceeded | InferenceFailed) -> Iterator[Event]:
    yield outcome(endpoint.request_behind(event), endpoint.answer(event, ReconstructReply))


def outcome(
    request: InferenceRequest, answer: ReconstructReply | InferenceFailure
) -> ReconstructionCompleted | ReconstructionFailed | ReconstructionRetryScheduled:
    """The event that an answer amounts to. Raises ValueError for a request that is no reconstruction's."""
    if request.mask is None or request.options is None:
        raise ValueError(f"{request.inference_id} is not a reconstruction request")
    if isinstance(answer, ReconstructReply):
        return ReconstructionCompleted(
            splat_key=answer.splat_key,
            bytes=answer.bytes,
            gaussians=answer.gaussians,
            mask=request.mask,
            options=request.options,
            engine=answer.engine,
            seconds=answer.seconds,
            attempt=request.attempt,
            requested_at=request.requested_at,
        )
    if answer.transient and request.attempt < MAX_ATTEMPTS:
        return ReconstructionRetryScheduled.because(
            answer.code,
            answer.detail,
            attempt=request.attempt + 1,
            photo=request.photo,
            mask=request.mask,
            options=request.options,
            requested_at=request.requested_at,
        )
    return failure(answer.code, answer.detail, request.options.quality)
