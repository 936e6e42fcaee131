"""What an engine's process writes: read by its server, line by line, and told in the server's own log.

A line is what a library printed, or a mark and JSON: a record of Python's log, or the request that the lines
after it belong to. So every line is told with its request, whatever wrote it, and also the last ones of a
process that crashes. The engine's environment needs no package for that.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

_MARK = "\x1egen3d:"
"""ASCII's record separator and our name, so that nobody else prints it."""
_STDOUT = 1


class Line(NamedTuple):
    """A line to log. about: the keys by which a request is followed, none between requests; and of a record
    of Python's log its logger and its exception."""

    level: int
    message: str
    about: dict[str, str]


class Formatter(logging.Formatter):
    """A record of Python's log as one line, its traceback included."""

    def format(self, record: logging.LogRecord) -> str:
        about = {"logger": record.name}
        if record.exc_info and record.exc_info[0]:
            about["exception"] = self.formatException(record.exc_info)
            about["exception_name"] = record.exc_info[0].__name__
        told = {"level": record.levelno, "message": record.getMessage(), "about": about}
        return f"{_MARK}{json.dumps(told)}"


@contextmanager
def of_request(about: Mapping[str, str]) -> Iterator[None]:
    """In the process: what is written within belongs to a request."""
    _write({"request": dict(about)})
    try:
        yield
    finally:
        _write({"request": {}})


def _write(told: Mapping[str, Any]) -> None:
    # Not by sys.stdout, which a library may have replaced. Python buffers nothing there (-u).
    os.write(_STDOUT, f"{_MARK}{json.dumps(told)}\n".encode())


def lines(output: Iterable[bytes]) -> Iterator[Line]:
    """In the server: what a process has written, as it comes."""
    request: dict[str, str] = {}
    for line in output:
        # What we write may begin in the line of a library that has not ended its own.
        printed, *ours = line.decode(errors="replace").split(_MARK)
        # A bar of progress is written over itself.
        if shown := printed.rstrip().rpartition("\r")[2]:
            yield Line(logging.INFO, shown, request)
        for text in ours:
            try:
                told = json.loads(text)
                if "request" in told:
                    request = told["request"]
                else:
                    yield Line(told["level"], told["message"], {**told["about"], **request})
            except (
                ValueError,
                TypeError,
                KeyError,
            ):  # torn by another thread's line, or by the process's end
                yield Line(logging.INFO, text.rstrip(), request)
