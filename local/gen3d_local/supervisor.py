"""Owns the processes of one laptop cloud and deploys the stack into it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx

from gen3d_local import aws, deploy, misbehaviour, people
from gen3d_local.admission import TOKEN_HEADER
from gen3d_local.children import HOST, LOCAL, Child, ChildFailed
from gen3d_local.container import MODULE
from gen3d_local.mail import Mail, sent
from gen3d_local.people import Person
from gen3d_local.processes import READY, Processes
from gen3d_local.state import State, StateError, read_json, write_json

ROOT = LOCAL.parent
MAIL_FROM = "gen3d@gen3d.example"
ADMIN_EMAIL = "admin@gen3d.example"
STOP_SECONDS = 30.0


class CloudFailed(RuntimeError):
    """The laptop cloud could not be started. The message says why and, where it can, what to do."""


@dataclass(frozen=True)
class Cloud:
    """A running laptop cloud.

    url: site and API; engine_url: the AWS APIs; endpoint_url: the SageMaker stand-in; outputs: of the stack;
    pid: of the supervisor, which stops everything on SIGTERM.
    """

    url: str
    engine_url: str
    endpoint_url: str
    state: str
    outputs: Mapping[str, str]
    user: Person
    pid: int

    def client(self, service: str, credentials: Mapping[str, str] = aws.ROOT) -> Any:
        """A boto3 client of this cloud, as the root user unless other credentials are given."""
        return aws.client(service, self.engine_url, credentials)

    def role_client(self, service: str, role_arn: str) -> Any:
        """A boto3 client that may do what the role's policies say."""
        return self.client(
            service, aws.as_keys(aws.role_credentials(self.engine_url, role_arn, "gen3d-local"))
        )

    def endpoint(self) -> Any:
        """A boto3 client of the SageMaker stand-in."""
        return aws.client("sagemaker-runtime", self.endpoint_url)

    @classmethod
    def found(cls, state: State) -> Self | None:
        """The cloud that uses this folder, or None where none is ready."""
        try:
            values = read_json(state.cloud)
        except FileNotFoundError:
            return None
        # The file alone may be a leftover whose process id somebody else has by now.
        if not (state.locked() and _alive(values["pid"])):
            return None
        return cls(**{**values, "user": Person(**values["user"])})

    def misbehave(self, kind: str, **order: Any) -> None:
        """Have the endpoint go wrong (misbehaviour.py). Raises ValueError where that is no order."""
        reply = self._order("POST", {"kind": kind, **order})
        if reply.is_client_error:
            raise ValueError(reply.text)
        reply.raise_for_status()

    def behave(self) -> None:
        """Have the endpoint go right again, and answer what it was told to answer late."""
        self._order("DELETE").raise_for_status()

    def _order(self, method: str, order: Mapping[str, Any] | None = None) -> httpx.Response:
        headers = {TOKEN_HEADER: State(Path(self.state)).token()}
        url = f"{self.endpoint_url}{misbehaviour.PATH}"
        return httpx.request(method, url, json=order, headers=headers, timeout=10, trust_env=False)

    def mails(self) -> list[Mail]:
        """Every mail that was sent, the newest last."""
        return sent(self.engine_url, State(Path(self.state)).token())


@dataclass(frozen=True)
class Options:
    """How a cloud is to be.

    front_port: None keeps the last one (8000 at first). endpoint: False deploys a stack without an endpoint.
    parameters: stack parameters that differ from the laptop's. server: the module that runs as the container.
    """

    front_port: int | None = None
    endpoint: bool = True
    template: Path = ROOT / "template.yaml"
    parameters: Mapping[str, str] = field(default_factory=dict)
    server: str = MODULE


class Supervisor:
    """Owns the processes of one cloud. `start` either returns a running cloud or leaves nothing behind."""

    def __init__(self, folder: Path, options: Options) -> None:
        self._state = State(folder)
        self._options = options
        self._lock: int | None = None
        self._processes: Processes | None = None

    def start(self) -> Cloud:
        """Raises CloudFailed."""
        try:
            return self._start()
        except (StateError, ChildFailed, deploy.DeployFailed) as error:
            self.stop()
            raise CloudFailed(str(error)) from error
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End every process and give the state folder back. Safe to call again."""
        if self._lock is None:
            return
        self._state.cloud.unlink(missing_ok=True)
        if self._processes:
            self._processes.stop()
        self._state.clear_temporary()
        os.close(self._lock)
        self._lock = None

    def restart(self, name: str) -> None:
        """Kill the `engine`, `endpoint` or `front` without warning, start it again and wait for it."""
        if self._processes is None:
            raise CloudFailed("The cloud has not been started.")
        self._processes.restart(name)

    def ended(self) -> Child | None:
        """A process that ended by itself, if any."""
        return self._processes.ended() if self._processes else None

    def _start(self) -> Cloud:
        # A cloud that is just ending holds the lock a little longer.
        self._lock = self._state.lock(0 if Cloud.found(self._state) else STOP_SECONDS)
        if self._lock is None:
            raise StateError(f"A laptop cloud already uses {self._state.folder}. Stop it: gen3d down")
        ports = self._state.ports(self._options.front_port)
        self._state.clear_temporary()
        self._state.prepare()
        self._processes = processes = Processes(self._state, ports, self._lock, self._options.server)
        for name in READY:
            processes.launch(name)
        processes.wait("engine")
        engine = processes.url("engine")
        outputs = deploy.deploy(
            engine, self._options.template, self._parameters(processes.url("front"), engine)
        )
        write_json(self._state.outputs, outputs)
        user = people.demo_user(engine, outputs["UserPoolId"], self._state.user)
        aws.client("ses", engine).verify_email_identity(EmailAddress=MAIL_FROM)
        processes.save()
        processes.wait("endpoint")
        processes.wait("front")
        folder, us = str(self._state.folder), os.getpid()
        cloud = Cloud(processes.url("front"), engine, processes.url("endpoint"), folder, outputs, user, us)
        write_json(self._state.cloud, asdict(cloud))
        self._state.keep(ports)
        return cloud

    def _parameters(self, front: str, engine: str) -> dict[str, str]:
        return {
            "AdminEmail": ADMIN_EMAIL,
            "ExecuteApiUrl": f"{engine}/_aws/execute-api",
            "InferenceImageUri": "laptop" if self._options.endpoint else "",
            "MailFrom": MAIL_FROM,
            "PublicUrl": front,
            "ReconstructorEngine": os.environ.get("GEN3D_RECONSTRUCTOR", "relief"),
            "RequestsPerMinute": "1000",  # of one person, who may well try ten photos in a minute
            "RequireTls": "false",
            "RetryBaseSeconds": "1",
            "SegmenterEngine": os.environ.get("GEN3D_SEGMENTER", "classical"),
            "SiteOrigins": f"{front},{front.replace(HOST, 'localhost')}",
            "WithSite": "false",
            **self._options.parameters,
        }


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
