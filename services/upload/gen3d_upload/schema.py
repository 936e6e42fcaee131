"""What the API takes and gives. Times are ISO 8601 in UTC; addresses are presigned and soon expire."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from gen3d_events.event import JobId, SessionId
from gen3d_events.models import Engine, JobOptions
from gen3d_events.problem import Problem
from gen3d_events.read_model import JobState, SessionState
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

PRINTABLE = r"^[^\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]*$"
"""No control characters, line breaks or changes of the writing's direction: names stand in mails, file
names and logs."""

Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=PRINTABLE)
]
FileName = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=PRINTABLE)]
ContentType = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.+-]+/[A-Za-z0-9.+-]+$", max_length=100)]
Count = Annotated[int, Field(ge=0, le=100_000)]


class Request(BaseModel):
    """A request's body: a field that the API does not know is refused, so that a typo is not ignored."""

    model_config = ConfigDict(extra="forbid", defer_build=True)


class View(BaseModel):
    """A part of an answer. Fields without a value are left out."""

    model_config = ConfigDict(defer_build=True)


class NewSession(Request):
    filename: FileName | None = None
    name: Name | None = None
    content_type: ContentType | None = Field(None, description="What the upload form will say of the file.")


class NewJobOptions(JobOptions):
    """What can be chosen of a job; a field that the API does not know is refused."""

    model_config = ConfigDict(extra="forbid", title="JobOptions")


class Rename(Request):
    name: Name | None = Field(description="null takes the name away.")


class NewJob(Request):
    options: NewJobOptions = Field(default_factory=NewJobOptions)
    name: Name | None = None
    clicks: Count | None = Field(None, description="Clicks that made the mask.")
    refinements: Count | None = Field(None, description="Clicks after the first mask was shown.")
    mask_of: JobId | None = Field(
        None, description="Another job of the session, whose mask is used: then there is nothing to upload."
    )


# JSON escapes a newline, but not the rarer line breaks, at which a reader of the log may cut a line in two.
_newlines = AfterValidator(lambda text: re.sub("[\x85\u2028\u2029]", "\n", text))

_ABSURD = 100_000
"""Characters beyond which a text of a page is refused; below, it is cut."""


def _cut(length: int) -> AfterValidator:
    """The start of a text says what went wrong; a page need not count."""
    return AfterValidator(lambda text: text[:length])


class NewLink(Request):
    file: FileName = Field(description="Its name in the job's `files`.")


class ClientError(Request):
    """What went wrong in a page, for the log, which keeps 1000 characters of the message, 8000 of the stack,
    500 of the page and 100 of the release."""

    message: Annotated[str, StringConstraints(min_length=1, max_length=_ABSURD), _cut(1000), _newlines]
    stack: Annotated[str, StringConstraints(max_length=_ABSURD), _cut(8000), _newlines] | None = None
    page: Annotated[str, StringConstraints(max_length=_ABSURD), _cut(500), _newlines] | None = None
    release: Annotated[str, StringConstraints(max_length=_ABSURD), _cut(100), _newlines] | None = None
    session_id: SessionId | None = None
    job_id: JobId | None = None


class Form(View):
    """A presigned POST: send `fields` and then the file, as field `file`, as multipart/form-data to `url`."""

    url: str
    fields: dict[str, str]


class CreatedSession(View):
    session_id: str
    state: SessionState
    upload: Form


class CreatedJob(View):
    job_id: str
    session_id: str
    state: JobState
    upload: Form | None = Field(None, description="Absent where the mask is another job's.")


class Deletion(View):
    """Until `purge_at` the session can be restored."""

    session_id: str
    purge_at: str


class Link(View):
    """A file for whoever has the link, until it expires or the session is deleted."""

    path: str = Field(description="Behind the API's own address.")
    expires_at: str


class PhotoView(View):
    """Size in px, upright."""

    width: int
    height: int
    format: Literal["jpeg", "png", "webp"]
    bytes: int
    url: str
    thumbnail_url: str


class DecoderView(View):
    """An ONNX graph of the decoder that turns clicks into masks."""

    role: Literal["prepare", "mask", "decode"]
    url: str
    sha256: str
    bytes: int


class EmbeddingView(View):
    """`url` is the safetensors file, `manifest_url` says how to use it."""

    url: str
    bytes: int
    manifest_url: str
    decoder: list[DecoderView]
    engine: Engine


class FileView(View):
    url: str
    bytes: int


class StageView(View):
    """`seconds` is computing time without waiting, where it was measured."""

    started_at: str | None = None
    completed_at: str | None = None
    failed_at: str | None = None
    seconds: float | None = None


Events = Annotated[
    dict[str, dict[str, Any]],
    Field(description="What happened, by event in snake case (from the second attempt on with its number)."),
]


class JobView(View):
    job_id: str
    session_id: str
    state: JobState
    created_at: str
    name: str | None = None
    options: JobOptions
    problem: Problem | None = None
    engine: Engine | None = Field(None, description="The reconstructor.")
    weight_free: bool | None = Field(None, description="Whether an engine without a trained model took part.")
    upload: Form | None = Field(
        None, description="A fresh form, in the answer for one job that awaits its mask."
    )
    files: dict[str, FileView] = Field(description='By name: "mask.png", "splat.ply", "mesh.glb", ...')
    stages: dict[str, StageView]
    events: Events


class SessionView(View):
    session_id: str
    state: SessionState
    created_at: str
    purge_at: str | None = Field(None, description="Of a deleted session: until then it can be restored.")
    name: str | None = None
    filename: str | None = None
    problem: Problem | None = None
    photo: PhotoView | None = None
    upload: Form | None = Field(
        None, description="A fresh form, in the answer for one session that awaits its photo."
    )
    embedding: EmbeddingView | None = None
    jobs: list[JobView] = Field(description="Newest first.")
    stages: dict[str, StageView]
    events: Events


class SessionList(View):
    """Newest first. `embedding` and the jobs' `files` are only in the answer for one session or job."""

    sessions: list[SessionView]
    cursor: str | None = Field(None, description="For the next page; absent on the last one.")


class Config(View):
    """What a client needs before it can sign in. `cognito_endpoint` is there only on a laptop."""

    region: str
    user_pool_id: str
    client_id: str
    cognito_endpoint: str | None = None


class Usage(View):
    """What sessions and jobs that are not purged yet took. Times and costs are estimates."""

    month: str | None = Field(None, description="Of what was begun in this month (UTC); absent: of all.")
    sessions: int
    jobs: int
    gpu_seconds: float = Field(
        description="Computing time of results whose engine has a trained model; others need no GPU."
    )
    bytes_stored: int = Field(description="Of photos, embeddings and jobs' files, without thumbnails.")
    estimated_cost_usd: float = Field(description="GPU seconds at the operator's price for an hour.")
