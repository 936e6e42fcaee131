"""Requests to the server, with their files in S3 in moto, and what it answers."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
from gen3d_events.inference import ErrorReply, InferenceRequest
from gen3d_events.models import JobOptions, Mask, Photo, Quality
from gen3d_events.samples import BUCKET, samples
from PIL import Image

MODELS = "gen3d-dev-models"
JSON = {"Content-Type": "application/json"}
WIDTH, HEIGHT = 160, 120
PREFIX = "users/somebody/sessions/ses/"
DEADLINE_SECONDS = 90


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def stored(s3: Any, name: str, content: bytes) -> tuple[str, str]:
    key = f"{PREFIX}{name}"
    return key, s3.put_object(Bucket=BUCKET, Key=key, Body=content)["VersionId"]


def png(values: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(values).save(file, "PNG")
    return file.getvalue()


def disc() -> np.ndarray[Any, np.dtype[np.uint8]]:
    row, column = np.mgrid[0:HEIGHT, 0:WIDTH]
    inside = np.hypot(column - WIDTH / 2, row - HEIGHT / 2) < 40
    return np.where(inside, np.uint8(255), np.uint8(0))


def request(s3: Any, task: str = "embed", **changes: object) -> InferenceRequest:
    """A valid request whose photo (a red disc on white) and mask are stored."""
    picture = np.where(disc()[..., None] > 0, (200, 40, 40), 250).astype(np.uint8)
    photo_key, photo_version = stored(s3, "photo.png", png(picture))
    mask_key, mask_version = stored(s3, "mask.png", png(disc()))
    made = InferenceRequest.model_validate(
        {
            "task": task,
            "inference_id": "emb-1" if task == "embed" else "rec-1",
            "metadata": samples["Image Uploaded"].metadata,
            "bucket": BUCKET,
            "photo": Photo(
                key=photo_key,
                version_id=photo_version,
                width=WIDTH,
                height=HEIGHT,
                format="png",
                bytes=1,
                thumbnail_key="thumbnail.jpg",
            ),
            "mask": Mask(
                key=mask_key,
                version_id=mask_version,
                width=WIDTH,
                height=HEIGHT,
                pixels=int((disc() > 0).sum()),
                coverage=0.26,
            ),
            "options": JobOptions(quality=Quality.FAST),
            "output_prefix": f"{PREFIX}out/",
        }
    )
    return made.model_copy(update=changes)


def invoke(client: httpx.Client, wanted: InferenceRequest) -> httpx.Response:
    return client.post("/invocations", content=wanted.model_dump_json(), headers=JSON)


def content(s3: Any, key: str, bucket: str = BUCKET) -> bytes:
    body: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    return body


def refusal(answer: httpx.Response) -> tuple[int, str, str]:
    assert int(answer.headers["content-length"]) == len(answer.content)
    told = ErrorReply.model_validate_json(answer.content)
    assert told.message
    return answer.status_code, told.code, told.error_class
