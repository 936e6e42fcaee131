"""The state folder of one laptop cloud: its files, its ports (chosen once), and the lock on it."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import socket
from pathlib import Path
from typing import Any, NamedTuple

from gen3d_local.children import HOST, poll

FRONT_PORT = 8000


class StateError(RuntimeError):
    """The state folder cannot be used now. The message says why and what to do."""


class Ports(NamedTuple):
    """front: site and API; engine: the AWS APIs; endpoint: the SageMaker stand-in."""

    front: int
    engine: int
    endpoint: int


class State:
    """Paths below the state folder. Everything in it can be deleted to begin anew."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.engine = self.folder / "engine"
        self.objects = self.folder / "objects"
        self.sagemaker = self.folder / "sagemaker"
        self.queues = self.folder / "queues"
        self.logs = self.folder / "logs"
        self.temporary = self.folder / "tmp"
        self.cloud = self.folder / "cloud.json"
        self.outputs = self.folder / "outputs.json"
        self.user = self.folder / "demo-user.json"
        self._lock = self.folder / "lock"
        self._ports = self.folder / "ports.json"
        self._token = self.folder / "engine-token.json"

    def own(self) -> None:
        """Make the folder, for this person only: passwords, keys and photos lie in it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)

    def prepare(self) -> None:
        """Make the folders. Objects whose buckets the engine never wrote down are useless and in the way."""
        if not (self.engine / "cloudformation.json").exists():
            shutil.rmtree(self.objects, ignore_errors=True)
        self.own()
        for folder in (self.engine, self.objects, self.sagemaker, self.logs, self.temporary):
            folder.mkdir(mode=0o700, exist_ok=True)
        if not self._token.exists():
            write_json(self._token, secrets.token_urlsafe(32))

    def token(self) -> str:
        """What the engine's administration wants to be shown. There once the folder has been prepared."""
        token: str = read_json(self._token)
        return token

    def clear_temporary(self) -> None:
        shutil.rmtree(self.temporary, ignore_errors=True)

    def lock(self, seconds: float = 0.0) -> int | None:
        """Take the lock and return its file descriptor, or None where another process holds it.

        The lock goes with the descriptor: children inherit it, so it is free only when they have ended too.
        """
        self.own()
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

        def taken() -> bool:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        if poll(taken, seconds):
            return descriptor
        os.close(descriptor)
        return None

    def locked(self) -> bool:
        """Whether a cloud holds the lock."""
        lock = self.lock()
        if lock is not None:
            os.close(lock)
        return lock is None

    def ports(self, front: int | None) -> Ports:
        """The kept ports, or new ones, which are kept at once: queues carry the engine's in their addresses.

        A `front` that is given stands in for the kept one; `keep` makes it last. Raises StateError when the
        file is damaged, two ports are the same, or one is taken by another program.
        """
        if not self._ports.exists():
            self.keep(Ports(FRONT_PORT, free_port(), free_port()))
        try:
            ports = Ports(**read_json(self._ports))
        except (ValueError, TypeError) as error:
            raise StateError(f"{self._ports} is damaged. Mend it, or {_anew(self.folder)}.") from error
        if front is not None:
            ports = ports._replace(front=front)
        if ports.front in ports[1:]:
            raise StateError(
                f"Port {ports.front} is one that this cloud uses itself. "
                "Choose another: gen3d up --port NUMBER."
            )
        for name, port in ports._asdict().items():
            if not can_bind(port):
                raise StateError(_taken(name, port, self.folder))
        return ports

    def keep(self, ports: Ports) -> None:
        """Have the next start use these ports."""
        write_json(self._ports, ports._asdict())


def _taken(name: str, port: int, folder: Path) -> str:
    remedy = (
        "Stop it, or choose another port: gen3d up --port NUMBER"
        if name == "front"
        else f"Stop it; or {_anew(folder)}"
    )
    return f"Port {port} ({name}) is in use by another program. {remedy}."


def _anew(folder: Path) -> str:
    return f"delete {folder} to begin anew with other ports (this deletes all local sessions)"


def can_bind(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port that is free now, as the operating system chooses it."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def read_json(path: Path) -> Any:
    return json.loads(path.read_bytes())


def write_json(path: Path, value: Any) -> None:
    """Write whole or not at all, with mode 0600."""
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(value, file, indent=1)
    partial.replace(path)
