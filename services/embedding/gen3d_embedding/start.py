"""A photo was accepted: ask the endpoint to embed it."""

from __future__ import annotations

import os
from collections.abc import Iterator

from gen3d_events import endpoint, keys
from gen3d_events.consumer import consumes
from gen3d_events.event import Event
from gen3d_events.inference import InferenceRequest
from gen3d_events.models import EmbeddingFailed, EmbeddingStarted, ImageUploaded


@consumes(ImageUploaded, failed=EmbeddingFailed)
def handler(event: ImageUploaded) -> Iterator[Event]:
    request = request_for(event, os.environ["DATA_BUCKET"])
    due_at = endpoint.ask(request)
    yield EmbeddingStarted(inference_id=request.inference_id, attempt=request.attempt, due_at=due_at)


def request_for(event: ImageUploaded, bucket: str) -> InferenceRequest:
    """What the endpoint is asked. The photo stays in S3; the request names it."""
    about = event.metadata
    return InferenceRequest(
        task="embed",
        inference_id=f"emb-{about.session_id}-1",
        metadata=about,
        requested_at=about.occurred_at,
        bucket=bucket,
        photo=event.photo,
        output_prefix=f"{keys.session_prefix(about.user_id, about.session_id)}embedding/",
    )
