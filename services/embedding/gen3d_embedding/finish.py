"""The endpoint answered an embedding request: say what came of it."""

from __future__ import annotations

from collections.abc import Iterator

from gen3d_events import endpoint
from gen3d_events.consumer import consumes
from gen3d_events.event import Event
from gen3d_events.inference import EmbedReply, InferenceRequest
from gen3d_events.inference_failure import InferenceFailure
from gen3d_events.models import EmbeddingCompleted, EmbeddingFailed, InferenceFailed, InferenceSucceeded


@consumes(InferenceSucceeded, InferenceFailed, failed=EmbeddingFailed, once=endpoint.request_id)
def handler(event: InferenceSucceeded | InferenceFailed) -> Iterator[Event]:
    yield outcome(endpoint.request_behind(event), endpoint.answer(event, EmbedReply))


def outcome(
    request: InferenceRequest, answer: EmbedReply | InferenceFailure
) -> EmbeddingCompleted | EmbeddingFailed:
    """The event that an answer amounts to. An embedding is not retried: the person uploads again or waits."""
    if isinstance(answer, InferenceFailure):
        return EmbeddingFailed.because(answer.code, answer.detail)
    return EmbeddingCompleted(
        manifest_key=answer.manifest_key,
        embedding_key=answer.embedding_key,
        bytes=answer.bytes,
        engine=answer.engine,
        seconds=answer.seconds,
        requested_at=request.requested_at,
    )
