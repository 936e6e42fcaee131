"""CPU seconds of the cold start of every function: import, and its first event.

The baseline is the import of the libraries that every function stands on, and of nothing else. Meshing's
import is that of all that it computes with, Open3D above all, though the handler itself loads this part only
after its first event is out; only the mesh is not computed. That part's import is measured by itself, too.

The queues are cut off from their functions, and the chain is walked by hand: each function gets the message
that really waits in its queue, in a fresh isolated interpreter with its own environment and role, and what it
publishes brings the next one's message.

Every figure is the least of ROUNDS: the same work costs the same CPU seconds, and what else the machine does
only adds to them, by up to a half from one minute to the next.
"""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import sysconfig
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from gen3d import Gen3D
from gen3d_events import ids
from gen3d_events.models import ReconstructionRetryScheduled
from gen3d_events.samples import samples
from gen3d_local import aws
from gen3d_local.children import clean_environment
from gen3d_local.cloud import ROOT, Cloud
from gen3d_local.deploy import STACK

ROUNDS = 7
MESSAGE_SECONDS = 60.0

# -I -S: nothing is on the path but what the job names.
SCRIPT = """
import json, resource, sys
from importlib import import_module

def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime

class Context:
    function_name = aws_request_id = memory_limit_in_mb = log_group_name = log_stream_name = "cold"
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:cold"

    def get_remaining_time_in_millis(self):
        return 30000

job = json.load(sys.stdin)
sys.path[:0] = job["path"]
module, name = job["handler"].rsplit(".", 1)
begun = cpu()
handler = getattr(import_module(module), name)
if job["mesh"]:
    computing = import_module("gen3d_meshing.pipeline")
imported = cpu()
if job["mesh"]:
    from types import SimpleNamespace
    mesh = SimpleNamespace(vertices=[0], triangles=[0], watertight=True)
    files = {name: b"{}" for name in job["mesh"]}
    computing.mesh_splat = lambda *_, **__: SimpleNamespace(files=files, mesh=mesh, seconds=0.0)
answer = handler(job["event"], Context())
figures = {"import": imported - begun, "first_event": cpu() - imported, "answer": answer}
print(json.dumps(figures), file=sys.stderr)
"""


LIBRARIES = """
import gc, sys, time
sys.path[:0] = {path!r}
gc.disable()
begun = time.process_time()
import boto3, pydantic
import aws_lambda_powertools.utilities.batch, aws_lambda_powertools.utilities.idempotency
import aws_lambda_powertools.logging, aws_lambda_powertools.metrics
from pydantic import BaseModel
print(time.process_time() - begun)
"""


COMPUTING = """
import gc, sys, time
sys.path[:0] = {path!r}
gc.disable()
import gen3d_meshing.mesh
begun = time.process_time()
import gen3d_meshing.pipeline
print(time.process_time() - begun)
"""


class ColdStart(NamedTuple):
    """CPU seconds of the round that took the least of both together."""

    function: str
    importing: float
    first_event: float

    def figures(self) -> dict[str, float]:
        return {
            "import": self.importing,
            "first_event": self.first_event,
            "together": self.importing + self.first_event,
        }


def libraries() -> float:
    """CPU seconds of importing boto3, pydantic and powertools."""
    return _importing(LIBRARIES.format(path=[sysconfig.get_paths()["purelib"]]))


def computing() -> float:
    """CPU seconds of importing what meshing computes with after its handler."""
    path = [str(ROOT / "services" / "meshing"), str(ROOT / "events"), sysconfig.get_paths()["purelib"]]
    return _importing(COMPUTING.format(path=path))


def _importing(script: str) -> float:
    environment = clean_environment(PYDANTIC_DISABLE_PLUGINS="true")
    command = [sys.executable, "-I", "-S", "-c", script]
    return min(
        float(subprocess.run(command, env=environment, capture_output=True, check=True).stdout)
        for _ in range(ROUNDS)
    )


def cold_starts(cloud: Cloud, gen3d: Gen3D, photo: Path, mask: Path) -> list[ColdStart]:
    """One for each function, in the order of their first events. The cloud is cut off afterwards."""
    walk = Walk(cloud)
    walk.cut_off()
    for _ in range(ROUNDS):
        walk.once(gen3d, photo, mask)
    return [ColdStart(name, *min(runs, key=sum)) for name, runs in walk.measured.items()]


