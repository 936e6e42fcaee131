"""One valid, realistic sample of every event, told as the story of one session. All ids are fictitious."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from hashlib import md5
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from gen3d_events import ids, keys
from gen3d_events.event import Event, Metadata, Subject
from gen3d_events.models import (
    EmbeddingCompleted,
    EmbeddingFailed,
    EmbeddingStarted,
    EmbeddingTimedOut,
    Engine,
    ImageRejected,
    ImageUploaded,
    InferenceFailed,
    InferenceSucceeded,
    JobOptions,
    JobTimedOut,
    Mask,
    MaskRejected,
    MeshCompleted,
    MeshFile,
    MeshingFailed,
    MeshingStarted,
    NotificationFailed,
    Photo,
    Quality,
    ReconstructionCompleted,
    ReconstructionFailed,
    ReconstructionRequested,
    ReconstructionRetryScheduled,
    ReconstructionStarted,
    SessionDeletionRequested,
    SessionPurged,
    SessionRestored,
    UserNotified,
)

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
USER = "5f0c1d6e-8a3b-4c7d-9e2f-1a2b3c4d5e6f"
SESSION = f"ses_{ids.ulid(NOON, bytes.fromhex('3fa85f64571745b3fc2c'))}"
JOB = f"job_{ids.ulid(NOON + timedelta(seconds=90), bytes.fromhex('963f66afa6de16c8a7b1'))}"
BUCKET = "gen3d-dev-data"
BUS = "gen3d-jobs-dev"
ACCOUNT = "123456789012"
REGION = "eu-central-1"
PHOTO_VERSION = "nQ3mT1xkX0Zr7d2HbYpVwUe5sLc8AfGo"
MASK_VERSION = "Jb6Rk0vYzT4hWq9XsD1nPeC7uLg3MfAi"

_session = Subject(user_id=USER, session_id=SESSION)
_job = Subject(user_id=USER, session_id=SESSION, job_id=JOB)
_session_prefix = keys.session_prefix(USER, SESSION)
_job_prefix = keys.job_prefix(USER, SESSION, JOB)
_embedding_id = f"emb-{SESSION}-1"
_reconstruction_id = f"rec-{JOB}-1"

photo = Photo(
    key=f"{_session_prefix}photo.jpg",
    version_id="c2VhbGVkIHBob3RvIHZlcnNpb24gb25l",
    width=1600,
    height=1200,
    format="jpeg",
    bytes=412_873,
    thumbnail_key=f"{_session_prefix}thumbnail.jpg",
)
mask = Mask(
    key=f"{_job_prefix}mask.png",
    version_id="c2VhbGVkIG1hc2sgdmVyc2lvbiBvbmU0",
    width=1600,
    height=1200,
    pixels=301_440,
    coverage=0.157,
    specks_dropped=2,
)
options = JobOptions(quality=Quality.BALANCED, formats=("glb",), seed=42)
segmenter = Engine(name="classical", version="1.0.0", weight_free=True)
reconstructor = Engine(name="relief", version="1.0.0", weight_free=True)

_told: dict[str, Event] = {}


def _tell(event: Event, subject: Subject, second: float, cause: str | Event) -> Event:
    at = NOON + timedelta(seconds=second)
    cause_id = cause.metadata.event_id if isinstance(cause, Event) else cause
    told = event.with_metadata(
        Metadata(
            event_id=ids.event_id(at, cause_id, "sample", event.detail_type, 0),
            occurred_at=at,
            session_id=subject.session_id,
            job_id=subject.job_id,
            user_id=subject.user_id,
            correlation_id=subject.session_id,
            causation_id=cause_id,
        )
    )
    _told[event.detail_type] = told
    return told


# --- a photo ------------------------------------------------------------------------------------------

_photo_arrived = f"{BUCKET}/{keys.incoming_photo(USER, SESSION)}?versionId={PHOTO_VERSION}"
_uploaded = _tell(ImageUploaded(photo=photo), _session, 2, _photo_arrived)
_tell(
    ImageRejected.because("image_too_small", "48 x 64 px"),
    _session,
    1,
    f"{BUCKET}/{keys.incoming_photo(USER, SESSION)}?versionId=0Yd8Lr2kGqXnVt5HsJw7ZbPeMc4UfAi1",
)
_embedding_started = _tell(
    EmbeddingStarted(inference_id=_embedding_id, due_at=NOON + timedelta(seconds=4803)),
    _session,
    3,
    _uploaded,
)
_tell(
    EmbeddingCompleted(
        manifest_key=f"{_session_prefix}embedding/manifest.json",
        embedding_key=f"{_session_prefix}embedding/embedding.safetensors",
        bytes=4_194_592,
        engine=segmenter,
        seconds=1.84,
        requested_at=NOON + timedelta(seconds=2),
    ),
    _session,
    6,
    f"{_embedding_id}:Completed",
)
_tell(
    EmbeddingFailed.because("model_unavailable", "sam3/model.safetensors"),
    _session,
    6,
    f"{_embedding_id}:Failed",
)
_tell(
    EmbeddingTimedOut.because("embedding_timed_out"),
    _session,
    4980,
    f"{SESSION}@{(NOON + timedelta(seconds=4803)).isoformat()}",
)

# --- a mask -------------------------------------------------------------------------------------------

_mask_arrived = f"{BUCKET}/{keys.incoming_mask(USER, SESSION, JOB)}?versionId={MASK_VERSION}"
_requested = _tell(ReconstructionRequested(photo=photo, mask=mask, options=options), _job, 95, _mask_arrived)
_tell(
    MaskRejected.because("mask_size_mismatch", "mask 800 x 600 px, photo 1600 x 1200 px"),
    _job,
    92,
    f"{BUCKET}/{keys.incoming_mask(USER, SESSION, JOB)}?versionId=7sWc1Kp9DnXeVb3HtJm5ZyRuLq8GfAi2",
)

# --- reconstruction -----------------------------------------------------------------------------------

_tell(
    ReconstructionStarted(inference_id=_reconstruction_id, due_at=NOON + timedelta(seconds=4896)),
    _job,
    96,
    _requested,
)
_succeeded = _tell(
    InferenceSucceeded(
        inference_id=_reconstruction_id,
        task="reconstruct",
        input_key=keys.inference_input(SESSION, _reconstruction_id),
        output_key="inference/output/3c9f8e52-6a41-4d0b-8f27-b1d5e7a90c36.out",
    ),
    _job,
    110,
    f"{_reconstruction_id}:Completed",
)
_failed = _tell(
    InferenceFailed(
        inference_id=_reconstruction_id,
        task="reconstruct",
        input_key=keys.inference_input(SESSION, _reconstruction_id),
        failure_key="inference/failure/3c9f8e52-6a41-4d0b-8f27-b1d5e7a90c36-error.out",
        status="Failed",
        reason="InternalServerException: the model answered 503",
    ),
    _job,
    110,
    f"{_reconstruction_id}:Failed",
)
_reconstructed = _tell(
    ReconstructionCompleted(
        splat_key=f"{_job_prefix}splat.ply",
        bytes=13_631_890,
        gaussians=200_461,
        mask=mask,
        options=options,
        engine=reconstructor,
        seconds=3.91,
        requested_at=NOON + timedelta(seconds=95),
    ),
    _job,
    111,
    _succeeded,
)
_tell(
    ReconstructionFailed.because(
        "inference_failed", "RuntimeError in the decoder", quality=Quality.BALANCED, reconstructor="relief"
    ),
    _job,
    111,
    _failed,
)
_tell(
    ReconstructionRetryScheduled.because(
        "inference_out_of_memory",
        "CUDA out of memory",
        attempt=2,
        photo=photo,
        mask=mask,
        options=options,
        requested_at=NOON + timedelta(seconds=95),
    ),
    _job,
    111,
    _failed,
)
_tell(
    JobTimedOut.because("job_timed_out"),
    _job,
    5100,
    f"{JOB}@{(NOON + timedelta(seconds=4896)).isoformat()}",
)

# --- meshing ------------------------------------------------------------------------------------------

_tell(MeshingStarted(), _job, 112, _reconstructed)
_meshed = _tell(
    MeshCompleted(
        splat_key=f"{_job_prefix}splat.ply",
        files={
            "mesh.glb": MeshFile(key=f"{_job_prefix}mesh.glb", bytes=1_903_448),
            "mesh.draco.glb": MeshFile(key=f"{_job_prefix}mesh.draco.glb", bytes=412_036),
            "preview.png": MeshFile(key=f"{_job_prefix}preview.png", bytes=84_120),
            "turntable.webp": MeshFile(key=f"{_job_prefix}turntable.webp", bytes=610_244),
            "stats.json": MeshFile(key=f"{_job_prefix}stats.json", bytes=1_207),
        },
        vertices=24_112,
        triangles=48_220,
        watertight=True,
        quality=Quality.BALANCED,
        engine=reconstructor,
        seconds=5.27,
    ),
    _job,
    118,
    _reconstructed,
)
_tell(
    MeshingFailed.because("surface_missing", "412 Gaussians left after cleaning"), _job, 118, _reconstructed
)

# --- notification -------------------------------------------------------------------------------------

_tell(UserNotified(channel="email", notified_of=MeshCompleted.detail_type), _job, 119, _meshed)
_tell(
    NotificationFailed.because(
        "notification_failed",
        "MessageRejected: the address is not verified",
        channel="email",
        notified_of=MeshCompleted.detail_type,
    ),
    _job,
    119,
    _meshed,
)

# --- the session's end --------------------------------------------------------------------------------

_deletion = _tell(
    SessionDeletionRequested(purge_at=NOON + timedelta(days=8)),
    _session,
    86_400,
    "request:8b1f0f0e-52d4-4f5b-9d0f-6f1a3c2b4d5e",
)
_tell(SessionRestored(), _session, 90_000, "request:2e6d7c1a-0b9f-4e83-a5d4-c3b2a1908f7e")
_tell(SessionPurged(object_versions=17), _session, 8 * 86_400 + 60, _deletion)

samples = {name: _told[name] for name in Event.registry if name in _told}
"""By detail-type, in the order of models.py; each has its metadata."""


# --- the forms in which they travel -------------------------------------------------------------------


def envelope(event: Event) -> dict[str, Any]:
    """The EventBridge event."""
    return {
        "version": "0",
        "id": str(uuid5(NAMESPACE_URL, event.metadata.event_id)),
        "detail-type": event.detail_type,
        "source": event.source,
        "account": ACCOUNT,
        "time": event.metadata.occurred_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": [],
        "detail": event.detail(),
    }


def sqs_event(*bodies: dict[str, Any]) -> dict[str, Any]:
    """What a Lambda function gets for messages with these bodies."""
    return {"Records": [_record(json.dumps(body)) for body in bodies]}


def _record(body: str) -> dict[str, Any]:
    sent = str(int(NOON.timestamp() * 1000))
    return {
        "messageId": str(uuid5(NAMESPACE_URL, body)),
        "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": sent,
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": sent,
        },
        "messageAttributes": {},
        "md5OfBody": md5(body.encode(), usedforsecurity=False).hexdigest(),
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:gen3d-dev-queue",
        "awsRegion": REGION,
    }


def _notice(status: str, answer: dict[str, str], **more: str) -> dict[str, Any]:
    return {
        "awsRegion": REGION,
        "eventTime": "2026-11-20T12:01:50.120Z",
        "receivedTime": "2026-11-20T12:01:36.002Z",
        "invocationStatus": status,
        "requestParameters": {
            "accept": "application/json",
            "contentType": "application/json",
            "endpointName": "gen3d-dev",
            "inputLocation": f"s3://{BUCKET}/{keys.inference_input(SESSION, _reconstruction_id)}",
        },
        "responseParameters": {"contentType": "application/json", **answer},
        "inferenceId": _reconstruction_id,
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
        **more,
    }


foreign: dict[str, dict[str, Any]] = {
    "s3-object-created": {
        "version": "0",
        "id": "17793124-05d4-5198-afde-7ededc63b103",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": ACCOUNT,
        "time": "2026-11-20T12:00:01Z",
        "region": REGION,
        "resources": [f"arn:aws:s3:::{BUCKET}"],
        "detail": {
            "version": "0",
            "bucket": {"name": BUCKET},
            "object": {
                "key": keys.incoming_photo(USER, SESSION),
                "size": 412_873,
                "etag": "b57f9910f8cd1a4527d894db5adf1c3e",
                "version-id": PHOTO_VERSION,
                "sequencer": "00617F08299329D189",
            },
            "request-id": "N4N7GDK58NMKJ12R",
            "requester": ACCOUNT,
            "source-ip-address": "192.0.2.7",
            "reason": "PostObject",
        },
    },
    "sagemaker-completed": _notice(
        "Completed",
        {"outputLocation": f"s3://{BUCKET}/inference/output/3c9f8e52-6a41-4d0b-8f27-b1d5e7a90c36.out"},
    ),
    "sagemaker-failed": _notice(
        "Failed",
        {
            "failureLocation": (
                f"s3://{BUCKET}/inference/failure/3c9f8e52-6a41-4d0b-8f27-b1d5e7a90c36-error.out"
            )
        },
        failureReason="InternalServerException: the model answered 503",
    ),
}
"""The messages that are not ours, as bodies of queue messages."""
