"""One attempt at a reconstruction, whether the first or a repeated one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime

from gen3d_events import endpoint, keys
from gen3d_events.event import Event
from gen3d_events.inference import InferenceRequest
from gen3d_events.models import (
    Quality,
    ReconstructionFailed,
    ReconstructionRequested,
    ReconstructionRetryScheduled,
    ReconstructionStarted,
)

MAX_ATTEMPTS = 3


def attempt(event: ReconstructionRequested | ReconstructionRetryScheduled, number: int) -> Iterator[Event]:
    """Ask the endpoint, and say that it took the request."""
    request = request_for(event, number, os.environ["DATA_BUCKET"])
    due_at = endpoint.ask(request)
    yield ReconstructionStarted(inference_id=request.inference_id, attempt=number, due_at=due_at)


def given_up(
    event: ReconstructionRequested | ReconstructionRetryScheduled, code: str, detail: str
) -> ReconstructionFailed:
    """What is told of an attempt that could not be asked for."""
    return failure(code, detail, event.options.quality)


def failure(code: str, detail: str, quality: Quality | None) -> ReconstructionFailed:
    """A final one. What failed named no engine, so it counts for the one that the stack is set up with."""
    return ReconstructionFailed.because(
        code, detail, quality=quality, reconstructor=os.environ["RECONSTRUCTOR"]
    )


def request_for(
    event: ReconstructionRequested | ReconstructionRetryScheduled, number: int, bucket: str
) -> InferenceRequest:
    """What the endpoint is asked. Raises ValueError for an event that is about no job."""
    about = event.metadata
    if about.job_id is None:
        raise ValueError(f"{event.detail_type} is about no job")
    return InferenceRequest(
        task="reconstruct",
        inference_id=f"rec-{about.job_id}-{number}",
        attempt=number,
        metadata=about,
        requested_at=_requested_at(event),
        bucket=bucket,
        photo=event.photo,
        mask=event.mask,
        options=event.options,
        output_prefix=keys.job_prefix(about.user_id, about.session_id, about.job_id),
    )


def _requested_at(event: ReconstructionRequested | ReconstructionRetryScheduled) -> datetime | None:
    """When the first attempt was asked for."""
    return event.requested_at if isinstance(event, ReconstructionRetryScheduled) else event.occurred_at
