"""The SageMaker stand-in as a process, deployed once, with a queue that hears what it tells."""

from __future__ import annotations

import json
import uuid
from typing import Any

import httpx
import psutil
from gen3d_local import aws
from gen3d_local.admission import TOKEN_HEADER
from gen3d_local.children import HOST, Child, clean_environment, poll
from gen3d_local.misbehaviour import PATH
from gen3d_local.registry import Registry
from gen3d_local.state import State, free_port

NAME = "gen3d-test"
SECONDS = 30.0


class Stand:
    """An endpoint process with one deployed endpoint, and the queue that hears its two topics."""

    def __init__(self, engine: str, role: str, state: State) -> None:
        self.state = state
        self._engine = engine
        self.s3 = aws.client("s3", engine)
        self.s3.create_bucket(Bucket="inference")
        self._sqs = aws.client("sqs", engine)
        unique = uuid.uuid4().hex[:8]
        self._queue = self._sqs.create_queue(QueueName=f"heard-{unique}")["QueueUrl"]
        self.asked: set[str] = set()
        self.registry = Registry(state.sagemaker)
        self._topics = [self._topic(f"{kind}-{unique}") for kind in ("success", "error")]
        self._role = role
        self._port = free_port()
        self._runtime = aws.client("sagemaker-runtime", f"http://{HOST}:{self._port}")
        self.deploy(SETTING="as deployed")
        self.child = self._start()

    def deploy(self, **environment: str) -> None:
        """What CloudFormation would have the engine write down."""
        model = {"ExecutionRoleArn": self._role, "PrimaryContainer": {"Environment": environment}}
        output = {
            "S3OutputPath": "s3://inference/output/",
            "S3FailurePath": "s3://inference/failure/",
            "NotificationConfig": dict(zip(("SuccessTopic", "ErrorTopic"), self._topics, strict=True)),
        }
        config = {
            "ProductionVariants": [{"ModelName": "model"}],
            "AsyncInferenceConfig": {"OutputConfig": output},
        }
        self.registry.put("Model", "model", model)
        self.registry.put("EndpointConfig", "config", config)
        self.registry.put("Endpoint", NAME, {"EndpointConfigName": "config"})

    def _topic(self, name: str) -> str:
        sns = aws.client("sns", self._engine)
        arn: str = sns.create_topic(Name=name)["TopicArn"]
        queue_arn = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])
        policy = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "sns.amazonaws.com"},
                    "Action": "sqs:SendMessage",
                    "Resource": "*",
                }
            ],
        }
        self._sqs.set_queue_attributes(QueueUrl=self._queue, Attributes={"Policy": json.dumps(policy)})
        sns.subscribe(
            TopicArn=arn,
            Protocol="sqs",
            Endpoint=queue_arn["Attributes"]["QueueArn"],
            Attributes={"RawMessageDelivery": "true"},
        )
        return arn

    def _start(self) -> Child:
        settings = {
            "PORT": str(self._port),
            "GEN3D_STATE": str(self.state.folder),
            "GEN3D_ENGINE_URL": self._engine,
            "GEN3D_SERVER": "tests.unit.local.fake_server",
        }
        log = self.state.logs / "endpoint.log"
        child = Child("endpoint", "gen3d_local.endpoint", clean_environment(**settings), log)
        child.wait_ready(self._port, "/ready", SECONDS)
        return child

    def restart(self) -> None:
        self.child.stop(seconds=0)
        self.child = self._start()

    def ready(self) -> int:
        return httpx.get(f"http://{HOST}:{self._port}/ready", trust_env=False).status_code

    def misbehave(self, method: str = "POST", token: str | None = None, **order: Any) -> httpx.Response:
        headers = {TOKEN_HEADER: token or self.state.token()}
        url = f"http://{HOST}:{self._port}{PATH}"
        return httpx.request(method, url, json=order, headers=headers, trust_env=False)

    def servers(self) -> list[psutil.Process]:
        processes = psutil.Process(self.child.pid).children(recursive=True)
        return [one for one in processes if one.status() != psutil.STATUS_ZOMBIE]

    def invoke(self, document: dict[str, Any], **arguments: Any) -> Any:
        key = f"input/{uuid.uuid4()}.json"
        self.s3.put_object(Bucket="inference", Key=key, Body=json.dumps(document))
        return self.call(InputLocation=f"s3://inference/{key}", **arguments)

    def call(self, **arguments: Any) -> Any:
        self.asked.add(arguments.get("InputLocation", ""))
        return self._runtime.invoke_endpoint_async(**{"EndpointName": NAME, **arguments})

    def heard(self, count: int = 1) -> list[dict[str, Any]]:
        """The next `count` notifications of what this test asked, in the order of their arrival.

        An earlier test may have left before the last answer came.
        """
        messages: list[dict[str, Any]] = []

        def enough() -> bool:
            reply = self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            told = [json.loads(message["Body"]) for message in reply.get("Messages", [])]
            messages.extend(it for it in told if it["requestParameters"]["inputLocation"] in self.asked)
            return len(messages) >= count

        assert poll(enough, SECONDS), f"heard only {messages}; log: {self.child.tail()}"
        return messages

    def read(self, location: str) -> Any:
        bucket, key = location.removeprefix("s3://").split("/", 1)
        return json.loads(self.s3.get_object(Bucket=bucket, Key=key)["Body"].read())
