"""Looking again until something has happened."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Protocol

from gen3d.errors import DeadlineExceeded

DEFAULT_WAIT_SECONDS = 3600.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.2, 1.0
_LONGEST_PAUSE_WITH_NEWS_SECONDS = 5.0


class News(Protocol):
    """Ends a pause early when something has happened; told: whether it would have known."""

    told: bool

    def wait(self, seconds: float) -> bool: ...


def polls(timeout: float, overdue: str, news: News) -> Iterator[None]:
    """Turns of a polling loop: at once, then with growing pauses, which begin anew with each piece of news,
    because the API may show it a little later. Raises DeadlineExceeded at the end."""
    deadline = time.monotonic() + timeout
    pause = _FIRST_PAUSE_SECONDS
    while True:
        yield
        left = deadline - time.monotonic()
        if left <= 0:
            raise DeadlineExceeded(overdue, "It goes on without you; look again later.")
        if news.wait(min(pause, left)):
            pause = _FIRST_PAUSE_SECONDS
        else:
            longest = _LONGEST_PAUSE_WITH_NEWS_SECONDS if news.told else _LONGEST_PAUSE_SECONDS
            pause = min(pause * 1.15, longest)
