"""What stays silent is timed out, and a late result still wins; on a cloud with short deadlines.

SageMaker lets no request live for less than a minute: it passes while other tests run (see conftest.py).
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest
from gen3d_events.codes import codes

from tests.fault.conftest import Asked
from tests.tap import judge
from tests.waiting import SECONDS, eventually


@pytest.fixture(scope="module")
def overdue(asked: Asked) -> Asked:
    """What was asked, once all of it was timed out."""
    due_at = max(
        asked.late_session.events["embedding_started"]["due_at"],
        asked.late_job.events["reconstruction_started"]["due_at"],
    )
    eventually(lambda: datetime.now(UTC) > datetime.fromisoformat(due_at), 120)
    asked.system.look()

    def timed_out() -> bool:
        waited = (asked.silent_session, asked.late_session, asked.silent_job, asked.late_job)
        return all(it.refresh().state == "timed_out" for it in waited)

    eventually(timed_out)
    return asked


def test_an_overdue_embedding_times_out(overdue: Asked) -> None:
    session = overdue.silent_session.refresh()
    assert session.problem is not None
    assert (session.state, session.problem["code"]) == ("timed_out", "embedding_timed_out")
    told = overdue.tap.story(session.id, {"User Notified": 2})  # the person, and the operator
    judge(told)
    assert Counter(event.detail_type for event in told)["Embedding Timed Out"] == 1
    (mail,) = overdue.system.mails(session)
    assert codes["embedding_timed_out"].message in mail.text


def test_an_overdue_job_times_out(overdue: Asked) -> None:
    job = overdue.silent_job.refresh()
    assert job.problem is not None
    assert (job.state, job.problem["code"]) == ("timed_out", "job_timed_out")
    (mail,) = eventually(lambda: overdue.system.mails(job))
    assert codes["job_timed_out"].message in mail.text


def test_what_was_told_is_not_told_again(overdue: Asked) -> None:
    overdue.system.rested(late=2)
    assert overdue.system.look()["told"] == 0
    told = Counter(event.detail_type for event in overdue.tap.heard(overdue.silent_job.session_id))
    assert told["Job Timed Out"] == 2  # the silent and the late one


def test_a_late_result_still_wins(overdue: Asked) -> None:
    overdue.system.cloud.behave()
    eventually(lambda: overdue.late_session.refresh().state == "ready")
    job = overdue.late_job
    # All from cold starts, and the first mesh of this cloud: on a busy machine that takes its time.
    eventually(lambda: job.refresh().state == "completed", 2 * SECONDS)
    # Its person was told of the time-out, and now of the mesh.
    overdue.system.settled(job, mails=2)
    assert job.problem is None
    told = overdue.tap.heard(overdue.late_session.id)
    judge(told)
    assert Counter(event.detail_type for event in told)["Embedding Completed"] == 1
    assert overdue.silent_session.refresh().state == "timed_out"
    assert overdue.silent_job.refresh().state == "timed_out"
