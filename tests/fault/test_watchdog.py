"""What stays silent is timed out, and a late result still wins; on a cloud with short deadlines.

SageMaker lets no request live for less than a minute, so that is what these tests wait, once for all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest
from gen3d import Gen3D, Job, Session
from gen3d_events.codes import codes
from gen3d_local.cloud import Options, running_cloud
from gen3d_local.state import free_port

from tests.fault.conftest import FAST
from tests.fault.system import System
from tests.flow.helpers import SECONDS, eventually
from tests.flow.tap import Tap, judge

DEADLINES = {"RequestTtlSeconds": "60", "InvocationTimeoutSeconds": "5", "OverdueAfterSeconds": "0"}


class Overdue(NamedTuple):
    """Of each stage one that is never answered and one that is answered in the end; all were timed out."""

    system: System
    tap: Tap
    silent_session: Session
    late_session: Session
    silent_job: Job
    late_job: Job


@pytest.fixture(scope="module")
def overdue(tmp_path_factory: pytest.TempPathFactory, photo: Path, mask: Path) -> Iterator[Overdue]:
    options = Options(front_port=free_port(), parameters=DEADLINES)
    with (
        running_cloud(tmp_path_factory.mktemp("hasty"), options) as cloud,
        Gen3D(f"{cloud.url}/api", cloud.user.email, cloud.user.password) as gen3d,
    ):
        system, tap = System(cloud), Tap(cloud)
        ready = gen3d.create_session(photo).wait_ready(SECONDS)

        def ask(kind: str) -> tuple[Session, Job]:
            cloud.misbehave(kind, times=2)
            session, job = gen3d.create_session(photo), ready.create_job(mask, FAST)
            eventually(lambda: session.refresh().events.get("embedding_started"))
            eventually(lambda: job.refresh().events.get("reconstruction_started"))
            return session, job

        (silent_session, silent_job), (late_session, late_job) = ask("silent"), ask("late")
        assert system.look()["told"] == 0, "nothing is overdue yet"
        due_at = max(
            late_session.events["embedding_started"]["due_at"],
            late_job.events["reconstruction_started"]["due_at"],
        )
        eventually(lambda: datetime.now(UTC) > datetime.fromisoformat(due_at), 120)
        system.look()

        def timed_out() -> bool:
            waited = (silent_session, late_session, silent_job, late_job)
            return all(it.refresh().state == "timed_out" for it in waited)

        eventually(timed_out)
        yield Overdue(system, tap, silent_session, late_session, silent_job, late_job)


def test_an_overdue_embedding_times_out(overdue: Overdue) -> None:
    session = overdue.silent_session.refresh()
    assert session.problem is not None
    assert (session.state, session.problem["code"]) == ("timed_out", "embedding_timed_out")
    told = overdue.tap.story(session.id, {"User Notified": 2})  # the person, and the operator
    judge(told)
    assert Counter(event.detail_type for event in told)["Embedding Timed Out"] == 1
    written = codes["embedding_timed_out"].message
    assert any(written in mail.text for mail in overdue.system.cloud.mails())


def test_an_overdue_job_times_out(overdue: Overdue) -> None:
    job = overdue.silent_job.refresh()
    assert job.problem is not None
    assert (job.state, job.problem["code"]) == ("timed_out", "job_timed_out")
    (mail,) = eventually(lambda: overdue.system.mails(job))
    assert codes["job_timed_out"].message in mail.text


def test_what_was_told_is_not_told_again(overdue: Overdue) -> None:
    overdue.system.rested(late=2)
    assert overdue.system.look()["told"] == 0
    told = Counter(event.detail_type for event in overdue.tap.heard(overdue.silent_job.session_id))
    assert told["Job Timed Out"] == 2  # the silent and the late one


def test_a_late_result_still_wins(overdue: Overdue) -> None:
    overdue.system.cloud.behave()
    eventually(lambda: overdue.late_session.refresh().state == "ready")
    job = overdue.late_job
    eventually(lambda: job.refresh().state == "completed")
    # Its person was told of the time-out, and now of the mesh.
    overdue.system.settled(job, mails=2)
    assert job.problem is None
    told = overdue.tap.heard(overdue.late_session.id)
    judge(told)
    assert Counter(event.detail_type for event in told)["Embedding Completed"] == 1
    assert overdue.silent_session.refresh().state == "timed_out"
    assert overdue.silent_job.refresh().state == "timed_out"