class Walk:
    """Walks the chain function by function. measured: (import, first event) of each run, by function."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._lambda = cloud.client("lambda")
        self._sqs = cloud.client("sqs")
        self._resources = _resources(cloud)
        self.measured: dict[str, list[tuple[float, float]]] = {}

    def cut_off(self) -> None:
        for mapping in self._lambda.list_event_source_mappings()["EventSourceMappings"]:
            self._lambda.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)

    def once(self, gen3d: Gen3D, photo: Path, mask: Path) -> None:
        self._run("UploadApi", _request("/sessions"))
        session = gen3d.create_session(photo)
        for name in ("UploadIngest", "EmbeddingStart", "InferenceRelay", "EmbeddingFinish"):
            self._consume(name, session.id)
        job = session.create_job(mask)
        for name in ("UploadIngest", "ReconstructionStart", "InferenceRelay", "ReconstructionFinish"):
            self._consume(name, job.id, measure=name.startswith("Reconstruction"))
        self._consume("MeshingMesh", job.id)
        self._consume("NotificationMail", '"Mesh Completed"')
        self._consume("UploadProgress", job.id)
        self._consume("ReconstructionRetry", self._publish_retry())
        self._run("UploadWatchdog", {})

    def _consume(self, name: str, about: str, measure: bool = True) -> None:
        """Give the function the oldest message of its queue that names `about`; drop those before it."""
        message = self._message(name, about)
        if self._run(name, {"Records": [_record(message)]}, measure)["batchItemFailures"]:
            raise SystemExit(f"{name} failed its first event.")

    def _message(self, name: str, about: str) -> dict[str, Any]:
        url = self._resources[f"{name}Queue"]
        deadline = time.monotonic() + MESSAGE_SECONDS
        while time.monotonic() < deadline:
            reply = self._sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1, AttributeNames=["All"])
            for message in reply.get("Messages", []):
                self._sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                if about in message["Body"]:
                    return dict(message)
        raise SystemExit(f"No message about {about} came to {name}.")

    def _run(self, name: str, event: dict[str, Any], measure: bool = True) -> Any:
        """The function's answer to `event`, from a fresh interpreter."""
        configuration = self._lambda.get_function_configuration(
            FunctionName=self._resources[f"{name}Function"]
        )
        handler = configuration["Handler"]
        (package,) = (ROOT / "services").glob(f"*/{handler.partition('.')[0]}")
        role = aws.role_credentials(self._cloud.engine_url, configuration["Role"], "cold")
        environment = clean_environment(
            **configuration["Environment"]["Variables"],
            AWS_REGION=aws.REGION,
            AWS_DEFAULT_REGION=aws.REGION,
            AWS_ACCESS_KEY_ID=role["AccessKeyId"],
            AWS_SECRET_ACCESS_KEY=role["SecretAccessKey"],
            AWS_SESSION_TOKEN=role["SessionToken"],
            AWS_ENDPOINT_URL=self._cloud.engine_url,
            AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME=self._cloud.endpoint_url,
            AWS_LAMBDA_FUNCTION_NAME=configuration["FunctionName"],
            LAMBDA_TASK_ROOT=str(package.parent),
            AWS_XRAY_CONTEXT_MISSING="IGNORE_ERROR",
        )
        path = [str(package.parent), str(ROOT / "events"), sysconfig.get_paths()["purelib"]]
        mesh = ["mesh.glb", "preview.png", "turntable.webp", "stats.json"] if name == "MeshingMesh" else []
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", SCRIPT],
            input=json.dumps({"path": path, "handler": handler, "event": event, "mesh": mesh}),
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"{name} broke: {done.stderr}")
        figures = json.loads(done.stderr.splitlines()[-1])
        if measure:
            self.measured.setdefault(name, []).append((figures["import"], figures["first_event"]))
        return figures["answer"]

    def _publish_retry(self) -> str:
        """A retry has no place in a chain that goes well: its sample is published as a new event; its id."""
        event = samples[ReconstructionRetryScheduled.detail_type]
        new = ids.ulid(datetime.now(UTC), secrets.token_bytes(10))
        event = event.with_metadata(event.metadata.model_copy(update={"event_id": new}))
        entry = {
            "EventBusName": self._cloud.outputs["BusName"],
            "Source": event.source,
            "DetailType": event.detail_type,
            "Detail": json.dumps(event.detail()),
        }
        self._cloud.client("events").put_events(Entries=[entry])
        return new


def _resources(cloud: Cloud) -> dict[str, str]:
    """Physical ids by logical ids."""
    pages = cloud.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=STACK)
    return {
        it["LogicalResourceId"]: it["PhysicalResourceId"]
        for page in pages
        for it in page["StackResourceSummaries"]
    }


def _record(message: dict[str, Any]) -> dict[str, Any]:
    """A received message as Lambda hands it to a function."""
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": {},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{aws.REGION}:000000000000:cold",
        "awsRegion": aws.REGION,
    }


def _request(path: str) -> dict[str, Any]:
    """A signed-in GET as API Gateway hands it to a function."""
    claims = {"sub": "cold", "token_use": "id"}
    return {
        "resource": path,
        "path": path,
        "httpMethod": "GET",
        "headers": {},
        "multiValueHeaders": {},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "resourcePath": path,
            "path": f"/api{path}",
            "httpMethod": "GET",
            "stage": "api",
            "requestId": "cold",
            "accountId": "000000000000",
            "apiId": "cold",
            "resourceId": "cold",
            "identity": {"sourceIp": "127.0.0.1"},
            "authorizer": {"claims": claims},
        },
        "body": None,
        "isBase64Encoded": False,
    }
