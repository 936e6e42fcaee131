"""How the server ends: real processes, told so by signals."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from tests.unit.inference.invoking import DEADLINE_SECONDS, MODELS, eventually, invoke, refusal, request

STUCK = """
import sys, threading
from gen3d_inference.lifecycle import READY
from gen3d_inference.server import serve

class Stuck:
    def begin(self): pass
    def status(self): return READY
    def run(self, request):
        print("working", flush=True)
        threading.Event().wait()

serve(Stuck(), "127.0.0.1", int(sys.argv[1]), grace_seconds=1)
"""

TALKING = """
import logging, os, sys, warnings
os.dup2(1, 2)
from gen3d_inference.lifecycle import READY
from gen3d_inference.server import serve
from gen3d_inference.telemetry import logger

class Talking:
    def begin(self):
        logger.info("ours")
        logging.getLogger("library").warning("by its log")
        warnings.warn("by a warning")
    def status(self): return READY

serve(Talking(), "127.0.0.1", int(sys.argv[1]))
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def process(*arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    child = subprocess.Popen(
        [sys.executable, *arguments],
        env={"PYTHONPATH": "container:events", **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with child:
        try:
            yield child
        finally:
            child.kill()


def answers_ping(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/ping", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_server_ends_cleanly_on_a_signal(number: signal.Signals) -> None:
    port = free_port()
    settings = {
        "GEN3D_RECONSTRUCTOR": "relief",
        "GEN3D_TASKS": "reconstruct",
        "MODEL_BUCKET": MODELS,
        "HOST": "127.0.0.1",
        "PORT": str(port),
    }
    with process("-m", "gen3d_inference.server", "serve", **settings) as child:
        eventually(lambda: answers_ping(port))
        child.send_signal(number)
        assert child.wait(DEADLINE_SECONDS) == 0


def test_what_cannot_be_finished_in_its_grace_is_given_up_with_an_answer(s3: Any) -> None:
    port, wanted = free_port(), request(s3)
    with process("-c", STUCK, str(port)) as child, ThreadPoolExecutor() as pool:
        eventually(lambda: answers_ping(port))
        address = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=address, timeout=DEADLINE_SECONDS, trust_env=False) as client:
            answer = pool.submit(invoke, client, wanted)
            assert child.stdout
            assert child.stdout.readline() == "working\n"
            child.terminate()
            assert refusal(answer.result()) == (503, "inference_unavailable", "transient")
            assert child.wait(DEADLINE_SECONDS) == 0


FINISHING = """
import sys
from gen3d_events.inference import EmbedReply
from gen3d_events.models import Engine
from gen3d_inference.lifecycle import READY
from gen3d_inference.server import serve

class Slow:
    def begin(self): pass
    def status(self): return READY
    def run(self, request):
        print("working", flush=True)
        sys.stdin.readline()
        return EmbedReply(
            inference_id=request.inference_id, engine=Engine(name="slow", version="1", weight_free=True),
            manifest_key="m", embedding_key="e", bytes=1, seconds=1,
        )

serve(Slow(), "127.0.0.1", int(sys.argv[1]))
"""


def test_sigterm_lets_the_running_request_finish_and_takes_no_other(s3: Any) -> None:
    port, wanted = free_port(), request(s3)
    with process("-c", FINISHING, str(port)) as child, ThreadPoolExecutor() as pool:
        eventually(lambda: answers_ping(port))
        address = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=address, timeout=DEADLINE_SECONDS, trust_env=False) as client:
            answer = pool.submit(invoke, client, wanted)
            assert child.stdin
            assert child.stdout
            assert child.stdout.readline() == "working\n"
            child.terminate()
            eventually(lambda: not answers_ping(port))
            child.stdin.write("finish\n")
            child.stdin.flush()
            assert answer.result().status_code == 200
        assert child.wait(DEADLINE_SECONDS) == 0


def test_whatever_is_written_is_json_and_is_written_once() -> None:
    port = free_port()
    with process("-c", TALKING, str(port)) as child:
        eventually(lambda: answers_ping(port))
        head = "POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: "
        for given in ("9\r\n\r\n{", "none\r\n\r\n{"):  # gives up within its body; is no request
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.sendall(f"{head}{given}".encode())
                client.shutdown(socket.SHUT_WR)
                while client.recv(1000):
                    pass
        assert answers_ping(port)
        child.send_signal(signal.SIGTERM)
        told, _ = child.communicate(timeout=DEADLINE_SECONDS)
    lines = [json.loads(line) for line in told.splitlines()]
    messages = [line["message"] for line in lines]
    assert {line["service"] for line in lines} == {"endpoint"}
    assert [messages.count(one) for one in ("ours", "by its log")] == [1, 1]
    assert sum("by a warning" in one for one in messages) == 1
    assert not [line for line in lines if "exception" in line]
    assert "Invalid HTTP request received." in messages
