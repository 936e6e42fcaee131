"""Threads that are used again: starting one costs the engine more than most of what it has them do."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from queue import SimpleQueue
from typing import Any

logger = logging.getLogger(__name__)


class ThreadAgain:
    """As threading.Thread, always a daemon, run by a thread that has nothing to do."""

    def __init__(
        self,
        target: Callable[..., object],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        name: str | None = None,
        daemon: bool | None = None,
    ) -> None:
        self.name = name
        self._work = partial(target, *args, **kwargs or {})
        self._ended = threading.Event()

    def start(self) -> None:
        try:
            tasks = _idle.pop()
        except IndexError:
            tasks = SimpleQueue()
            threading.Thread(target=_serve, args=(tasks,), daemon=True).start()
        tasks.put(self)

    def run(self) -> None:
        try:
            self._work()
        except Exception:
            logger.exception("%s failed", self.name or "a thread")
        finally:
            self._ended.set()

    def join(self, timeout: float | None = None) -> None:
        self._ended.wait(timeout)

    def is_alive(self) -> bool:
        """Whether it has not come to its end."""
        return not self._ended.is_set()


_idle: list[SimpleQueue[ThreadAgain]] = []
"""One for each thread that waits; the last is the warmest. A list's append and pop are atomic."""


def _serve(tasks: SimpleQueue[ThreadAgain]) -> None:
    while True:
        tasks.get().run()
        _idle.append(tasks)
