"""Reads and writes S3. What is not there is `inference_input_missing`, every other failure transient."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError
from gen3d_events import aws

from gen3d_inference.failures import InferenceError


def read(bucket: str, key: str, version_id: str) -> bytes:
    """One version of an object. Raises InferenceError."""
    what = f"read s3://{bucket}/{key}"
    with _classed(what):
        try:
            found = aws.client("s3").get_object(Bucket=bucket, Key=key, VersionId=version_id)
        except ClientError as error:
            # S3 is strongly consistent, and a version that is gone does not come back.
            if aws.is_missing(error):
                raise InferenceError("inference_input_missing", f"could not {what}: {error}") from error
            raise
        body: bytes = found["Body"].read()
        return body


def read_all(bucket: str, *objects: tuple[str, str]) -> list[bytes]:
    """Versions (key, version_id) of objects, asked for at the same time. Raises InferenceError."""
    aws.client("s3")  # botocore must not make it in two threads at once
    with ThreadPoolExecutor(len(objects)) as threads:
        return list(threads.map(lambda one: read(bucket, *one), objects))


def write(bucket: str, key: str, body: bytes, content_type: str) -> str:
    """The version that was written: `null` in a bucket that keeps none. Raises InferenceError."""
    with _classed(f"write s3://{bucket}/{key}"):
        written = aws.client("s3").put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type)
        version: str = written.get("VersionId", "null")
    return version


def write_once(bucket: str, key: str, body: bytes, content_type: str) -> None:
    """Write an object whose key names its content, unless it is there. Raises InferenceError."""
    with _classed(f"write s3://{bucket}/{key}"):
        try:
            aws.client("s3").put_object(
                Bucket=bucket, Key=key, Body=body, ContentType=content_type, IfNoneMatch="*"
            )
        except ClientError as error:
            # 412: it is there. 409: another server is writing it.
            if error.response["ResponseMetadata"]["HTTPStatusCode"] not in {409, 412}:
                raise


@contextmanager
def _classed(what: str) -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise InferenceError("inference_storage_failed", f"could not {what}: {error}") from error
