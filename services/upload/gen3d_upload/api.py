"""The REST API: sessions, jobs, their end, download links, and what a client must know to sign in.

What changes a row and must be heard of is told after the change (outbox.py).

A person sees only their own rows. How refusals look and how requests are counted is rest.py's.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Header, Query
from botocore.exceptions import ClientError
from gen3d_events import aws, keys, links
from gen3d_events.event import JOB_ID, SESSION_ID, Event, SessionId
from gen3d_events.ids import new_job_id, new_session_id
from gen3d_events.inference import EmbeddingManifest
from gen3d_events.models import JobOptions
from gen3d_events.observability import count, logger
from gen3d_events.publisher import publish
from gen3d_events.read_model import Row
from gen3d_events.rest import Refused, behind_the_api, resolver, signed_in

from gen3d_upload import metadata, outbox, repeats, rows, schema
from gen3d_upload.history import photo
from gen3d_upload.limits import MAX_BYTES
from gen3d_upload.usage import usage
from gen3d_upload.views import embedding_view, job_files, job_view, session_view

FORM_SECONDS = 3600
ADDRESS_SECONDS = 3600
DOWNLOAD_SECONDS = 300
LINKS_LAST = timedelta(hours=24)
CLIENT_ERRORS = "/client-errors"
MAX_ROWS_PER_PAGE = 300
"""A page ends early where sessions have many jobs, far below the 6 MB that a function may answer."""

Repeatable = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=8,
        max_length=100,
        description="A UUID of yours. The same request with the same key is answered with what the first one "
        "made, for an hour at least: send it again if its answer was lost.",
    ),
]


app = resolver()


# --- routes ------------------------------------------------------------------------------------------


@app.post("/sessions", status_code=HTTPStatus.CREATED, operation_id="create_session")
def create_session(
    body: Annotated[schema.NewSession, Body()], key: Repeatable = None
) -> schema.CreatedSession:
    """Start a session: the answer holds the form to upload its photo with."""
    user_id, session_id = _user_id(), _repeated(key, body, new_session_id())
    session = rows.ensure(
        user_id, session_id, name=body.name, filename=body.filename, content_type=body.content_type
    )
    return schema.CreatedSession(session_id=session_id, state="awaiting_photo", upload=_photo_form(session))


@app.get("/sessions", operation_id="list_sessions")
def list_sessions(
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[SessionId | None, Query()] = None,
    deleted: Annotated[bool, Query()] = False,
) -> schema.SessionList:
    """Your sessions with their jobs, newest first; or those that are deleted and can be restored. `cursor` is
    the one of the page before."""
    page, seen = schema.SessionList(sessions=[]), 0
    found = rows.newest_first(_user_id(), cursor, hidden=deleted)
    for session, jobs in found:
        page.sessions.append(session_view(session, jobs, _address, files=False))
        seen += 1 + len(jobs)
        if len(page.sessions) == limit or seen >= MAX_ROWS_PER_PAGE:
            break
    if next(found, None):
        page.cursor = page.sessions[-1].session_id
    return page


@app.get("/sessions/<session_id>", operation_id="get_session")
def get_session(session_id: str) -> schema.SessionView:
    """A session with its jobs, and fresh addresses for all its files and the decoder."""
    session, jobs = _session(session_id)
    embedding = _embedding(session) if "embedding_completed" in session else None
    view = session_view(session, reversed(jobs), _address, embedding=embedding)
    if view.state == "awaiting_photo":
        view.upload = _photo_form(session)
    return view


@app.patch("/sessions/<session_id>", operation_id="rename_session")
def rename_session(session_id: str, body: Annotated[schema.Rename, Body()]) -> schema.SessionView:
    """Give a session another name; the answer is as that of GET."""
    _rename(session_id, None, body.name)
    return get_session(session_id)


@app.delete("/sessions/<session_id>", status_code=HTTPStatus.ACCEPTED, operation_id="delete_session")
def delete_session(session_id: str) -> schema.Deletion:
    """Hide a session at once, and purge it when the grace has passed. Asking again changes nothing."""
    grace = timedelta(seconds=int(os.environ["DELETION_GRACE_SECONDS"]))
    session = rows.delete(_user_id(), _known(session_id), grace)
    if session is None or "purging_at" in session:
        raise Refused("session_not_found")
    _tell(outbox.of_session(session))
    return schema.Deletion(session_id=session_id, purge_at=session["purge_at"])


@app.post("/sessions/<session_id>/restore", operation_id="restore_session")
def restore_session(session_id: str) -> schema.SessionView:
    """Take a deletion back, until the session is purged; the answer is as that of GET."""
    session = rows.restore(_user_id(), _known(session_id))
    if session is None:
        raise Refused("session_not_found")
    _tell(outbox.of_session(session))
    return get_session(session_id)


@app.post("/sessions/<session_id>/jobs", status_code=HTTPStatus.CREATED, operation_id="create_job")
def create_job(
    session_id: str, body: Annotated[schema.NewJob, Body()], key: Repeatable = None
) -> schema.CreatedJob:
    """Start a job on an accepted photo: the answer holds the form to upload its mask with, unless the mask is
    that of another job."""
    user_id = _user_id()
    session = rows.visible(user_id, _known(session_id))
    if session is None:
        raise Refused("session_not_found")
    accepted = photo(session)
    if accepted is None:
        raise Refused("photo_missing")
    reused = _reused(user_id, session_id, body.mask_of) if body.mask_of else {}
    job_id = _repeated(key, body, new_job_id())
    job = rows.ensure(
        user_id,
        session_id,
        job_id,
        name=body.name,
        options=JobOptions.model_dump(body.options, mode="json", exclude_none=True),
        clicks=body.clicks,
        refinements=body.refinements,
        **reused,
    )
    if reused:
        _tell(outbox.of_job(job, accepted))
        return schema.CreatedJob(job_id=job_id, session_id=session_id, state="queued")
    form = _form(keys.incoming_mask(user_id, session_id, job_id), "image/png")
    return schema.CreatedJob(job_id=job_id, session_id=session_id, state="awaiting_mask", upload=form)


@app.get("/sessions/<session_id>/jobs/<job_id>", operation_id="get_job")
def get_job(session_id: str, job_id: str) -> schema.JobView:
    """A job, and fresh addresses for all its files."""
    session, jobs = _session(session_id)
    for job in jobs:
        if job["item_id"] == rows.item_id(session_id, job_id):
            view = job_view(session, job, _address)
            if view.state == "awaiting_mask":
                view.upload = _form(keys.incoming_mask(_user_id(), session_id, job_id), "image/png")
            return view
    raise Refused("job_not_found")


@app.patch("/sessions/<session_id>/jobs/<job_id>", operation_id="rename_job")
def rename_job(session_id: str, job_id: str, body: Annotated[schema.Rename, Body()]) -> schema.JobView:
    """Give a job another name; the answer is as that of GET."""
    _rename(session_id, job_id, body.name)
    return get_job(session_id, job_id)


@app.post(
    "/sessions/<session_id>/jobs/<job_id>/links", status_code=HTTPStatus.CREATED, operation_id="create_link"
)
def create_link(session_id: str, job_id: str, body: Annotated[schema.NewLink, Body()]) -> schema.Link:
    """A link to one file of a job, for others: who has it needs no account for 24 hours."""
    if rows.visible(_user_id(), _known(session_id, job_id)) is None:
        raise Refused("session_not_found")
    job = rows.get(_user_id(), session_id, job_id)
    if job is None:
        raise Refused("job_not_found")
    file = job_files(job).get(body.file)
    if file is None:
        raise Refused("not_found")
    expires = datetime.now(UTC) + LINKS_LAST
    token = links.mint(os.environ["LINK_KEY_ID"], file["key"], expires)
    return schema.Link(path=f"/d/{token}", expires_at=expires.isoformat(timespec="seconds"))


@app.get("/usage", operation_id="get_usage")
def get_usage(
    month: Annotated[str | None, Query(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")] = None,
) -> schema.Usage:
    """What your sessions and jobs took, in all or of one month's, until they are purged."""
    return usage(rows.everything(_user_id()), float(os.environ["GPU_USD_PER_HOUR"]), month)


