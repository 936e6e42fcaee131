"""Zips of the repository's folders, the same bytes for the same files, named by their content."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from gen3d_local.rewrites import Package

BUCKET = "gen3d-artifacts"
EPOCH = (1980, 1, 1, 0, 0, 0)
LEFT_OUT = ("__pycache__", ".pytest_cache")


def zipped(root: Path, package: Package) -> bytes:
    """The folder as a deterministic zip."""
    folder = root / package.folder
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path in sorted(folder.rglob("*")):
            inside = path.relative_to(folder)
            if path.is_file() and not set(inside.parts) & set(LEFT_OUT):
                name = (Path(package.inside) / inside).as_posix()
                archive.writestr(zipfile.ZipInfo(name, EPOCH), path.read_bytes(), zipfile.ZIP_DEFLATED)
    return content.getvalue()


def upload(s3: Any, root: Path, packages: set[Package]) -> dict[Package, str]:
    """Put what is not there yet; return each package's `s3://bucket/key`."""
    s3.create_bucket(Bucket=BUCKET)
    return {
        package: f"s3://{BUCKET}/{put(s3, package.folder, 'zip', zipped(root, package))}"
        for package in packages
    }


def put(s3: Any, folder: str, suffix: str, content: bytes) -> str:
    """Put content under a key made from it, unless it is there; return the key."""
    key = f"{folder}/{hashlib.sha256(content).hexdigest()[:32]}.{suffix}"
    if not _exists(s3, key):
        s3.put_object(Bucket=BUCKET, Key=key, Body=content)
    return key


def _exists(s3: Any, key: str) -> bool:
    try:
        s3.head_object(Bucket=BUCKET, Key=key)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return False
        raise
    return True
