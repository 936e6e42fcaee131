"""The endpoint answered a reconstruction request: say what came of it, or schedule another attempt."""

from __future__ import annotations

from collections.abc import Iterator

from gen3d_events import endpoint
from gen3d_events.consumer import consumes
from gen3d_events.event import Event
from gen3d_events.inference import InferenceRequest, ReconstructReply
from gen3d_events.inference_failure import InferenceFailure
from gen3d_events.models import (
    InferenceFailed,
    InferenceSucceeded,
    ReconstructionCompleted,
    ReconstructionFailed,
    ReconstructionRetryScheduled,
)

from gen3d_reconstruction.attempts import MAX_ATTEMPTS


@consumes(InferenceSucceeded, InferenceFailed, failed=ReconstructionFailed, once=endpoint.request_id)
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
    return ReconstructionFailed.because(answer.code, answer.detail, quality=request.options.quality)