# Only fields of a JSON line hold what the page says, so it cannot forge a line of its own.
@app.post(CLIENT_ERRORS, status_code=HTTPStatus.NO_CONTENT, operation_id="report_client_error")
def report_client_error(body: Annotated[schema.ClientError, Body()]) -> Response[str]:
    """Tell the operators, through the log, what went wrong in a page."""
    logger.warning("client error", user_id=_user_id(), client=body.model_dump(exclude_none=True))
    count("ClientErrors")
    return Response(HTTPStatus.NO_CONTENT, body="")


# A link checker asks with HEAD. An address is signed for one method, so it leads to one for HEAD.
@app.head("/d/<token>", include_in_schema=False)
@app.get("/d/<token>", operation_id="download")
def download(token: str) -> Response[str]:
    """A file, by a link: redirects to an address that lives five minutes."""
    try:
        key = links.verify(os.environ["LINK_KEY_ID"], token, datetime.now(UTC))
    except links.LinkExpired as error:
        raise Refused("link_expired") from error
    except links.LinkInvalid as error:
        raise Refused("link_invalid") from error
    owner = keys.parse_session_key(key)
    if owner is None:
        raise Refused("link_invalid")
    if rows.visible(*owner) is None:
        raise Refused("session_not_found")
    name = key.rpartition("/")[2]
    location = _presigned(
        os.environ["DATA_BUCKET"],
        key,
        DOWNLOAD_SECONDS,
        method=app.current_event.http_method,
        ResponseContentDisposition=f'attachment; filename="{name}"',
    )
    return Response(HTTPStatus.FOUND, body="", headers={"Location": location, "Cache-Control": "no-store"})


