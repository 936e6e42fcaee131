"""Looking again until something has happened."""

from __future__ import annotations

import time
from collections.abc import Iterator

from gen3d.errors import DeadlineExceeded

DEFAULT_WAIT_SECONDS = 3600.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.2, 1.0


def polls(timeout: float, overdue: str) -> Iterator[None]:
    """Turns of a polling loop: at once, then with growing pauses; raises DeadlineExceeded at the end."""
    deadline = time.monotonic() + timeout
    pause = _FIRST_PAUSE_SECONDS
    while True:
        yield
        left = deadline - time.monotonic()
        if left <= 0:
            raise DeadlineExceeded(overdue, "It goes on without you; look again later.")
        time.sleep(min(pause, left))
        pause = min(pause * 1.15, _LONGEST_PAUSE_SECONDS)
