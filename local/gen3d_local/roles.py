"""Credentials of an execution role, renewed in time: they permit what the role's policies say."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

from gen3d_local import aws

RENEW_BEFORE = timedelta(minutes=10)


class Role:
    """A role of the engine, assumed when its credentials are first needed. Several threads may use it."""

    def __init__(self, engine_url: str, arn: str) -> None:
        self._engine_url = engine_url
        self._arn = arn
        self._lock = threading.Lock()
        self._credentials: dict[str, Any] | None = None
        self._clients: dict[str, Any] = {}

    def credentials(self) -> dict[str, Any]:
        """sts:AssumeRole's `Credentials`, valid for at least RENEW_BEFORE. Raises ClientError if refused."""
        with self._lock:
            if (
                self._credentials is None
                or self._credentials["Expiration"] - datetime.now(UTC) < RENEW_BEFORE
            ):
                self._credentials = aws.role_credentials(self._engine_url, self._arn, "endpoint")
                self._clients = {}
            return self._credentials

    def client(self, service: str) -> Any:
        """A client that works as this role."""
        credentials = self.credentials()
        with self._lock:
            if service not in self._clients:
                self._clients[service] = aws.client(service, self._engine_url, aws.as_keys(credentials))
            return self._clients[service]
