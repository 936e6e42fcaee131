"""What fault tests stand on: the shared cloud, its consumers, and one session with many jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from gen3d import Gen3D, Job, JobOptions, Quality, Session
from gen3d.errors import Failed
from gen3d_local.cloud import Cloud

from tests.fault.system import System
from tests.flow.helpers import SECONDS

FAST = JobOptions(quality=Quality.FAST)


@pytest.fixture(scope="session")
def system(cloud: Cloud) -> System:
    return System(cloud)


@pytest.fixture(autouse=True)
def well_behaved(request: pytest.FixtureRequest) -> Iterator[None]:
    """No test leaves the endpoint misbehaving."""
    yield
    if "cloud" in request.fixturenames:
        request.getfixturevalue("cloud").behave()


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
