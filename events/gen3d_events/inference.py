"""The contract between the services and the endpoint's server: request, reply and failure documents.

The request lies at `inference/input/{session_id}/{inference_id}.json`. It carries the causing event's whole
metadata and all that the finishing consumer needs, because embedding and reconstruction keep no table.
"""

from typing import Literal

from pydantic import AwareDatetime, Field, PositiveInt

from gen3d_events.codes import ErrorClass
from gen3d_events.event import Metadata, Model
from gen3d_events.models import Attempt, Engine, JobOptions, Key, Mask, Photo, Seconds, Task

MAX_CANDIDATES = 10


class InferenceRequest(Model):
    """One request to the endpoint. `mask` and `options` are present for task `reconstruct`, `text` for
    `segment`."""

    task: Task
    inference_id: str = Field(max_length=64)
    attempt: Attempt = 1
    metadata: Metadata = Field(description="Of the event that asked for this computation.")
    requested_at: AwareDatetime | None = Field(
        None, description="When it was first asked for: the same for every attempt."
    )
    bucket: str
    photo: Photo
    mask: Mask | None = None
    options: JobOptions | None = None
    text: str | None = Field(
        None, min_length=1, max_length=100, description="What to look for: a noun phrase such as `red chair`."
    )
    output_prefix: str = Field(description="Key prefix for the result files, ending in a slash.")


class EmbedReply(Model):
    """The endpoint's reply to `embed`: `manifest.json` and `embedding.safetensors`, under output_prefix."""

    task: Literal["embed"] = "embed"
    inference_id: str
    engine: Engine
    manifest_key: Key
    embedding_key: Key
    bytes: PositiveInt
    seconds: Seconds


class Pose(Model):
    """From the object's own space (unit cube, Z up) into the camera's, as the engine gives it."""

    rotation: tuple[float, float, float, float] = Field(description="Unit quaternion w, x, y, z.")
    translation: tuple[float, float, float]
    scale: tuple[float, float, float]


class ReconstructReply(Model):
    """The endpoint's reply to `reconstruct`: `splat.ply` lies under output_prefix."""

    task: Literal["reconstruct"] = "reconstruct"
    inference_id: str
    engine: Engine
    splat_key: Key
    bytes: PositiveInt
    gaussians: PositiveInt
    seconds: Seconds
    pose: Pose | None = None
    glb_key: Key | None = Field(None, description="A mesh by the engine itself, if it makes one.")


class Candidate(Model):
    """An object of the photo that is what the words say. Its mask is a PNG of the upright photo's size, 255
    inside."""

    key: Key
    version_id: str
    score: float = Field(ge=0, le=1)
    box: tuple[float, float, float, float] = Field(
        description="Left, top, right and bottom in px of the upright photo."
    )


class SegmentReply(Model):
    """The endpoint's reply to `segment`: the best candidates, best first; none if there is no such thing."""

    task: Literal["segment"] = "segment"
    inference_id: str
    engine: Engine
    candidates: tuple[Candidate, ...] = Field(max_length=MAX_CANDIDATES)
    seconds: Seconds


Reply = EmbedReply | ReconstructReply | SegmentReply


class ErrorReply(Model):
    """Body of every 4xx and 5xx of `/invocations`."""

    code: str
    error_class: ErrorClass
    message: str


# --- the embedding's manifest, read by page and SDK --------------------------------------------------


class TensorSpec(Model):
    """One tensor of `embedding.safetensors`, fed to the decoder by this name."""

    name: str
    shape: tuple[PositiveInt, ...]
    dtype: Literal["float16", "float32", "int32", "int64", "uint8"]


Role = Literal["prepare", "mask", "decode"]
"""What an ONNX graph of a decoder is for. `prepare` runs once per photo on the tensors, and its outputs join
or replace them by name; `mask` runs for an earlier mask, on the same and on `mask_input`, and its output
`masked_x` replaces the tensor `x` for that one decoding (no graph may name an output as an input); `decode`
makes masks of clicks. Each takes what it declares as inputs, by name."""


class DecoderGraph(Model):
    """An ONNX file in the model bucket, named by its content."""

    role: Role
    key: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: PositiveInt


class EmbeddingManifest(Model):
    """How to turn clicks into masks for one photo.

    A click at photo pixel (x, y) goes into the decoder as (x / photo_width * input_width,
    y / photo_height * input_height). Mask logits are mask_height x mask_width over the same frame;
    the object is where a logit exceeds `mask_threshold`.
    """

    schema_version: Literal["1.0"] = "1.0"
    engine: Engine
    photo_width: PositiveInt
    photo_height: PositiveInt
    input_width: PositiveInt
    input_height: PositiveInt
    preprocessing: str = Field(description="How the photo became the encoder's input, in words.")
    mask_width: PositiveInt
    mask_height: PositiveInt
    mask_threshold: float = 0.0
    embedding_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    tensors: tuple[TensorSpec, ...]
    decoder: tuple[DecoderGraph, ...]
