"""Private laptop clouds for flow and fault tests, on free ports and stopped afterwards, and their users.

A plugin, so that both folders have the same ones in one run. They start when a test first asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from gen3d import Gen3D
from gen3d_local.cloud import Cloud, Options, running_cloud
from gen3d_local.demo_scene import SCENE
from gen3d_local.state import free_port

from tests.consumers import System
from tests.tap import Tap


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """The cloud that tests share. They find their own sessions by id and leave everybody else's alone."""
    parameters = {"RetryDelaySeconds": "1", "DeletionGraceSeconds": "8", "RequestsPerMinute": "100000"}
    options = Options(front_port=free_port(), parameters=parameters)
    with running_cloud(tmp_path_factory.mktemp("cloud"), options) as made:
        yield made


@pytest.fixture(scope="session")
def cloud_without_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A cloud whose stack has no inference image, hence no endpoint, and whose people may ask as on AWS."""
    options = Options(front_port=free_port(), endpoint=False, parameters={"RequestsPerMinute": "100"})
    with running_cloud(tmp_path_factory.mktemp("no-endpoint"), options) as made:
        yield made


@pytest.fixture(scope="session")
def gen3d(cloud: Cloud) -> Iterator[Gen3D]:
    """The SDK, signed in as the demo user of the shared cloud."""
    with Gen3D(f"{cloud.url}/api", cloud.user.email, cloud.user.password) as client:
        yield client


@pytest.fixture(scope="session")
def tap(cloud: Cloud) -> Tap:
    """Hears every event of the shared cloud."""
    return Tap(cloud)


@pytest.fixture(scope="session")
def system(cloud: Cloud) -> System:
    """The consumers of the shared cloud."""
    return System(cloud)


@pytest.fixture(scope="session")
def photo() -> Path:
    return SCENE / "photo.jpg"


@pytest.fixture(scope="session")
def mask() -> Path:
    return SCENE / "mask.png"
