"""How the engine has ministack take batches from a queue."""

from __future__ import annotations

from types import SimpleNamespace
from unittest.mock import create_autospec

import pytest
from gen3d_local import engine
from ministack.services import lambda_svc


@pytest.mark.parametrize(
    ("batch_size", "messages", "seconds", "rests"),
    [(10, 10, 0.02, []), (1, 1, 0.02, []), (10, 9, 0.02, [0.06]), (10, 1, 8.0, [0.25])],
    ids=["full", "cannot grow", "short", "short and slow"],
)
def test_a_queue_rests_after_a_batch_that_could_have_been_fuller(
    monkeypatch: pytest.MonkeyPatch, batch_size: int, messages: int, seconds: float, rests: list[float]
) -> None:
    now, slept = [0.0], list[float]()
    monkeypatch.setattr(engine, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=slept.append))

    def take(*_: object) -> None:
        assert slept == []
        now[0] += seconds

    run = create_autospec(lambda_svc._run_sqs_batch, side_effect=take)
    mapping, batch = {"BatchSize": batch_size}, ["message"] * messages
    engine._with_rest(run)(mapping, "function", {"Records": []}, batch, "url", "name")
    run.assert_called_once_with(mapping, "function", {"Records": []}, batch, "url", "name")
    assert slept == pytest.approx(rests)


def test_ministack_asks_what_the_engine_puts_in_place() -> None:
    assert {"_run_sqs_batch", "_sqs_esm_concurrency"} <= {*lambda_svc._poll_sqs.__code__.co_names}
    assert "_ESM_IDLE_WAKE_GAP_SECONDS" in lambda_svc._poll_loop.__code__.co_names