@app.get("/config", operation_id="config")
def config() -> schema.Config:
    """Where and with which client to sign in."""
    return schema.Config(
        region=os.environ["AWS_REGION"],
        user_pool_id=os.environ["USER_POOL_ID"],
        client_id=os.environ["USER_POOL_CLIENT_ID"],
        cognito_endpoint=os.environ.get("AWS_ENDPOINT_URL"),
    )


# --- parts -------------------------------------------------------------------------------------------


def _user_id() -> str:
    return signed_in(app)


def _repeated(key: str | None, body: schema.Request, new_id: str) -> str:
    """`new_id`, or the one that the same request was given before."""
    if key is None:
        return new_id
    return repeats.first_id(new_id, _user_id(), app.current_event.path, body.model_dump_json(), key)


def _known(session_id: str, job_id: str | None = None) -> str:
    """The session's id. What cannot be an id names nothing, and need not be looked for."""
    if not re.fullmatch(SESSION_ID, session_id):
        raise Refused("session_not_found")
    if job_id is not None and not re.fullmatch(JOB_ID, job_id):
        raise Refused("job_not_found")
    return session_id


def _tell(event: Event | None) -> None:
    if event:
        publish([event])


def _rename(session_id: str, job_id: str | None, name: str | None) -> None:
    user_id = _user_id()
    if rows.visible(user_id, _known(session_id, job_id)) is None:
        raise Refused("session_not_found")
    if not rows.rename(user_id, session_id, job_id, name):
        raise Refused("job_not_found" if job_id else "session_not_found")
    metadata.write(user_id, session_id)


def _reused(user_id: str, session_id: str, job_id: str) -> dict[str, Any]:
    """What a new job's row has that uses the mask of another one. The mask stays where it is: only whole
    sessions are deleted."""
    source = rows.get(user_id, session_id, job_id)
    mask = source and (source.get("mask") or source.get("reconstruction_requested", {}).get("mask"))
    if not mask:
        raise Refused("mask_source_invalid")
    return {"mask_of": job_id, "mask": mask, **rows.due_now()}


def _session(session_id: str) -> tuple[Row, list[Row]]:
    found = rows.session(_user_id(), _known(session_id))
    if found is None:
        raise Refused("session_not_found")
    return found


def _embedding(session: Row) -> schema.EmbeddingView | None:
    """None if its manifest is gone: the session's other parts can still be shown."""
    s3, key = aws.client("s3"), session["embedding_completed"]["manifest_key"]
    try:
        body = s3.get_object(Bucket=os.environ["DATA_BUCKET"], Key=key)["Body"].read()
    except ClientError as error:
        # Who may not list a bucket is told "AccessDenied" of what is not there.
        if error.response["Error"]["Code"] not in {"NoSuchKey", "AccessDenied"}:
            raise
        logger.warning("embedding without its manifest")
        return None
    return embedding_view(session, EmbeddingManifest.model_validate_json(body), _address, _decoder_address)


def _photo_form(session: Row) -> schema.Form:
    """It says of the file what the person said; ingest looks at the content."""
    user_id, session_id, _ = rows.ids(session)
    content_type = session.get("content_type", "application/octet-stream")
    return _form(keys.incoming_photo(user_id, session_id), content_type)


def _form(key: str, content_type: str) -> schema.Form:
    """A form that takes one file of at most 20 MB to one key under incoming/."""
    fields = {"Content-Type": content_type}
    form = aws.client("s3").generate_presigned_post(
        os.environ["DATA_BUCKET"],
        key,
        Fields=dict(fields),
        Conditions=[fields, ["content-length-range", 1, MAX_BYTES]],
        ExpiresIn=FORM_SECONDS,
    )
    return schema.Form(**form)


def _address(key: str) -> str:
    return _presigned(os.environ["DATA_BUCKET"], key, ADDRESS_SECONDS)


def _decoder_address(key: str) -> str:
    return _presigned(os.environ["MODEL_BUCKET"], key, ADDRESS_SECONDS)


def _presigned(bucket: str, key: str, seconds: int, method: str = "GET", **more: str) -> str:
    url: str = aws.client("s3").generate_presigned_url(
        f"{method.lower()}_object", Params={"Bucket": bucket, "Key": key, **more}, ExpiresIn=seconds
    )
    return url


handler = behind_the_api(app, kinds={CLIENT_ERRORS: "client-errors"})
