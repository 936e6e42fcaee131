"""The accepted inference requests of one endpoint, on disk: one file each, gone only when it is answered."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gen3d_local.misbehaviour import Misbehaviour
from gen3d_local.state import read_json, write_json

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Request:
    """One call of InvokeEndpointAsync. `accepted_at` in seconds since 1970; locations are `s3://bucket/key`.

    misbehaviour: what was ordered to go wrong with it.
    """

    inference_id: str
    input_location: str
    output_location: str
    failure_location: str
    content_type: str
    accept: str
    ttl_seconds: int
    timeout_seconds: int
    accepted_at: float
    misbehaviour: Misbehaviour | None = None

    def to_json(self) -> dict[str, Any]:
        ordered = self.misbehaviour and self.misbehaviour.model_dump()
        return {**asdict(self), "misbehaviour": ordered}

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Request:
        """Raises TypeError or ValueError where that is no request."""
        ordered = kept.get("misbehaviour")
        return cls(**{**kept, "misbehaviour": ordered and Misbehaviour.model_validate(ordered)})


class Queue:
    """First in, first out. Survives a kill: a request is either whole in the folder or was never accepted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, request: Request) -> None:
        write_json(self._folder / f"{time.time_ns():020d}.json", request.to_json())

    def waiting(self) -> Iterator[tuple[Path, Request]]:
        """Every request that is not answered, oldest first, with the token for `answered`.

        A file that holds no request, as from another version, is put aside so that it holds nothing up.
        """
        for path in sorted(self._folder.glob("[0-9]*.json")):
            try:
                request = Request.from_json(read_json(path))
            except (AttributeError, TypeError, ValueError):
                logger.exception("%s holds no request", path)
                path.replace(path.with_suffix(".unreadable"))
                continue
            yield path, request

    def answered(self, token: Path) -> None:
        token.unlink(missing_ok=True)
