"""A retry is due (its queue held the event back for the delay): ask the endpoint again."""

from __future__ import annotations

from collections.abc import Iterator

from gen3d_events.consumer import consumes
from gen3d_events.event import Event
from gen3d_events.models import ReconstructionRetryScheduled

from gen3d_reconstruction.attempts import attempt, given_up


@consumes(ReconstructionRetryScheduled, failed=given_up)
def handler(event: ReconstructionRetryScheduled) -> Iterator[Event]:
    yield from attempt(event, event.attempt)
