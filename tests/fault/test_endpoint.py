"""The endpoint misbehaves, and each job still comes to its one end, which its person is told once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from gen3d import Gen3D, Job, Session
from gen3d.errors import SessionFailed
from gen3d_events.codes import codes
from gen3d_events.event import Event
from gen3d_local.cloud import Cloud
from gen3d_local.misbehaviour import KINDS

from tests.consumers import System
from tests.tap import Tap, judge
from tests.waiting import SECONDS

Run = Callable[[], Job]

ENDPOINT_CODES = (
    "inference_out_of_memory",
    "inference_storage_failed",
    "inference_input_missing",
    "inference_timed_out",
    "inference_unavailable",
    "inference_expired",
    "inference_failed",
    "inference_request_invalid",
    "model_unavailable",
    "surface_missing",  # for an error of the person's
)
TRANSIENT = [code for code in ENDPOINT_CODES if codes[code].error_class == "transient"]
FINAL = [code for code in ENDPOINT_CODES if codes[code].error_class != "transient"]


def story(tap: Tap, job: Job) -> list[Event]:
    """The job's events, once it has settled."""
    told = [event for event in tap.heard(job.session_id) if event.metadata.job_id == job.id]
    judge(told)
    return told


def counts(events: list[Event]) -> Counter[str]:
    return Counter(event.detail_type for event in events)


def codes_of(events: list[Event], detail_type: str) -> list[str]:
    return [event.model_dump()["code"] for event in events if event.detail_type == detail_type]


def test_the_table_has_both_kinds() -> None:
    transient = {name for name, code in codes.items() if code.error_class == "transient"}
    assert set(TRANSIENT) == {name for name in transient if codes[name].http_status is None}
    assert {codes[code].error_class for code in FINAL} == {"user", "system"}


@pytest.mark.parametrize("code", TRANSIENT)
def test_a_passing_failure_is_repeated(cloud: Cloud, system: System, tap: Tap, job: Run, code: str) -> None:
    cloud.misbehave("fail", code=code)
    made = job()
    system.settled(made)
    assert made.state == "completed"
    told = story(tap, made)
    assert codes_of(told, "Reconstruction Retry Scheduled") == [code]
    assert counts(told)["Reconstruction Started"] == 2
    assert counts(told)["Mesh Completed"] == counts(told)["User Notified"] == 1


def test_the_third_failure_is_final(cloud: Cloud, system: System, tap: Tap, job: Run) -> None:
    cloud.misbehave("fail", code="inference_out_of_memory", times=4)
    made = job()
    system.settled(made)
    assert made.problem is not None
    assert (made.state, made.problem["code"]) == ("failed", "inference_out_of_memory")
    told = story(tap, made)
    assert counts(told)["Reconstruction Started"] == counts(told)["Inference Failed"] == 3
    assert [event.model_dump()["attempt"] for event in told if "Retry" in event.detail_type] == [2, 3]
    assert counts(told)["Reconstruction Failed"] == 1


@pytest.mark.parametrize("code", FINAL)
def test_any_other_failure_is_final_at_once(
    cloud: Cloud, system: System, tap: Tap, job: Run, code: str
) -> None:
    cloud.misbehave("fail", code=code)
    made = job()
    system.settled(made)
    assert made.problem is not None
    assert (made.state, made.problem["code"]) == ("failed", code)
    told = story(tap, made)
    assert counts(told)["Reconstruction Started"] == 1
    assert "Reconstruction Retry Scheduled" not in counts(told)
    assert codes[code].message in system.mails(made)[0].text


@pytest.mark.parametrize("place", ["response", "top", "nowhere"])
def test_the_failure_is_known_wherever_it_is_named(
    cloud: Cloud, system: System, job: Run, place: str
) -> None:
    cloud.misbehave("fail", code="model_unavailable", failure_location=place)
    made = job()
    system.settled(made)
    assert made.problem is not None
    assert made.problem["code"] == "model_unavailable"


