"""What a function loads, and what it tells the tracer, in an interpreter of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import gen3d_events
import pytest

EVENTS = Path(gen3d_events.__file__).parents[1]
IN_LAMBDA = {"AWS_LAMBDA_FUNCTION_NAME": "f", "AWS_DEFAULT_REGION": "eu-central-1"}
SETTINGS = ("AWS_", "POWERTOOLS_", "PYDANTIC_")


def run(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)}
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**clean, "PYTHONPATH": str(EVENTS), **environment},
        capture_output=True,
        text=True,
        check=True,
    )


def loaded_by(module: str, **environment: str) -> set[str]:
    return set(run(f"import {module}, sys; print(*sys.modules)", **environment).stdout.split())


def test_a_function_loads_neither_tracer_nor_parser_nor_what_is_for_developers() -> None:
    loaded = loaded_by("gen3d_events.consumer", **IN_LAMBDA)
    assert "aws_lambda_powertools.utilities.batch" in loaded
    for needless in (
        "aws_lambda_powertools.utilities.parser",
        "aws_xray_sdk",
        "gen3d_events.generate",
        "gen3d_events.samples",
        "yaml",
    ):
        assert needless not in loaded


@pytest.mark.parametrize("module", ["gen3d_events.models", "gen3d_events.read_model", "gen3d_events.samples"])
def test_the_contract_alone_needs_pydantic_only(module: str) -> None:
    assert not loaded_by(module) & {"boto3", "botocore", "aws_lambda_powertools"}


CONTEXT = """
class Context:
    function_name = function_version = invoked_function_arn = aws_request_id = "x"
    memory_limit_in_mb = 128
"""

COLLECTED = f"""{CONTEXT}
import gc, sys
from gen3d_events.observability import count, observed

def handler(event, context):
    count("Consumed")
    print(gc.isenabled(), file=sys.stderr)

invoke = observed(handler)
invoke({{}}, Context())
invoke({{}}, Context())
"""


def test_garbage_is_collected_from_the_second_event_on() -> None:
    assert run(COLLECTED, **IN_LAMBDA).stderr.split() == ["False", "True"]
    assert run(COLLECTED).stderr.split() == ["True", "True"]


TRACED = f"""{CONTEXT}
from gen3d_events.observability import context_keys, count, observed

def handler(event, context):
    count("Consumed")
    with context_keys("gen3d_x.handler", session_id="ses_1", job_id=None):
        return {{}}

observed(handler)({{}}, Context())
"""


def test_a_trace_carries_whom_it_is_about() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
        daemon.bind(("127.0.0.1", 0))
        daemon.settimeout(20)
        run(
            TRACED,
            **IN_LAMBDA,
            AWS_XRAY_DAEMON_ADDRESS=f"127.0.0.1:{daemon.getsockname()[1]}",
            LAMBDA_TASK_ROOT="/var/task",
            _X_AMZN_TRACE_ID="Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
        )
        segment = json.loads(daemon.recv(65_536).splitlines()[1])
    assert segment["name"] == "## gen3d_x.handler"
    assert segment["annotations"] == {"session_id": "ses_1"}
    assert segment["trace_id"] == "1-5759e988-bd862e3fe1be46a994272793"
