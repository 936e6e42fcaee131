"""SAM 3 where it is used: in the server's task, S3 in moto, and in a process of its own."""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy as np
from gen3d.clicks import Clicks
from gen3d_events.inference import EmbeddingManifest, EmbedReply
from gen3d_events.samples import BUCKET
from gen3d_inference.engines import Photo, segmenter_maker
from gen3d_inference.engines.remote import RemoteSegmenter
from gen3d_inference.tasks import Workshop

from tests.models.conftest import MODELS, Exported, request


def test_a_photo_is_embedded_for_the_browser(exported: Exported, photo: Photo, s3: Any) -> None:
    """What lies in the buckets afterwards is all that a client needs for a mask."""
    segmenter = segmenter_maker({"GEN3D_SEGMENTER": "sam3", **exported.environment})()
    reply = Workshop(segmenter, None, MODELS).run(request(s3, photo))
    assert isinstance(reply, EmbedReply)
    assert (reply.engine.name, reply.engine.weight_free) == ("sam3", False)

    def read(bucket: str, key: str) -> bytes:
        body: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return body

    manifest = read(BUCKET, reply.manifest_key)
    graphs = EmbeddingManifest.model_validate_json(manifest).decoder
    clicks = Clicks(
        manifest,
        read(BUCKET, reply.embedding_key),
        {graph.role: read(MODELS, graph.key) for graph in graphs},
    )
    for graph in graphs:
        assert read(MODELS, f"{graph.key}.LICENSE") == b"SAM License\n"
    found = clicks.segment([(110, 80, 1)])[0]
    assert found.mask().shape == photo.shape[:2]


def test_it_computes_the_same_in_a_process_of_its_own(exported: Exported, photo: Photo) -> None:
    environment = {**os.environ, **exported.environment, "GEN3D_SEGMENTER": "sam3"}
    here = segmenter_maker(environment)().embed(photo)
    remote = RemoteSegmenter(sys.executable, environment)
    there = remote.embed(photo)
    remote.close()
    assert there.decoder == here.decoder
    assert all(np.array_equal(there.tensors[name], tensor) for name, tensor in here.tensors.items())
