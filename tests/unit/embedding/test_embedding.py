"""A photo is asked for, and an answer becomes an event."""

from __future__ import annotations

from typing import Any

import pytest
from gen3d_embedding import finish, start
from gen3d_events import ids
from gen3d_events.event import Event
from gen3d_events.inference import EmbedReply, InferenceRequest
from gen3d_events.models import (
    EmbeddingCompleted,
    EmbeddingFailed,
    EmbeddingStarted,
    ImageUploaded,
    InferenceFailed,
    InferenceSucceeded,
)
from gen3d_events.samples import BUCKET, SESSION, USER, samples, segmenter

pytestmark = pytest.mark.usefixtures("endpoint_settings")

UPLOADED = samples["Image Uploaded"]
ID = f"emb-{SESSION}-1"
REPLY = EmbedReply(
    inference_id=ID,
    engine=segmenter,
    manifest_key="users/a/embedding/manifest.json",
    embedding_key="users/a/embedding/embedding.safetensors",
    bytes=4_194_592,
    seconds=1.84,
)


def request() -> InferenceRequest:
    assert isinstance(UPLOADED, ImageUploaded)
    return InferenceRequest(
        task="embed",
        inference_id=ID,
        metadata=UPLOADED.metadata,
        requested_at=UPLOADED.metadata.occurred_at,
        bucket=BUCKET,
        photo=UPLOADED.photo,
        output_prefix=f"users/{USER}/sessions/{SESSION}/embedding/",
    )


def test_a_photo_is_asked_for(data_bucket: Any) -> None:
    assert isinstance(UPLOADED, ImageUploaded)
    [started] = start.handler.consume(UPLOADED)

    assert isinstance(started, EmbeddingStarted)
    assert (started.inference_id, started.attempt) == (ID, 1)
    assert ids.caused(started, UPLOADED, "test", 0).metadata.session_id == SESSION
    stored = data_bucket.get_object(Bucket=BUCKET, Key=f"inference/input/{SESSION}/{ID}.json")["Body"].read()
    assert InferenceRequest.model_validate_json(stored) == request()


def test_the_inference_id_fits_into_64_characters() -> None:
    assert len(ID) <= 64


def test_a_reply_completes_the_embedding(data_bucket: Any) -> None:
    data_bucket.put_object(Bucket=BUCKET, Key="in", Body=request().model_dump_json().encode())
    data_bucket.put_object(Bucket=BUCKET, Key="out", Body=REPLY.model_dump_json().encode())
    event = InferenceSucceeded(inference_id=ID, task="embed", input_key="in", output_key="out")

    [completed] = finish.handler.consume(event)

    assert completed == EmbeddingCompleted(
        manifest_key=REPLY.manifest_key,
        embedding_key=REPLY.embedding_key,
        bytes=REPLY.bytes,
        engine=segmenter,
        seconds=1.84,
        requested_at=UPLOADED.metadata.occurred_at,
    )


def test_a_failure_is_final_and_in_the_persons_words(data_bucket: Any) -> None:
    data_bucket.put_object(Bucket=BUCKET, Key="in", Body=request().model_dump_json().encode())
    event = InferenceFailed(inference_id=ID, task="embed", input_key="in", status="Expired")

    events: list[Event] = list(finish.handler.consume(event))

    assert events == [EmbeddingFailed.because("inference_expired", "Expired")]
