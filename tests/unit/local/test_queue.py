"""The endpoint's queue on disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from gen3d_local.queue import Queue, Request
from hypothesis import given
from hypothesis import strategies as st


def request(inference_id: str) -> Request:
    return Request(
        inference_id, "s3://b/in", "s3://b/out", "s3://b/err", "application/json", "*/*", 60, 60, 1.5
    )


def waiting(folder: Path) -> list[str]:
    return [found.inference_id for _, found in Queue(folder).waiting()]


@given(ids=st.lists(st.text(min_size=1), max_size=8), answered=st.sets(st.integers(0, 7)))
def test_what_is_not_answered_waits_in_order(
    tmp_path_factory: pytest.TempPathFactory, ids: list[str], answered: set[int]
) -> None:
    folder = tmp_path_factory.mktemp("queue")
    for one in ids:
        Queue(folder).put(request(one))
    for number, (token, _) in enumerate(list(Queue(folder).waiting())):
        if number in answered:
            Queue(folder).answered(token)

    assert waiting(folder) == [one for number, one in enumerate(ids) if number not in answered]


def test_a_request_comes_back_as_it_was(tmp_path: Path) -> None:
    Queue(tmp_path).put(request("rec-1"))
    assert [found for _, found in Queue(tmp_path).waiting()] == [request("rec-1")]


def test_a_half_written_request_was_never_accepted(tmp_path: Path) -> None:
    (tmp_path / ".00000000000000000001.json.partial").write_text('{"inference')
    assert waiting(tmp_path) == []
