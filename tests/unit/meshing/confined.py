"""Meshing in a process of its own: a crash of native code, a hang or a run on memory is then an outcome."""

from __future__ import annotations

import multiprocessing
import resource
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from gen3d_events.models import JobOptions
from gen3d_meshing.pipeline import mesh_splat
from gen3d_meshing.problems import NoMesh

from tests.unit.meshing.pictures import small_pictures

MEMORY = 2**30
SECONDS = 20
MESHED = "meshed"


@dataclass(frozen=True)
class Outcome:
    """code: MESHED or the problem's. memory: bytes, the most that the process ever held."""

    code: str
    memory: int


class Confined:
    """A process that meshes, with MEMORY bytes for its data, and draws small pictures."""

    def __enter__(self) -> Self:
        server = multiprocessing.get_context("forkserver")
        server.set_forkserver_preload(["gen3d_meshing.pipeline"])
        self._pool = ProcessPoolExecutor(1, server, _confine)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in multiprocessing.active_children() if kind else ():
            process.kill()  # it may hang, and the pool would wait for it
        self._pool.shutdown()

    def mesh(self, data: bytes, options: JobOptions) -> Outcome:
        """Raises what is no NoMesh, TimeoutError after SECONDS, BrokenProcessPool if the process died."""
        return self._pool.submit(_mesh, data, options).result(SECONDS)


def _confine() -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _mesh(data: bytes, options: JobOptions) -> Outcome:
    try:
        with small_pictures():
            mesh_splat(data, options, target_triangles=1500)
        code = MESHED
    except NoMesh as problem:
        code = problem.code
    return Outcome(code, _peak())


def _peak() -> int:
    """Bytes, the most that this process held since it was started. getrusage would count its parent too."""
    status = Path("/proc/self/status").read_text()
    return 2**10 * int(status.partition("VmHWM:")[2].split()[0])
