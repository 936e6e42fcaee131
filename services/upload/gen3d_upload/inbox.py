"""A cut-out object was put into `inbox/{user}/`: a whole job without a browser.

Session and job get their ids from the object's key and version, so the same file is the same job however
often it is told of, and another version of it is another one. The photo is accepted together with its mask,
so the rows come into being with both, and under way: should this die before telling, the watchdog speaks up.
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

from gen3d_upload import rows
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
    try:
        photo, mask = _accepted(notice, about)
    except Rejected as rejected:
        _keep_name(notice, about)
        rejection = ImageRejected.because(rejected.code, rejected.detail)
        yield rejection.about(about.user_id, about.session_id)
        return
    yield ImageUploaded(photo=photo, intent=Intent.DIRECT).about(about.user_id, about.session_id)
    yield ReconstructionRequested(photo=photo, mask=mask).about(*about)


def give_up(notice: S3ObjectCreated, code: str, detail: str, producer: str) -> None:
    """Tell that the file cannot be worked on, and of the part that was not told of before."""
    about = _about(notice)
    session = rows.get(about.user_id, about.session_id)
    if session and rows.ACCEPTED["photo"] in session:
        event: Event = MaskRejected.because(code, detail).about(*about)
    else:
        event = ImageRejected.because(code, detail).about(about.user_id, about.session_id)
    publish([ids.caused(event, notice, producer, 0)])


def _about(notice: S3ObjectCreated) -> keys.Incoming:
    user_id = keys.parse_inbox(notice.key)
    if user_id is None:
        raise ValueError(f"{notice.key} lies in no inbox")
    return keys.Incoming(user_id, ids.derived_session_id(notice), ids.derived_job_id(notice))


def _accepted(notice: S3ObjectCreated, about: keys.Incoming) -> tuple[Photo, Mask]:
    """The checked photo and mask, kept and on their rows. A run that follows a broken one goes on where that
    ended. Raises Rejected."""
    session, job = rows.get(about.user_id, about.session_id), rows.get(*about)
    if session and job:
        return Photo.model_validate(session["photo"]), Mask.model_validate(job["mask"])
    checked_photo, checked_mask = check_cut_out(read(notice, "image_too_heavy"))
    names = _names(notice)
    if session:
        photo = Photo.model_validate(session["photo"])
    else:
        photo = keep_photo(notice, about, checked_photo)
        facts = rows.claimed("photo", notice.version_id, photo.model_dump(mode="json"))
        rows.create(about.user_id, about.session_id, **names, **facts)
    mask = keep_mask(about, checked_mask, photo)
    facts = {**mask.model_dump(mode="json"), "bytes": len(checked_mask.png)}
    rows.create(
        *about,
        name=names["name"],
        options=JobOptions().model_dump(mode="json", exclude_none=True),
        **rows.claimed("mask", notice.version_id, facts),
    )
    return photo, mask


def _keep_name(notice: S3ObjectCreated, about: keys.Incoming) -> None:
    """A row for a rejected file, so that its person can see which one it was: no event names it."""
    if rows.get(about.user_id, about.session_id) is None:
        rows.create(about.user_id, about.session_id, **_names(notice))


def _names(notice: S3ObjectCreated) -> dict[str, str]:
    """The file's name as `name` and `filename`, without characters that a terminal or a log would act on."""
    file = PurePosixPath(
        "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in notice.key)
    )
    return {"name": file.stem[:_LONGEST_NAME], "filename": file.name[-_LONGEST_FILENAME:]}
