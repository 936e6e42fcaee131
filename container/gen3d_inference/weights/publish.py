"""Uploads verified weights to the model bucket, uncompressed, as SageMaker reads them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from gen3d_events import aws

from gen3d_inference.weights import manifest
from gen3d_inference.weights.parts import upload

PREFIX = "weights/"
FOLDERS = ("moge", "sam-3d-objects", "sam3", "torch")

Tell = Callable[[str], None]


class PublishFailed(Exception):
    """The bucket does not have all weights. The message says what to do."""


def publish(folder: Path, bucket: str, tell: Tell) -> None:
    """Upload what the bucket does not have yet, the manifest last: with it the weights are complete.

    Raises WeightsInvalid, or PublishFailed; publishing again goes on with the part that failed.
    """
    verified = manifest.verify(folder, FOLDERS)
    total, done = sum(file.bytes for file in verified.files.values()), 0

    def tell_of(path: str, what: str, size: int) -> None:
        nonlocal done
        done += size
        tell(f"{done / max(total, 1):6.1%}  {what}  {path}")

    try:
        for path, file in verified.files.items():
            if _digest(bucket, path) == file.sha256:
                tell_of(path, "is there", file.bytes)
            else:
                upload(folder / path, bucket, PREFIX + path, file.sha256, partial(tell_of, path, "uploaded"))
        last = folder / manifest.NAME
        upload(last, bucket, PREFIX + manifest.NAME, manifest.digest(last))
    except (BotoCoreError, ClientError) as error:
        raise PublishFailed(
            f"The upload to {bucket} broke off. Publish again: it goes on. If it cannot begin, look at the "
            f"bucket's name (the stack's ModelBucketName) and at your AWS credentials. ({error})"
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
