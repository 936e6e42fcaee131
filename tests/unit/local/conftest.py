"""An engine of its own for these tests: the same process as in the laptop cloud, in a temporary folder."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from gen3d_local import aws
from gen3d_local.processes import Processes
from gen3d_local.state import Ports, State, free_port

from tests.unit.local.stand import Stand


@pytest.fixture(scope="session")
def state(tmp_path_factory: pytest.TempPathFactory) -> State:
    """The engine's state folder."""
    return State(tmp_path_factory.mktemp("engine"))


@pytest.fixture(scope="session")
def ports() -> Ports:
    return Ports(free_port(), free_port(), free_port())


@pytest.fixture(scope="session")
def site(ports: Ports) -> str:
    """The site's origin, where nobody answers."""
    return f"http://127.0.0.1:{ports.front}"


@pytest.fixture(scope="session")
def engine(state: State, ports: Ports) -> Iterator[str]:
    """The engine's URL. Permissions are enforced; the root user may do everything."""
    lock = state.lock()
    assert lock is not None
    state.prepare()
    processes = Processes(state, ports, lock, server="none")
    try:
        processes.launch("engine")
        processes.wait("engine")
        yield processes.url("engine")
    finally:
        processes.stop()
        os.close(lock)


@pytest.fixture(scope="session")
def role(engine: str) -> str:
    """A role that may use the bucket `inference`, the topics and nothing else, as an endpoint's role may."""
    iam = aws.client("iam", engine)
    arn: str = iam.create_role(
        RoleName="endpoint-of-the-tests",
        AssumeRolePolicyDocument=_policy(
            {
                "Effect": "Allow",
                "Principal": {"Service": "sagemaker.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ),
    )["Role"]["Arn"]
    iam.put_role_policy(
        RoleName="endpoint-of-the-tests",
        PolicyName="endpoint",
        PolicyDocument=_policy(
            {
                "Effect": "Allow",
                "Action": ["s3:GetObject", "s3:PutObject"],
                "Resource": "arn:aws:s3:::inference/*",
            },
            {"Effect": "Allow", "Action": "sns:Publish", "Resource": "*"},
        ),
    )
    return arn


@pytest.fixture(scope="module")
def kept(engine: str, role: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    state = State(tmp_path_factory.mktemp("endpoint"))
    state.prepare()
    made = Stand(engine, role, state)
    yield made
    made.child.stop()


@pytest.fixture
def stand(kept: Stand) -> Iterator[Stand]:
    kept.asked.clear()
    yield kept
    kept.misbehave("DELETE")
    kept.deploy(SETTING="as deployed")


def _policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
