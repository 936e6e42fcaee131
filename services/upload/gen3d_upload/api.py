"""The REST API: sessions, jobs, download links, and what a client must know to sign in.

A person sees only their own rows: the user is the `sub` of the ID token that the authorizer has checked.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response, content_types
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import (
    RequestUnsupportedContentType,
    RequestValidationError,
)
from aws_lambda_powertools.event_handler.openapi.params import Body, Query
from gen3d_events import aws, keys, links
from gen3d_events.codes import codes
from gen3d_events.event import SessionId
from gen3d_events.ids import new_job_id, new_session_id
from gen3d_events.inference import EmbeddingManifest
from gen3d_events.models import JobOptions
from gen3d_events.observability import count, logger, observed
from gen3d_events.read_model import Row

from gen3d_upload import rows, schema
from gen3d_upload.history import photo
from gen3d_upload.limits import MAX_BYTES
from gen3d_upload.views import embedding_view, job_view, session_view

FORM_SECONDS = 3600
ADDRESS_SECONDS = 3600
DOWNLOAD_SECONDS = 300
MAX_ROWS_PER_PAGE = 300
"""A page ends early where sessions have many jobs, far below the 6 MB that a function may answer."""


class Refused(Exception):
    """The request cannot be done; `code` has an HTTP status in the table of codes."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def _compact(body: Any) -> str:
    return json.dumps(_present(body), separators=(",", ":"))


def _present(value: Any) -> Any:
    """Without the fields that have no value."""
    match value:
        case dict():
            return {name: _present(item) for name, item in value.items() if item is not None}
        case list():
            return [_present(item) for item in value]
    return value


def _parsed(body: str) -> Any:
    """Raises JSONDecodeError, too, of what is nested too deeply, or has numbers of thousands of digits."""
    try:
        return json.loads(body)
    except json.JSONDecodeError:
        raise
    except (RecursionError, ValueError) as error:
        raise json.JSONDecodeError(str(error), body, 0) from error


app = APIGatewayRestResolver(
    enable_validation=True,
    response_validation_error_http_code=HTTPStatus.INTERNAL_SERVER_ERROR,
    serializer=_compact,
    json_body_deserializer=_parsed,
)


# --- routes ------------------------------------------------------------------------------------------


@app.post("/sessions", status_code=HTTPStatus.CREATED, operation_id="create_session")
def create_session(body: Annotated[schema.NewSession, Body()]) -> schema.CreatedSession:
    """Start a session: the answer holds the form to upload its photo with."""
    user_id, session_id = _user_id(), new_session_id()
    rows.create(user_id, session_id, name=body.name, filename=body.filename)
    form = _form(keys.incoming_photo(user_id, session_id), body.content_type or "application/octet-stream")
    return schema.CreatedSession(session_id=session_id, state="awaiting_photo", upload=form)


@app.get("/sessions", operation_id="list_sessions")
def list_sessions(
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[SessionId | None, Query()] = None,
) -> schema.SessionList:
    """Your sessions with their jobs, newest first. `cursor` is the one of the page before."""
    page, seen = schema.SessionList(sessions=[]), 0
    found = rows.newest_first(_user_id(), cursor)
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
    return session_view(session, reversed(jobs), _address, embedding=embedding)


@app.post("/sessions/<session_id>/jobs", status_code=HTTPStatus.CREATED, operation_id="create_job")
def create_job(session_id: str, body: Annotated[schema.NewJob, Body()]) -> schema.CreatedJob:
    """Start a job on an accepted photo: the answer holds the form to upload its mask with."""
    user_id = _user_id()
    session = rows.get(user_id, session_id)
    if session is None:
        raise Refused("session_not_found")
    if photo(session) is None:
        raise Refused("photo_missing")
    job_id = new_job_id()
    rows.create(
        user_id,
        session_id,
        job_id,
        name=body.name,
        options=JobOptions.model_dump(body.options, mode="json", exclude_none=True),
        clicks=body.clicks,
        refinements=body.refinements,
    )
    form = _form(keys.incoming_mask(user_id, session_id, job_id), "image/png")
    return schema.CreatedJob(job_id=job_id, session_id=session_id, state="awaiting_mask", upload=form)


