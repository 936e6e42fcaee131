"""Uploads verified weights to the model bucket, uncompressed, as SageMaker reads them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from gen3d_events import aws

from gen3d_inference.weights import manifest

PREFIX = "weights/"
FOLDERS = ("moge", "sam-3d-objects", "sam3", "torch")

Tell = Callable[[str], None]


class PublishFailed(Exception):
    """The bucket does not have all weights. The message says what to do."""


def publish(folder: Path, bucket: str, tell: Tell) -> None:
    """Upload what the bucket does not have yet, the manifest last: with it the weights are complete.

    Raises WeightsInvalid, or PublishFailed; publishing again goes on with the file that failed.
    """
    verified = manifest.verify(folder, FOLDERS)
    total, sent = sum(file.bytes for file in verified.files.values()), 0
    try:
        for path, file in verified.files.items():
            there = _digest(bucket, path) == file.sha256
            if not there:
                _upload(folder / path, bucket, path, file.sha256)
            sent += file.bytes
            tell(f"{sent / max(total, 1):6.1%}  {'is there' if there else 'uploaded'}  {path}")
        _upload(folder / manifest.NAME, bucket, manifest.NAME, manifest.digest(folder / manifest.NAME))
    except (BotoCoreError, ClientError) as error:
        raise PublishFailed(
            f"The upload to {bucket} broke off. Publish again: it goes on. ({error})"
        ) from error
    tell(f"s3://{bucket}/{PREFIX} is complete: {len(verified.files)} files, {total:,} bytes")


def _digest(bucket: str, path: str) -> str | None:
    """The sha256 that an object was uploaded with, or None."""
    try:
        found = aws.client("s3").head_object(Bucket=bucket, Key=PREFIX + path)
    except ClientError as error:
        if aws.is_missing(error):
            return None
        raise
    metadata: dict[str, Any] = found["Metadata"]
    return metadata.get("sha256")


def _upload(file: Path, bucket: str, path: str, sha256: str) -> None:
    # A large file goes in parts; its object is there when all of them are.
    aws.client("s3").upload_file(str(file), bucket, PREFIX + path, ExtraArgs={"Metadata": {"sha256": sha256}})
