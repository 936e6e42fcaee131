"""The three processes of a laptop cloud, engine, endpoint and front: settings, start and end."""

from __future__ import annotations

import signal

from gen3d_local.aws import REGION
from gen3d_local.children import HOST, Child, clean_environment
from gen3d_local.state import Ports, State

READY = {"engine": "/_ministack/ready", "endpoint": "/ready", "front": "/"}
# A trained model on a CPU takes its time; what fails says so.
READY_SECONDS = 600.0


class Processes:
    """Processes of a cloud whose folder is locked by the descriptor `lock` and whose ports are chosen.

    server: the module that the endpoint runs as its container.
    """

    def __init__(self, state: State, ports: Ports, lock: int, server: str) -> None:
        self._state = state
        self._ports = ports
        self._lock = lock
        self._server = server
        self._running: dict[str, Child] = {}

    def url(self, name: str) -> str:
        return f"http://{HOST}:{getattr(self._ports, name)}"

    def launch(self, name: str) -> None:
        """Start a process without waiting for it."""
        self._running[name] = Child(
            name,
            f"gen3d_local.{name}",
            clean_environment(**self._environment(name)),
            self._state.logs / f"{name}.log",
            keep_open=(self._lock,),
        )

    def wait(self, name: str) -> None:
        """Return when the process is ready. Raises ChildFailed."""
        self._running[name].wait_ready(getattr(self._ports, name), READY[name], READY_SECONDS)

    def restart(self, name: str) -> None:
        """Kill a process without warning, start it again and wait for it.

        The engine takes the endpoint along, because it forgets the credentials that it has given out.
        """
        names = ("engine", "endpoint") if name == "engine" else (name,)
        for one in names:
            self._running.pop(one).stop(seconds=0)
            self.launch(one)
        for one in names:
            self.wait(one)

    def save(self) -> None:
        """Have the engine write its state down, so that a kill cannot take it."""
        self._running["engine"].tell(signal.SIGALRM)

    def stop(self) -> None:
        """End all, the engine last because the others talk to it. Safe to call again."""
        for name in ("front", "endpoint"):
            if name in self._running:
                self._running[name].tell(signal.SIGTERM)
        for name in ("front", "endpoint", "engine"):
            if child := self._running.pop(name, None):
                child.stop()

    def ended(self) -> Child | None:
        """A process that ended by itself, if any."""
        return next((child for child in self._running.values() if child.ended), None)

    def _environment(self, name: str) -> dict[str, str]:
        port = str(getattr(self._ports, name))
        ours = {"GEN3D_STATE": str(self._state.folder)}
        if name == "engine":
            return {**ours, **self._engine_settings(port)}
        ours |= {"PORT": port, "GEN3D_ENGINE_URL": self.url("engine")}
        return {**ours, "GEN3D_SERVER": self._server} if name == "endpoint" else ours

    def _engine_settings(self, port: str) -> dict[str, str]:
        state = self._state
        return {
            "GATEWAY_PORT": port,
            "GEN3D_SITE_PORT": str(self._ports.front),
            "BIND_HOST": HOST,
            "MINISTACK_HOST": HOST,
            "MINISTACK_REGION": REGION,
            "AUTH": "true",
            "PERSIST_STATE": "1",
            "STATE_DIR": str(state.engine),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(state.objects),
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "TMPDIR": str(state.temporary),
            # What follows is for the functions, which inherit all of this.
            "AWS_ENDPOINT_URL": self.url("engine"),
            "AWS_ENDPOINT_URL_SAGEMAKER": self.url("endpoint"),
            "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": self.url("endpoint"),
            "POWERTOOLS_TRACE_DISABLED": "true",
        }
