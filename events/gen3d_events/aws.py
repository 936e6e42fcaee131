"""AWS clients: created at their first use, once for the life of a function, all from one session.

Most of the CPU time of a function's first event goes into botocore's service data: 4 MB of JSON for four
clients. So one session reads it, parsed by pydantic's parser (a quarter of the time), and a service counts as
known if botocore has a folder of its name, not after a walk through 400 folders.

Each request is spared what it can do without: botocore's long user agent, in a function its check of
parameters, and where an object is put the question whether it may be, a journey there and back. What DynamoDB
answers is not walked through value by value: it has the form already in which botocore gives it.
"""

from __future__ import annotations

import gzip
import os
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.handlers import add_expect_header
from botocore.loaders import JSONFileLoader, Loader
from botocore.parsers import JSONParser, ResponseParserFactory
from pydantic_core import from_json


class ServiceDataFiles(JSONFileLoader):  # type: ignore[misc]
    """Reads `<path>.json` or `<path>.json.gz`; None if there is neither."""

    def load_file(self, file_path: str) -> Any:
        if Path(plain := f"{file_path}.json").is_file():
            return from_json(Path(plain).read_bytes())
        if Path(packed := f"{file_path}.json.gz").is_file():
            return from_json(gzip.decompress(Path(packed).read_bytes()))
        return None


class ServiceData(Loader):  # type: ignore[misc]
    """botocore's own service data, found and read quickly."""

    def __init__(self) -> None:
        super().__init__(file_loader=ServiceDataFiles())
        with os.scandir(self.BUILTIN_DATA_PATH) as entries:
            self._folders = [entry.name for entry in entries]

    def list_available_services(self, type_name: str) -> list[str]:
        return self._folders


class ItemsParser(JSONParser):  # type: ignore[misc]
    """Leaves DynamoDB's values (`{"S": "text"}`) as they are, so binary ones are Base64."""

    def _handle_structure(self, shape: Any, value: Any) -> Any:
        return value if shape.name == "AttributeValue" else super()._handle_structure(shape, value)


class ResponseParsers(ResponseParserFactory):  # type: ignore[misc]
    """botocore's own, but for DynamoDB's protocol."""

    def create_parser(self, protocol_name: str) -> Any:
        if protocol_name == "json":
            return ItemsParser(**self._defaults)
        return super().create_parser(protocol_name)


@cache
def session() -> Any:
    """The boto3 session that all clients share."""
    core = botocore.session.get_session()
    core.register_component("data_loader", ServiceData())
    core.register_component("response_parser_factory", ResponseParsers())
    core.unregister("before-call.s3", add_expect_header)
    return boto3.session.Session(botocore_session=core)


@cache
def client(service: str, url: str | None = None) -> Any:
    """The boto3 client of `service`, e.g. `client("s3")`. Tests may call `client.cache_clear()`.

    url: of a service that every resource has an address of its own for.
    """
    # Else addresses presigned for us-east-1 are of the old Signature Version 2. Bodies have a checksum: over
    # HTTP as over HTTPS botocore need not hash them as well.
    signature: dict[str, Any] = (
        {"signature_version": "s3v4", "s3": {"payload_signing_enabled": False}} if service == "s3" else {}
    )
    return session().client(
        service,
        endpoint_url=url,
        config=Config(
            connect_timeout=3,
            read_timeout=20,
            retries={"mode": "standard", "total_max_attempts": 4},
            user_agent="gen3d",
            # AWS checks them itself. Elsewhere, as in tests, the stand-ins for AWS may not.
            parameter_validation="AWS_LAMBDA_FUNCTION_NAME" not in os.environ,
            **signature,
        ),
    )


def is_transient(error: ClientError) -> bool:
    """Whether AWS may answer otherwise in a while: it was busy or broken, rather than against the request."""
    answer = error.response
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status >= 500 or status == 429 or "Throttl" in answer["Error"]["Code"]


def is_missing(error: ClientError) -> bool:
    """Whether an S3 object does not exist, which a role that may not list the bucket is told as forbidden."""
    return error.response["Error"]["Code"] in {"NoSuchKey", "NoSuchVersion", "AccessDenied", "404", "403"}
