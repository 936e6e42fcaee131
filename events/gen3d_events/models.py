"""Every event of Gen3D, in the order in which a photo meets them. This file is the contract's one source."""

from enum import StrEnum
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    AwareDatetime,
    Field,
    GetJsonSchemaHandler,
    PositiveInt,
    SerializerFunctionWrapHandler,
    model_serializer,
)
from pydantic.json_schema import JsonSchemaValue

from gen3d_events.codes import ErrorClass, codes
from gen3d_events.event import Event, Model

Key = Annotated[str, Field(min_length=1, max_length=1024, description="S3 key in the data bucket.")]
Fraction = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0)]
Attempt = Annotated[int, Field(ge=1, le=9)]


class Quality(StrEnum):
    FAST = "fast"
    BALANCED = "balanced"
    HIGH = "high"


class Intent(StrEnum):
    """`select`: a person will click, so embed the photo. `direct`: the object is already cut out."""

    SELECT = "select"
    DIRECT = "direct"


MeshFormat = Literal["glb", "obj", "ply", "stl", "usdz", "splat"]
TextureSize = Literal[512, 1024, 2048]


def _each_once(formats: tuple[MeshFormat, ...]) -> tuple[MeshFormat, ...]:
    """In the order of MeshFormat, so that equal wishes are equal."""
    if len(set(formats)) < len(formats):
        raise ValueError("a format stands there twice")
    return tuple(sorted(formats, key=get_args(MeshFormat).index))


