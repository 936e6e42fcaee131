"""The SageMaker stand-in goes wrong when it is told to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from gen3d_events.notices import InferenceNotice
from gen3d_local.children import poll

from tests.unit.local.stand import SECONDS, Stand


@pytest.mark.parametrize(
    ("order", "statuses"),
    [
        ({"kind": "slow", "seconds": 0.1}, ["Completed"]),
        ({"kind": "doubled"}, ["Completed", "Completed"]),
        ({"kind": "success-after-failure", "seconds": 0.1}, ["Failed", "Completed"]),
        ({"kind": "failure-after-success", "seconds": 0.1}, ["Completed", "Failed"]),
        ({"kind": "expired"}, ["Expired"]),
        ({"kind": "fail"}, ["Failed"]),
        ({"kind": "killed"}, ["Failed"]),
        ({"kind": "silent"}, []),
    ],
)
def test_misbehaves_once_as_ordered(stand: Stand, order: dict[str, Any], statuses: list[str]) -> None:
    assert stand.misbehave(**order).status_code == 200
    stand.invoke({"do": "echo"}, InferenceId="ordered")
    stand.invoke({"do": "echo"}, InferenceId="next")

    heard = [(one["inferenceId"], one["invocationStatus"]) for one in stand.heard(len(statuses) + 1)]
    assert heard == [*(("ordered", status) for status in statuses), ("next", "Completed")]


@pytest.mark.parametrize("place", ["response", "top", "nowhere"])
def test_a_failure_names_its_code_in_one_place(stand: Stand, place: str) -> None:
    stand.misbehave(kind="fail", code="inference_out_of_memory", failure_location=place)
    accepted = stand.invoke({"do": "echo"})
    [message] = stand.heard()

    notice = InferenceNotice.model_validate(message)
    assert ("failureLocation" in message) == (place == "top")
    assert ("responseParameters" in message) == (place == "response")
    if place == "nowhere":
        assert notice.failure_location is None
        assert "inference_out_of_memory" in message["failureReason"]
    else:
        assert notice.failure_location == accepted["FailureLocation"]
        assert stand.read(accepted["FailureLocation"])["code"] == "inference_out_of_memory"
        assert "inference_out_of_memory" not in message["failureReason"]


def test_a_late_request_holds_nobody_up_and_is_answered_in_the_end(stand: Stand) -> None:
    stand.misbehave(kind="late")
    stand.invoke({"do": "echo"}, InferenceId="late")
    stand.invoke({"do": "echo"}, InferenceId="next")
    assert [message["inferenceId"] for message in stand.heard()] == ["next"]
    stand.restart()
    assert stand.misbehave("DELETE").json() == []

    [message] = stand.heard()
    assert (message["inferenceId"], message["invocationStatus"]) == ("late", "Completed")


def test_what_is_computed_and_untold_is_answered_with_what_was_computed(stand: Stand, tmp_path: Path) -> None:
    stand.misbehave(kind="untold")
    begun = tmp_path / "begun"
    (tmp_path / "until").touch()
    document = {"do": "sleep", "begun": str(begun), "until": str(tmp_path / "until")}
    accepted = stand.invoke(document, InferenceId="untold")
    assert poll(begun.exists, SECONDS)
    stand.invoke({"do": "echo"}, InferenceId="next")
    assert [message["inferenceId"] for message in stand.heard()] == ["next"]
    begun.unlink()
    stand.misbehave("DELETE")

    [message] = stand.heard()
    assert (message["inferenceId"], message["invocationStatus"]) == ("untold", "Completed")
    assert stand.read(accepted["OutputLocation"])["echo"] == document
    assert not begun.exists(), "it was computed once"


@pytest.mark.parametrize(
    ("kind", "error", "status"), [("refused", "ValidationError", 400), ("busy", "ServiceUnavailable", 503)]
)
def test_what_is_refused_at_once_is_not_accepted(stand: Stand, kind: str, error: str, status: int) -> None:
    stand.misbehave(kind=kind, times=3)  # a client asks a busy endpoint three times
    with pytest.raises(ClientError) as refusal:
        stand.invoke({"do": "echo"}, InferenceId="refused")
    assert refusal.value.response["Error"]["Code"] == error
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    stand.misbehave("DELETE")
    stand.invoke({"do": "echo"}, InferenceId="next")
    assert [message["inferenceId"] for message in stand.heard()] == ["next"]


def test_an_order_may_be_for_some_requests_only(stand: Stand) -> None:
    stand.misbehave(kind="expired", task="reconstruct")
    stand.misbehave(kind="fail", inference_id="emb-2", times=2)
    for name in ("emb-1", "emb-2", "rec-1", "rec-2"):
        stand.invoke({"do": "echo"}, InferenceId=name)

    heard = {one["inferenceId"]: one["invocationStatus"] for one in stand.heard(4)}
    assert heard == {"emb-1": "Completed", "emb-2": "Failed", "rec-1": "Expired", "rec-2": "Completed"}
    (left,) = stand.misbehave("GET").json()
    assert (left["kind"], left["times"]) == ("fail", 1)
    stand.misbehave("DELETE")


def test_orders_want_the_token_and_a_known_form(stand: Stand) -> None:
    assert stand.misbehave(token="guessed", kind="silent").status_code == 403
    for order in (
        {"kind": "unheard-of"},
        {"kind": "fail", "code": "unheard_of"},
        {"kind": "fail", "code": "link_expired"},
        {"kind": "slow", "times": 0},
    ):
        answer = stand.misbehave(**order)
        assert answer.status_code == 400
        assert "\n" not in answer.text
        assert "pydantic" not in answer.text
    refused = stand.misbehave(kind="fail", code="link_expired").text
    assert refused == "code: link_expired is no code of docs/errors.md with which a request can fail"
    assert stand.misbehave("GET").json() == []
