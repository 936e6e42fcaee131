"""A cut-out object was put into `inbox/{user}/`: a whole job without a browser.

Session and job get their ids from the object's key and version, so the same file is the same job however
often it is told of, and another version of it is another one. The session's row comes first and keeps the
file's name, which no event tells. Photo and mask are claimed on it and on the job's, as any upload is, and
told of once both are kept: should this die before, the watchdog speaks up, and another photo can take the
place.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import PurePosixPath

from gen3d_events import ids, keys
from gen3d_events.event import Event
from gen3d_events.models import (
    ImageRejected,
    ImageUploaded,
    Intent,
    JobOptions,
    Mask,
    MaskRejected,
    Photo,
    ReconstructionRequested,
)
from gen3d_events.notices import S3ObjectCreated
from gen3d_events.observability import logger
from gen3d_events.publisher import publish
from gen3d_events.read_model import Row

from gen3d_upload import history, rows
from gen3d_upload.cutout import check_cut_out
from gen3d_upload.files import keep_mask, keep_photo, read
from gen3d_upload.rejected import Rejected

_LONGEST_NAME, _LONGEST_FILENAME = 100, 255


def take(notice: S3ObjectCreated) -> Iterator[Event]:
    """The events of the session and the job that a file in an inbox makes."""
    if notice.bucket != os.environ["DATA_BUCKET"]:
        logger.info("dropped: not an upload of ours", key=notice.key)
        return
    about = _about(notice)
    of_session = about._replace(job_id=None)
    session = _session(notice, about)
    try:
        accepted = _accepted(notice, about, session) if session else None
    except Rejected as rejected:
        rejection = ImageRejected.because(rejected.code, rejected.detail)
        yield rejection.about(*of_session)
        rows.release(*of_session, "photo", notice.version_id)
        return
    if accepted is None:
        logger.info("dropped: its session is over, or another one was faster")
        return
    photo, mask = accepted
    yield ImageUploaded(photo=photo, intent=Intent.DIRECT).about(*of_session)
    yield ReconstructionRequested(photo=photo, mask=mask).about(*about)


def give_up(notice: S3ObjectCreated, code: str, detail: str, producer: str) -> None:
    """Tell that the file cannot be worked on, of the part that was not told of before, and release both."""
    about = _about(notice)
    of_session = about._replace(job_id=None)
    session, job = _session(notice, about), rows.get(*about) or {}
    if session is None or rows.ACCEPTED["mask"] in job or _is_anothers(job, "mask", notice):
        return
    if rows.ACCEPTED["photo"] in session:
        event: Event = MaskRejected.because(code, detail).about(*about)
    else:
        event = ImageRejected.because(code, detail).about(*of_session)
    publish([ids.caused(event, notice, producer, ids.GIVEN_UP)])
    rows.release(*of_session, "photo", notice.version_id)
    rows.release(*about, "mask", notice.version_id)


def _about(notice: S3ObjectCreated) -> keys.Incoming:
    user_id = keys.parse_inbox(notice.key)
    if user_id is None:
        raise ValueError(f"{notice.key} lies in no inbox")
    return keys.Incoming(user_id, ids.derived_session_id(notice), ids.derived_job_id(notice))


def _session(notice: S3ObjectCreated, about: keys.Incoming) -> Row | None:
    """The file's session, begun if need be, or None if it is deleted or has got another photo."""
    if rows.is_buried(about.session_id):
        return None
    session = rows.ensure(about.user_id, about.session_id, **_names(notice))
    return None if history.deleted(session) or _is_anothers(session, "photo", notice) else session


def _is_anothers(row: Row, kind: rows.Upload, notice: S3ObjectCreated) -> bool:
    """Whether a person's upload has taken the place of what was given up here."""
    return bool(row.get(f"{kind}_source", notice.version_id) != notice.version_id)


def _accepted(notice: S3ObjectCreated, about: keys.Incoming, session: Row) -> tuple[Photo, Mask] | None:
    """The checked photo and mask, kept and on their rows, or None if another one was faster. A run that
    follows a broken one goes on where that ended. Raises Rejected."""
    kept, job = history.photo(session), rows.get(*about) or {}
    if kept and "mask" in job:
        return Photo.model_validate(kept), Mask.model_validate(job["mask"])
    of_session = about._replace(job_id=None)
    rows.begin_check(*of_session, "photo")
    checked_photo, checked_mask = check_cut_out(read(notice, "image_too_heavy"))
    if kept:
        photo = Photo.model_validate(kept)
    elif rows.claim(*of_session, "photo", notice.version_id):
        photo = keep_photo(notice, about, checked_photo)
        rows.accept(*of_session, "photo", notice.version_id, facts=photo.model_dump(mode="json"))
    else:
        return None
    options = JobOptions().model_dump(mode="json", exclude_none=True)
    rows.ensure(*about, name=_names(notice)["name"], options=options)
    if not rows.claim(*about, "mask", notice.version_id):
        return None
    mask = keep_mask(about, checked_mask, photo)
    facts = {**mask.model_dump(mode="json"), "bytes": len(checked_mask.png)}
    rows.accept(*about, "mask", notice.version_id, facts=facts)
    return photo, mask


def _names(notice: S3ObjectCreated) -> dict[str, str]:
    """The file's name as `name` and `filename`, without characters that a terminal or a log would act on."""
    file = PurePosixPath(
        "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in notice.key)
    )
    return {"name": file.stem[:_LONGEST_NAME], "filename": file.name[-_LONGEST_FILENAME:]}
