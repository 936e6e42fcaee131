"""What a server reads of an engine's process; test_lifecycle.py has a real one."""

from __future__ import annotations

import io
import logging

import pytest
from gen3d_inference.engines.output import Formatter, Line, lines, of_request

ABOUT = {"session_id": "ses_1", "job_id": "job_1"}


def test_a_torn_record_is_told_as_it_is_and_those_after_it_are_read(
    capfd: pytest.CaptureFixture[str],
) -> None:
    record = Formatter().format(logging.LogRecord("upstream", logging.ERROR, "", 1, "whole", None, None))
    with of_request(ABOUT):
        begun = capfd.readouterr().out
    ended = capfd.readouterr().out
    output = f"{begun}{record[:20]}\nno end{record}\n{record}{record}\n{ended}later\n"
    torn, *rest = lines(io.BytesIO(output.encode()))
    assert (torn.level, torn.about) == (logging.INFO, ABOUT)
    assert torn.message in record
    whole = Line(logging.ERROR, "whole", {"logger": "upstream", **ABOUT})
    assert rest == [Line(logging.INFO, "no end", ABOUT), whole, whole, whole, Line(logging.INFO, "later", {})]


@pytest.mark.parametrize("told", ["12", "{}", '{"level": 20}', "[]", "null"])
def test_json_after_our_mark_that_is_none_of_ours_is_told_as_it_is(told: str) -> None:
    record = Formatter().format(logging.LogRecord("upstream", logging.INFO, "", 1, "whole", None, None))
    mark = record.partition("{")[0]
    first, second = lines(io.BytesIO(f"{mark}{told}\n{record}\n".encode()))
    assert first == Line(logging.INFO, told, {})
    assert second.message == "whole"