def test_an_embedding_is_not_repeated(
    cloud: Cloud, gen3d: Gen3D, system: System, tap: Tap, photo: Path
) -> None:
    cloud.misbehave("fail", code="inference_out_of_memory", task="embed")
    session = gen3d.create_session(photo)
    with pytest.raises(SessionFailed) as failed:
        session.wait_ready(SECONDS)
    assert failed.value.code == "inference_out_of_memory"
    system.settled()
    assert len(system.mails(session)) == 1
    assert counts(tap.heard(session.id))["Embedding Started"] == 1


@pytest.mark.parametrize(
    ("order", "end"),
    [
        ({"kind": "slow", "seconds": 1}, ("completed", None)),
        ({"kind": "doubled"}, ("completed", None)),
        ({"kind": "failure-after-success"}, ("completed", None)),
        ({"kind": "success-after-failure", "code": "inference_failed"}, ("failed", "inference_failed")),
        ({"kind": "refused"}, ("failed", "endpoint_unavailable")),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)
def test_one_end(
    system: System, tap: Tap, job: Run, order: dict[str, str], end: tuple[str, str | None]
) -> None:
    system.cloud.misbehave(**order, task="reconstruct")
    made = job()
    system.settled(made)
    assert (made.state, (made.problem or {}).get("code")) == end
    told = counts(story(tap, made))
    assert told["Reconstruction Completed"] + told["Reconstruction Failed"] == 1
    assert told["Mesh Completed"] == (made.state == "completed")
    assert told["Reconstruction Started"] == (order["kind"] != "refused")
    assert "Reconstruction Retry Scheduled" not in told


@pytest.mark.parametrize(
    ("kind", "code"), [("expired", "inference_expired"), ("killed", "inference_unavailable")]
)
def test_a_request_that_is_lost_is_repeated(system: System, tap: Tap, job: Run, kind: str, code: str) -> None:
    system.cloud.misbehave(kind, task="reconstruct")
    made = job()
    system.settled(made)
    assert made.state == "completed"
    assert codes_of(story(tap, made), "Reconstruction Retry Scheduled") == [code]


def test_a_success_that_follows_a_passing_failure_changes_nothing(
    cloud: Cloud, system: System, tap: Tap, job: Run
) -> None:
    """The failed attempt is repeated already when it turns out to have succeeded."""
    cloud.misbehave("success-after-failure", code="inference_timed_out")
    made = job()
    system.settled(made)
    assert made.state == "completed"
    told = counts(story(tap, made))
    assert (told["Inference Succeeded"], told["Inference Failed"]) == (2, 1)
    assert told["Reconstruction Completed"] == told["Mesh Completed"] == told["User Notified"] == 1


def test_a_busy_endpoint_is_asked_again_after_a_pause(
    cloud: Cloud, system: System, tap: Tap, job: Run
) -> None:
    """The client of a function asks four times; then the message comes back."""
    cloud.misbehave("busy", times=5, task="reconstruct")
    made = job()
    system.settled(made)
    assert made.state == "completed"
    assert counts(story(tap, made))["Reconstruction Started"] == 1


def test_people_order_by_command(system: System, job: Run) -> None:
    def gen3d(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "gen3d", "misbehave", *arguments],
            env=os.environ | {"GEN3D_STATE": system.cloud.state},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert gen3d("unheard-of").returncode == gen3d("fail", "--code", "unheard_of").returncode == 2
    said = gen3d("fail", "--code", "model_unavailable", "--task", "reconstruct", "--times", "2")
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout == "Each of the next 2 requests fails with model_unavailable.\n"
    made = job()
    assert made.problem is not None
    assert made.problem["code"] == "model_unavailable"
    assert gen3d("--off").returncode == 0
    assert job().state == "completed"
    assert set(KINDS) <= set(gen3d().stdout.split())


def test_after_all_that_a_job_is_as_before(session: Session, system: System, job: Run) -> None:
    made = job()
    system.settled(made)
    assert made.state == "completed"
