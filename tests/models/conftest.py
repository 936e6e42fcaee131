"""SAM 3 with random weights: an image encoder of two layers, and a photo of 112 px, with FULL=1 of 1008 px.

The decoder has its real width either way. This folder has an environment of its own (`make test-models`), so
pytest leaves the other folders' conftest alone here.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gen3d_events import aws
from gen3d_events.inference import InferenceRequest
from gen3d_events.samples import BUCKET, samples
from gen3d_inference import export_decoder
from gen3d_inference.decoder import checkpoint
from gen3d_inference.decoder.parity import Parity
from gen3d_inference.engines import Photo
from moto import mock_aws
from PIL import Image

from tests.models.weights import SMALL

FULL = os.environ.get("FULL") == "1"
SIZE = checkpoint.IMAGE_SIZE if FULL else SMALL
MODELS = "models"
"""The bucket that holds the decoders."""


@dataclass(frozen=True)
class Exported:
    """A model, its exported decoder, and what the export's own check found. weights: GEN3D_WEIGHTS."""

    model: Any
    weights: Path
    parity: Parity

    @property
    def decoder(self) -> Path:
        return self.weights / "sam3" / "decoder"

    @property
    def environment(self) -> Mapping[str, str]:
        return {"GEN3D_WEIGHTS": str(self.weights)}


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """Random weights as a folder of facebook/sam3's form, with the decoder beside them."""
    weights = tmp_path_factory.mktemp("weights")
    model = checkpoint.random(SIZE)
    model.save_pretrained(weights / "sam3")
    (weights / "sam3" / "LICENSE").write_text("SAM License\n")
    found = export_decoder.export(
        model, export_decoder.licence(weights / "sam3"), weights / "sam3" / "decoder"
    )
    return Exported(model, weights, found)


@pytest.fixture(scope="session")
def photo() -> Photo:
    """Wider than high, upright, with something to see."""
    row, column = np.mgrid[0:150, 0:200]
    inside = np.hypot(column - 110, row - 80) < 45
    shades = np.stack([row, column, row + column], -1) % 256
    return np.where(inside[..., None], 255 - shades, shades).astype(np.uint8)


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        client = aws.client("s3")
        for bucket in (BUCKET, MODELS):
            client.create_bucket(Bucket=bucket)
        client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        yield client
        aws.client.cache_clear()


def request(s3: Any, photo: Photo, **task: str) -> InferenceRequest:
    """A photo that is stored, and what is asked of it: its embedding, unless the task is another."""
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "PNG")
    stored = s3.put_object(Bucket=BUCKET, Key="photo.png", Body=file.getvalue())
    height, width, _ = photo.shape
    return InferenceRequest.model_validate(
        {
            "task": "embed",
            "inference_id": "emb-1",
            "metadata": samples["Image Uploaded"].metadata,
            "bucket": BUCKET,
            "photo": {
                **json.loads(samples["Image Uploaded"].model_dump_json())["photo"],
                "key": "photo.png",
                "version_id": stored["VersionId"],
                "width": width,
                "height": height,
            },
            "output_prefix": "users/somebody/",
            **task,
        }
    )
