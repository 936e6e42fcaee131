"""What a function writes to its log, or the endpoint's server to its own."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aws_lambda_powertools.logging import Logger
from gen3d_events.observability import logger


@contextmanager
def logged(logger: Logger = logger) -> Iterator[list[dict[str, Any]]]:
    """The log lines that are written within, once it is left."""
    lines: list[dict[str, Any]] = []
    text = io.StringIO()
    before = logger.registered_handler.setStream(text)  # type: ignore[attr-defined]
    try:
        yield lines
    finally:
        logger.registered_handler.setStream(before)  # type: ignore[attr-defined]
        lines += map(json.loads, text.getvalue().splitlines())
