"""Put the built web app where CloudFront serves it: python -m gen3d_local.publish STACK

What is named by its content goes first and is kept for good; the page that names it goes last, so that nobody
gets a page whose parts are not there yet. Parts of older pages stay for those who have them open.
"""

from __future__ import annotations

import mimetypes
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3

from gen3d_local.front import SITE

FOR_GOOD = "public, max-age=31536000, immutable"


def uploads(site: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Key and arguments of PutObject for each file, in order. Maps of the sources stay at home.

    What the build has compressed is stored in that form alone: every browser that can run the page takes
    Brotli, and CloudFront sends what has an encoding as it is. The rest it compresses itself.
    """
    files = sorted(path for path in site.rglob("*") if path.is_file())
    for path in sorted(files, key=lambda it: it.name == "index.html"):
        if path.suffix in {".map", ".br"}:
            continue
        key = path.relative_to(site).as_posix()
        hashed = key.startswith("assets/")
        put: dict[str, Any] = {
            "ContentType": mimetypes.guess_type(key)[0] or "application/octet-stream",
            "CacheControl": FOR_GOOD if hashed else "no-cache",
        }
        compressed = path.with_name(f"{path.name}.br")
        if compressed.exists():
            put["ContentEncoding"] = "br"
        yield key, {**put, "Body": (compressed if compressed.exists() else path).read_bytes()}


def publish(stack: str, site: Path = SITE) -> str:
    """Upload the page and have CloudFront forget the old one. Returns the site's address."""
    told = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]["Outputs"]
    outputs = {one["OutputKey"]: one["OutputValue"] for one in told}
    s3 = boto3.client("s3")
    for key, put in uploads(site):
        s3.put_object(Bucket=outputs["SiteBucketName"], Key=key, **put)
    boto3.client("cloudfront").create_invalidation(
        DistributionId=outputs["SiteId"],
        InvalidationBatch={
            "Paths": {"Quantity": 1, "Items": ["/index.html"]},
            "CallerReference": str(time.time_ns()),
        },
    )
    return str(outputs["SiteUrl"])


if __name__ == "__main__":
    print(f"The site: {publish(sys.argv[1])}")
