"""A mask was accepted: ask the endpoint to reconstruct its object."""

from __future__ import annotations

from collections.abc import Iterator

from gen3d_events.consumer import consumes
from gen3d_events.event import Event
from gen3d_events.models import ReconstructionRequested

from gen3d_reconstruction.attempts import attempt, given_up


@consumes(ReconstructionRequested, failed=given_up)
def handler(event: ReconstructionRequested) -> Iterator[Event]:
    yield from attempt(event, 1)