class JobOptions(Model):
    """What a person can choose of a job. Same options and seed, same result."""

    quality: Quality = Quality.BALANCED
    formats: Annotated[
        tuple[MeshFormat, ...],
        Field(
            min_length=1,
            json_schema_extra={"uniqueItems": True},
            description="Each gives files: glb mesh.glb and mesh.draco.glb, obj mesh-obj.zip, ply mesh.ply, "
            "stl mesh.stl, usdz mesh.usdz, splat splat-clean.ply and splat.spz. preview.png, turntable.webp "
            "and stats.json are always made.",
        ),
        AfterValidator(_each_once),
    ] = ("glb",)
    texture: TextureSize | None = Field(
        1024, description="Side of the baked texture in px; null: colours at the vertices only."
    )
    seed: int = Field(42, ge=0, le=2**31 - 1)

    @model_serializer(mode="wrap")
    def _with_null(self, fields: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Elsewhere what is null is left out; here that would mean the default."""
        kept: dict[str, Any] = fields(self)
        return kept | ({"texture": None} if self.texture is None else {})

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, schema: GetJsonSchemaHandler) -> JsonSchemaValue:
        """That of the fields: of what a serializer gives pydantic knows nothing."""
        return schema({name: part for name, part in core.items() if name != "serialization"})


class Photo(Model):
    """The checked photo. Width and height are in px after EXIF orientation is applied."""

    key: Key
    version_id: str
    width: PositiveInt
    height: PositiveInt
    format: Literal["jpeg", "png", "webp"]
    bytes: PositiveInt
    thumbnail_key: Key


class Mask(Model):
    """The checked mask: a PNG of the upright photo's size with 0 and 255 only."""

    key: Key
    version_id: str
    width: PositiveInt
    height: PositiveInt
    pixels: PositiveInt = Field(description="Pixels inside the object.")
    coverage: Fraction = Field(description="pixels / (width * height).")
    specks_dropped: int = Field(0, ge=0, description="Pieces under 0.1 % of the mask that were removed.")


Task = Literal["embed", "reconstruct", "segment"]
"""What the endpoint is asked to do."""


class Engine(Model):
    """What computed a result. `weight_free` engines use no trained model, and are labelled so everywhere."""

    name: str
    version: str
    weight_free: bool


class Failure(Event):
    """Fields of every rejection and failure; `code` comes from the one table in codes.py."""

    code: str
    error_class: ErrorClass
    message: str = Field(description="One sentence for a person.")
    hint: str = Field(description="What the person can do.")
    detail_text: str | None = Field(None, max_length=2000, description="Technical detail for operators.")

    @classmethod
    def because(cls, code: str, detail: str | None = None, **fields: object) -> Self:
        entry = codes[code]
        return cls.model_validate(
            {
                "code": code,
                "error_class": entry.error_class,
                "message": entry.message,
                "hint": entry.hint,
                "detail_text": detail[:2000] if detail else None,
                **fields,
            }
        )


# --- upload: a photo arrives -----------------------------------------------------------------------


class ImageUploaded(Event):
    """A photo passed every check and lies at its final key."""

    source = "gen3d.upload"
    detail_type = "Image Uploaded"
    photo: Photo
    intent: Intent = Intent.SELECT


class ImageRejected(Failure):
    """A photo failed a check; the session waits for another one."""

    source = "gen3d.upload"
    detail_type = "Image Rejected"


# --- embedding --------------------------------------------------------------------------------------


class EmbeddingStarted(Event):
    """The endpoint accepted the embedding request."""

    source = "gen3d.embedding"
    detail_type = "Embedding Started"
    inference_id: str
    attempt: Attempt = 1
    due_at: AwareDatetime = Field(description="After this moment the watchdog calls the stage overdue.")


class EmbeddingCompleted(Event):
    """The photo can be clicked: embedding and manifest are stored."""

    source = "gen3d.embedding"
    detail_type = "Embedding Completed"
    manifest_key: Key
    embedding_key: Key
    bytes: PositiveInt
    engine: Engine
    seconds: Seconds = Field(description="Computing time on the endpoint.")
    requested_at: AwareDatetime | None = Field(None, description="When the photo was accepted.")


class EmbeddingFailed(Failure):
    """The photo could not be embedded. Final."""

    source = "gen3d.embedding"
    detail_type = "Embedding Failed"


class EmbeddingTimedOut(Failure):
    """No answer came from the endpoint in time; a late result still wins."""

    source = "gen3d.upload"
    detail_type = "Embedding Timed Out"


# --- upload: a mask arrives -------------------------------------------------------------------------


class ReconstructionRequested(Event):
    """A mask passed every check: the job can be computed."""

    source = "gen3d.upload"
    detail_type = "Reconstruction Requested"
    photo: Photo
    mask: Mask
    options: JobOptions = Field(default_factory=JobOptions)


class MaskRejected(Failure):
    """A mask failed a check; the job waits for another one."""

    source = "gen3d.upload"
    detail_type = "Mask Rejected"


# --- reconstruction ---------------------------------------------------------------------------------


class ReconstructionStarted(Event):
    """The endpoint accepted the reconstruction request."""

    source = "gen3d.reconstruction"
    detail_type = "Reconstruction Started"
    inference_id: str
    attempt: Attempt = 1
    due_at: AwareDatetime = Field(description="After this moment the watchdog calls the stage overdue.")


class ReconstructionCompleted(Event):
    """Gaussian splats are stored."""

    source = "gen3d.reconstruction"
    detail_type = "Reconstruction Completed"
    splat_key: Key
    bytes: PositiveInt
    gaussians: PositiveInt
    mask: Mask
    options: JobOptions
    engine: Engine
    seconds: Seconds = Field(description="Computing time on the endpoint.")
    attempt: Attempt = 1
    requested_at: AwareDatetime | None = Field(
        None, description="When the job was requested: before its first attempt."
    )


class ReconstructionFailed(Failure):
    """The reconstruction failed. Final."""

    source = "gen3d.reconstruction"
    detail_type = "Reconstruction Failed"
    quality: Quality | None = Field(None, description="Of the job, where it is known.")
    reconstructor: str | None = Field(None, description="Name of the engine that the stack is set up with.")


class ReconstructionRetryScheduled(Failure):
    """A transient failure; the request is repeated after a delay, `attempt` being the next one's number."""

    source = "gen3d.reconstruction"
    detail_type = "Reconstruction Retry Scheduled"
    attempt: Attempt
    photo: Photo
    mask: Mask
    options: JobOptions
    requested_at: AwareDatetime | None = Field(
        None, description="When the job was requested: before its first attempt."
    )


class JobTimedOut(Failure):
    """No result came in time; a late result still wins."""

    source = "gen3d.upload"
    detail_type = "Job Timed Out"


# --- the endpoint's voice ---------------------------------------------------------------------------


class InferenceSucceeded(Event):
    """The endpoint answered a request with a manifest in S3."""

    source = "gen3d.inference"
    detail_type = "Inference Succeeded"
    inference_id: str
    attempt: Attempt = 1
    task: Task
    input_key: Key
    output_key: Key


class InferenceFailed(Event):
    """The endpoint failed a request, or let it expire."""

    source = "gen3d.inference"
    detail_type = "Inference Failed"
    inference_id: str
    attempt: Attempt = 1
    task: Task
    input_key: Key
    failure_key: Key | None = None
    status: str = Field(description='SageMaker\'s invocationStatus: "Failed", "Expired" or another.')
    reason: str = Field("", max_length=4000)


# --- meshing ----------------------------------------------------------------------------------------


class MeshingStarted(Event):
    """The splats are being turned into a mesh."""

    source = "gen3d.meshing"
    detail_type = "Meshing Started"


class MeshFile(Model):
    key: Key
    bytes: PositiveInt


class MeshCompleted(Event):
    """The job is done: mesh, preview and statistics are stored."""

    source = "gen3d.meshing"
    detail_type = "Mesh Completed"
    splat_key: Key
    files: dict[str, MeshFile] = Field(
        description='By name: those of the job\'s formats, such as "mesh.glb", and "preview.png", '
        '"turntable.webp", "stats.json".'
    )
    vertices: PositiveInt
    triangles: PositiveInt
    watertight: bool
    quality: Quality
    engine: Engine = Field(description="The reconstructor whose splats were meshed.")
    seconds: Seconds


class MeshingFailed(Failure):
    """The splats gave no mesh. Final."""

    source = "gen3d.meshing"
    detail_type = "Meshing Failed"


# --- notification -----------------------------------------------------------------------------------


class UserNotified(Event):
    """A person or system was told of another event."""

    source = "gen3d.notification"
    detail_type = "User Notified"
    channel: Literal["email", "webhook", "push"]
    notified_of: str = Field(description="detail-type of the event that the person was told of.")


class NotificationFailed(Failure):
    """A person or system could not be told of another event."""

    source = "gen3d.notification"
    detail_type = "Notification Failed"
    channel: Literal["email", "webhook", "push"]
    notified_of: str


# --- a session's end --------------------------------------------------------------------------------


class SessionDeletionRequested(Event):
    """The session is hidden, and is purged when the grace has passed."""

    source = "gen3d.upload"
    detail_type = "Session Deletion Requested"
    purge_at: AwareDatetime


class SessionRestored(Event):
    """A deletion was taken back."""

    source = "gen3d.upload"
    detail_type = "Session Restored"


class SessionPurged(Event):
    """Every object version and row of the session is gone."""

    source = "gen3d.upload"
    detail_type = "Session Purged"
    object_versions: int = Field(ge=0)
