"""Uploads a file to S3, a large one in parts, and goes on with the parts of an upload that broke off."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from gen3d_events import aws

PART_BYTES = 64 << 20
"""S3 takes 10,000 parts, each of 5 MiB or more but the last."""
_AT_ONCE = 4

Sent = Callable[[int], None]


class _Begun(NamedTuple):
    """An upload that is not completed. parts: what S3 has of it, by number, as `complete` wants it."""

    identifier: str
    parts: dict[int, dict[str, Any]]


def upload(file: Path, bucket: str, key: str, sha256: str, sent: Sent = lambda _: None) -> None:
    """Store a file, with its sha256 as metadata. sent: is told of bytes that have come to be in the bucket.

    Raises BotoCoreError and ClientError; the parts that were sent by then are kept for another time.
    """
    s3, metadata = aws.client("s3"), {"sha256": sha256}
    size = file.stat().st_size
    if size <= PART_BYTES:
        with file.open("rb") as body:
            s3.put_object(Bucket=bucket, Key=key, Body=body, Metadata=metadata)
        sent(size)
        return
    begun = _begun(file, bucket, key) or _Begun(
        s3.create_multipart_upload(Bucket=bucket, Key=key, Metadata=metadata, ChecksumAlgorithm="CRC32")[
            "UploadId"
        ],
        {},
    )
    if begun.parts:
        sent(sum(len(_part(file, number)) for number in begun.parts))

    def send(number: int) -> int:
        body = _part(file, number)
        answer = s3.upload_part(
            Bucket=bucket,
            Key=key,
            UploadId=begun.identifier,
            PartNumber=number,
            Body=body,
            ChecksumAlgorithm="CRC32",
        )
        begun.parts[number] = _completing(number, answer)
        return len(body)

    numbers = range(1, -(-size // PART_BYTES) + 1)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for length in pool.map(send, [number for number in numbers if number not in begun.parts]):
            sent(length)
    s3.complete_multipart_upload(
        Bucket=bucket,
        Key=key,
        UploadId=begun.identifier,
        MultipartUpload={"Parts": [begun.parts[number] for number in numbers]},
    )


def _begun(file: Path, bucket: str, key: str) -> _Begun | None:
    """An upload of this very file. Those of other content under its key are given up."""
    s3 = aws.client("s3")
    pages = s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=key)
    found = None
    for one in [one for page in pages for one in page.get("Uploads", []) if one["Key"] == key]:
        which = {"Bucket": bucket, "Key": key, "UploadId": one["UploadId"]}
        listed = [
            part
            for page in s3.get_paginator("list_parts").paginate(**which)
            for part in page.get("Parts", [])
        ]
        # The bucket encrypts with S3's own keys, so a part's ETag is its MD5.
        same = listed and all(_md5(_part(file, it["PartNumber"])) == it["ETag"].strip('"') for it in listed)
        if same and found is None:
            parts = {part["PartNumber"]: _completing(part["PartNumber"], part) for part in listed}
            found = _Begun(one["UploadId"], parts)
        else:
            s3.abort_multipart_upload(**which)
    return found


def _completing(number: int, answer: Mapping[str, Any]) -> dict[str, Any]:
    sums = {name: answer[name] for name in ("ETag", "ChecksumCRC32") if name in answer}
    return {"PartNumber": number, **sums}


def _part(file: Path, number: int) -> bytes:
    """Parts count from 1."""
    with file.open("rb") as opened:
        opened.seek((number - 1) * PART_BYTES)
        return opened.read(PART_BYTES)


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
