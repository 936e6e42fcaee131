"""What fault tests stand on: the shared cloud and a session for many jobs; a cloud with short deadlines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest
from gen3d import Gen3D, Job, JobOptions, Quality, Session
from gen3d.errors import Failed
from gen3d_local.cloud import Options, running_cloud
from gen3d_local.state import free_port

from tests.consumers import System
from tests.tap import Tap
from tests.waiting import SECONDS, eventually

FAST = JobOptions(quality=Quality.FAST, texture=None)
DEADLINES = {"RequestTtlSeconds": "60", "InvocationTimeoutSeconds": "30", "OverdueAfterSeconds": "0"}


class Asked(NamedTuple):
    """On a cloud with short deadlines, of each stage: one never answered, and one answered late."""

    system: System
    tap: Tap
    silent_session: Session
    late_session: Session
    silent_job: Job
    late_job: Job


@pytest.fixture(scope="session")
def asked(tmp_path_factory: pytest.TempPathFactory, photo: Path, mask: Path) -> Iterator[Asked]:
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
        yield Asked(system, tap, silent_session, late_session, silent_job, late_job)


@pytest.fixture(scope="session", autouse=True)
def asked_early(request: pytest.FixtureRequest) -> None:
    """If the watchdog is tested at all, its minute passes while the other tests run."""
    if any("asked" in getattr(item, "fixturenames", ()) for item in request.session.items):
        request.getfixturevalue("asked")


@pytest.fixture(autouse=True)
def well_behaved(request: pytest.FixtureRequest) -> Iterator[None]:
    """No test leaves the endpoint misbehaving, or dead letters."""
    yield
    if "cloud" in request.fixturenames:
        request.getfixturevalue("cloud").behave()
        request.getfixturevalue("system").bury()


@pytest.fixture(scope="session")
def session(gen3d: Gen3D, photo: Path) -> Session:
    """A session that is ready for jobs."""
    return gen3d.create_session(photo).wait_ready(SECONDS)


@pytest.fixture
def job(session: Session, mask: Path) -> Callable[[], Job]:
    """Makes another job of the session and waits until it has ended, well or not."""

    def make() -> Job:
        made = session.create_job(mask, FAST)
        with suppress(Failed):
            made.wait(SECONDS)
        return made

    return make
