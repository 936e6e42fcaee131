"""Files in the data bucket: what was uploaded, and what is kept of it."""

from __future__ import annotations

import os

from gen3d_events import aws, keys
from gen3d_events.models import Mask, Photo
from gen3d_events.notices import S3ObjectCreated

from gen3d_upload.limits import MAX_BYTES
from gen3d_upload.mask import CheckedMask
from gen3d_upload.photo import CheckedPhoto
from gen3d_upload.rejected import Rejected

_EXTENSION = {"jpeg": "jpg", "png": "png", "webp": "webp"}


def read(notice: S3ObjectCreated, too_heavy: str) -> bytes:
    """The version of the object that the notice names. Raises Rejected with `too_heavy`."""
    if notice.size > MAX_BYTES:
        raise Rejected(too_heavy, f"{notice.size} bytes")
    answer = aws.client("s3").get_object(Bucket=notice.bucket, Key=notice.key, VersionId=notice.version_id)
    body: bytes = answer["Body"].read()
    return body


def keep_photo(notice: S3ObjectCreated, about: keys.Incoming, checked: CheckedPhoto) -> Photo:
    """Doing this twice only adds equal versions of the same objects."""
    prefix = keys.session_prefix(about.user_id, about.session_id)
    key, thumbnail_key = f"{prefix}photo.{_EXTENSION[checked.format]}", f"{prefix}thumbnail.jpg"
    s3 = aws.client("s3")
    s3.put_object(Bucket=notice.bucket, Key=thumbnail_key, Body=checked.thumbnail, ContentType="image/jpeg")
    copy = s3.copy_object(
        Bucket=notice.bucket,
        Key=key,
        CopySource={"Bucket": notice.bucket, "Key": notice.key, "VersionId": notice.version_id},
        ContentType=f"image/{checked.format}",
        MetadataDirective="REPLACE",
        TaggingDirective="REPLACE",
    )
    return Photo(
        key=key,
        version_id=copy["VersionId"],
        width=checked.width,
        height=checked.height,
        format=checked.format,
        bytes=notice.size,
        thumbnail_key=thumbnail_key,
    )


def keep_mask(about: keys.Incoming, checked: CheckedMask, photo: Photo) -> Mask:
    """Doing this twice only adds an equal version of the same object."""
    key = f"{keys.job_prefix(about.user_id, about.session_id, about.job_id or '')}mask.png"
    put = aws.client("s3").put_object(
        Bucket=os.environ["DATA_BUCKET"], Key=key, Body=checked.png, ContentType="image/png"
    )
    return Mask(
        key=key,
        version_id=put["VersionId"],
        width=photo.width,
        height=photo.height,
        pixels=checked.pixels,
        coverage=checked.coverage,
        specks_dropped=checked.specks_dropped,
    )
