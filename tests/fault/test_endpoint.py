"""The endpoint misbehaves, and each job still comes to its one end, which its person is told once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from gen3d import Gen3D, Job, Session
from gen3d.errors import Failed, SessionFailed
from gen3d_events.codes import codes
from gen3d_events.event import Event
from gen3d_events.models import ReconstructionCompleted
from gen3d_local.cloud import Cloud
from gen3d_local.misbehaviour import KINDS

from tests.consumers import System
from tests.fault.conftest import FAST
from tests.fault.deliveries import Foreign
from tests.flow.test_observability import lines
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


@pytest.fixture
def failing(gen3d: Gen3D, system: System, session: Session, mask: Path) -> Callable[[int], dict[str, Job]]:
    """Makes a job of each transient code, all at the same time, whose first attempts fail with it; they have
    ended."""

    def make(times: int) -> dict[str, Job]:
        made: dict[str, Job] = {}
        for code in TRANSIENT:
            asked = gen3d.api.post(f"/sessions/{session.id}/jobs", {"options": FAST.model_dump(mode="json")})
            system.cloud.misbehave("fail", code=code, times=times, inference_id=f"rec-{asked['job_id']}")
            gen3d.upload(asked["upload"], mask.name, mask.read_bytes())
            made[code] = gen3d.job(asked["job_id"])
        for job in made.values():
            with suppress(Failed):
                job.wait(SECONDS)
        system.settled(*made.values())
        return made

    return make


def test_a_passing_failure_is_repeated(tap: Tap, failing: Callable[[int], dict[str, Job]]) -> None:
    made = failing(1)
    assert list(made) == TRANSIENT
    for code, job in made.items():
        assert job.state == "completed"
        told = story(tap, job)
        assert codes_of(told, "Reconstruction Retry Scheduled") == [code]
        assert counts(told)["Reconstruction Started"] == 2
        assert counts(told)["Mesh Completed"] == counts(told)["User Notified"] == 1


def test_the_third_failure_is_final(
    system: System, tap: Tap, failing: Callable[[int], dict[str, Job]]
) -> None:
    made = failing(4)
    assert list(made) == TRANSIENT
    for code, job in made.items():
        assert job.problem is not None
        assert (job.state, job.problem["code"]) == ("failed", code)
        told = story(tap, job)
        assert counts(told)["Reconstruction Started"] == counts(told)["Inference Failed"] == 3
        assert [event.model_dump()["attempt"] for event in told if "Retry" in event.detail_type] == [2, 3]
        assert codes_of(told, "Reconstruction Failed") == [code]
        assert codes[code].message in system.mails(job)[0].text


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
    """With each code that a reconstruction is repeated for one session, all at the same time."""
    sessions: dict[str, Session] = {}
    for code in TRANSIENT:
        asked = gen3d.api.post("/sessions", {})
        cloud.misbehave("fail", code=code, times=2, inference_id=f"emb-{asked['session_id']}")
        gen3d.upload(asked["upload"], photo.name, photo.read_bytes())
        sessions[code] = gen3d.session(asked["session_id"])
    for code, session in sessions.items():
        with pytest.raises(SessionFailed) as failed:
            session.wait_ready(SECONDS)
        assert failed.value.code == code
    system.settled()
    for code, session in sessions.items():
        told = tap.heard(session.id)
        assert counts(told)["Embedding Started"] == counts(told)["Inference Failed"] == 1
        assert codes_of(told, "Embedding Failed") == [code]
        (mail,) = system.mails(session)
        assert codes[code].message in mail.text


@pytest.fixture(scope="module")
def foreign(system: System) -> Foreign:
    """Hears what the endpoint says."""
    return Foreign(system)


def waited(notice: dict[str, Any]) -> timedelta:
    """From the endpoint's taking the request to its saying this of it."""
    return datetime.fromisoformat(notice["eventTime"]) - datetime.fromisoformat(notice["receivedTime"])


ENDS: dict[str, tuple[dict[str, Any], list[str], tuple[str, str | None]]] = {
    "slow": ({"seconds": 2}, ["Completed"], ("completed", None)),
    "doubled": ({}, ["Completed", "Completed"], ("completed", None)),
    "failure-after-success": ({"seconds": 3}, ["Completed", "Failed"], ("completed", None)),
    "success-after-failure": (
        {"seconds": 3, "code": "inference_failed"},
        ["Failed", "Completed"],
        ("failed", "inference_failed"),
    ),
    "refused": ({}, [], ("failed", "endpoint_unavailable")),
}
"""By kind of misbehaviour: more of its order, what the endpoint then says, and the job's state and code."""


@pytest.mark.parametrize("kind", ENDS)
def test_one_end(system: System, tap: Tap, foreign: Foreign, job: Run, kind: str) -> None:
    order, said, end = ENDS[kind]
    system.cloud.misbehave(kind, **order, task="reconstruct")
    made = job()
    system.settled(made)
    assert (made.state, (made.problem or {}).get("code")) == end
    events = story(tap, made)
    told = counts(events)
    assert told["Reconstruction Completed"] + told["Reconstruction Failed"] == 1
    assert told["Mesh Completed"] == (made.state == "completed")
    assert told["Reconstruction Started"] == bool(said)
    assert "Reconstruction Retry Scheduled" not in told
    # The order was carried out. What was said twice alike is told once, what contradicts itself both times.
    notices = foreign.notices(f"rec-{made.id}-1")
    assert [one["invocationStatus"] for one in notices] == said
    assert (told["Inference Succeeded"], told["Inference Failed"]) == ("Completed" in said, "Failed" in said)
    computed = sum(event.seconds for event in events if isinstance(event, ReconstructionCompleted))
    for last in notices[-1:]:
        assert waited(last) >= timedelta(seconds=computed + order.get("seconds", 0))


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
    """The client of a function asks four times; then the message comes back, once."""
    cloud.misbehave("busy", times=5, task="reconstruct")
    made = job()
    system.settled(made)
    assert made.state == "completed"
    assert counts(story(tap, made))["Reconstruction Started"] == 1
    logged = lines(cloud, "ReconstructionStart", made.session_id)
    failed = [line for line in logged if line.get("job_id") == made.id and line["message"] == "failed"]
    assert [(line["receives"], line["last"]) for line in failed] == [(1, False)]


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
