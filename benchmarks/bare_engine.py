"""How fast this machine is just now for what the pipeline does most: requests to the laptop's engine.

One client sends a message to a queue of ministack as it comes, receives it and deletes it, over and over.
Where the goal of 5 jobs a second was set, REFERENCE such messages a second went through; so that goal is one
of 1.7 to 2.1 jobs in the time of 100 messages.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from gen3d_local import aws
from gen3d_local.children import HOST, Child, clean_environment
from gen3d_local.state import free_port

REFERENCE = (234.0, 287.0)
_SECONDS = 4.0
_START_SECONDS = 60.0


def messages_per_second() -> float:
    """Messages that went through in a second of wall-clock time."""
    port = free_port()
    environment = clean_environment(GATEWAY_PORT=str(port), LOG_LEVEL="ERROR")
    with tempfile.TemporaryDirectory() as folder:
        engine = Child("ministack", "ministack", environment, Path(folder) / "log")
        try:
            engine.wait_ready(port, "/_ministack/health", _START_SECONDS)
            return _through(aws.client("sqs", f"http://{HOST}:{port}"))
        finally:
            engine.stop()


def _through(sqs: Any) -> float:
    queue = sqs.create_queue(QueueName="bare")["QueueUrl"]
    count, begun = 0, time.monotonic()
    while (spent := time.monotonic() - begun) < _SECONDS:
        sqs.send_message(QueueUrl=queue, MessageBody="{}")
        (message,) = sqs.receive_message(QueueUrl=queue)["Messages"]
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        count += 1
    return count / spent