@app.get("/sessions/<session_id>/jobs/<job_id>", operation_id="get_job")
def get_job(session_id: str, job_id: str) -> schema.JobView:
    """A job, and fresh addresses for all its files."""
    session, jobs = _session(session_id)
    for job in jobs:
        if job["item_id"] == rows.item_id(session_id, job_id):
            return job_view(session, job, _address)
    raise Refused("job_not_found")


# A link checker asks with HEAD. An address is signed for one method, so it leads to one for HEAD.
@app.head("/d/<token>", include_in_schema=False)
@app.get("/d/<token>", operation_id="download")
def download(token: str) -> Response[str]:
    """A file, by a link from a mail: redirects to an address that lives five minutes."""
    try:
        key = links.verify(os.environ["LINK_KEY_ID"], token, datetime.now(UTC))
    except links.LinkExpired as error:
        raise Refused("link_expired") from error
    except links.LinkInvalid as error:
        raise Refused("link_invalid") from error
    owner = keys.parse_session_key(key)
    if owner is None:
        raise Refused("link_invalid")
    if rows.get(*owner) is None:
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


# --- refusals ----------------------------------------------------------------------------------------


def _refusal(code: str, detail: str = "") -> Response[dict[str, Any]]:
    entry = codes[code]
    body = schema.Problem(
        code=code,
        error_class=entry.error_class,
        message=f"{entry.message} {detail}".strip(),
        hint=entry.hint,
    )
    return Response(entry.http_status or 500, content_types.APPLICATION_JSON, body.model_dump())


def _refused(error: Refused) -> Response[dict[str, Any]]:
    return _refusal(error.code)


def _invalid(error: RequestValidationError) -> Response[dict[str, Any]]:
    """Names every field that is wrong, as `options.quality: Input should be ...`."""
    wrong = (f"{_field(it['loc'])}: {it['msg']}" for it in error.errors())
    return _refusal("request_invalid", "; ".join(wrong) + ".")


def _not_found(_: NotFoundError) -> Response[dict[str, Any]]:
    return _refusal("not_found")


def _broken(_: Exception) -> Response[dict[str, Any]]:
    logger.exception("request failed")
    return _refusal("internal_error")


def _field(location: tuple[str | int, ...]) -> str:
    """Which part of the request is meant. Where that is not JSON, its text or an offset is no name."""
    place, *names = location
    known = ".".join(name for name in names if isinstance(name, str) and name.isidentifier())
    return known[:80] or str(place)


app.exception_handler(Refused)(_refused)
app.exception_handler([RequestValidationError, RequestUnsupportedContentType])(_invalid)
app.not_found(_not_found)
app.exception_handler(Exception)(_broken)


# --- parts -------------------------------------------------------------------------------------------


def _user_id() -> str:
    """The signed-in user. An access token is refused: it says nothing of who may use this client."""
    claims = app.current_event.request_context.authorizer.claims
    if claims.get("token_use") != "id":
        raise Refused("unauthorized")
    return str(claims["sub"])


def _session(session_id: str) -> tuple[Row, list[Row]]:
    found = rows.session(_user_id(), session_id)
    if found is None:
        raise Refused("session_not_found")
    return found


def _embedding(session: Row) -> schema.EmbeddingView:
    key = session["embedding_completed"]["manifest_key"]
    body = aws.client("s3").get_object(Bucket=os.environ["DATA_BUCKET"], Key=key)["Body"].read()
    return embedding_view(session, EmbeddingManifest.model_validate_json(body), _address, _decoder_address)


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


def _answer(event: dict[str, Any], context: Any) -> dict[str, Any]:
    answer = app.resolve(event, context)
    count("Requests")
    logger.info(
        "answered", method=event["httpMethod"], resource=event["resource"], status=answer["statusCode"]
    )
    return answer


handler = observed(_answer)
