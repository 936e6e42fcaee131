"""A file arrived under `incoming/` or in an inbox: check it, keep it, and say so.

The notice names one version of the object, and only that version is read, checked and kept, so nobody can
swap the file behind the check. A row must exist (the API makes it before it hands out the form), and the
first valid photo or mask wins by a condition on the row; what comes later is dropped. The API gives out a
mask's form only once the photo is accepted, so a mask without a photo is none of ours and is dropped as well.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from gen3d_events import keys
from gen3d_events.consumer import consumes
from gen3d_events.event import Event
from gen3d_events.ids import GIVEN_UP, caused
from gen3d_events.models import (
    ImageRejected,
    ImageUploaded,
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

from gen3d_upload import history, inbox, rows
from gen3d_upload.files import keep_mask, keep_photo, read
from gen3d_upload.mask import check_mask
from gen3d_upload.photo import check_photo
from gen3d_upload.rejected import Rejected


def _given_up(notice: S3ObjectCreated, code: str, detail: str) -> None:
    """Tell, and only then release: if telling fails as well, the claim stays, and the watchdog does both."""
    if keys.parse_inbox(notice.key):
        inbox.give_up(notice, code, detail, handler.name)
        return
    about = keys.parse_incoming(notice.key)
    row = rows.visible(*about) if about else None
    if about is None or row is None or _taken(row, notice):
        return
    rejected = MaskRejected if about.job_id else ImageRejected
    publish([caused(rejected.because(code, detail).about(*about), notice, handler.name, GIVEN_UP)])
    rows.release(*about, rows.awaited(row), notice.version_id)


def _taken(row: Row, notice: S3ObjectCreated) -> bool:
    """Whether another version has claimed the row, or an accepted one was told of."""
    kind = rows.awaited(row)
    return rows.ACCEPTED[kind] in row or row.get(f"{kind}_source", notice.version_id) != notice.version_id


@consumes(S3ObjectCreated, failed=_given_up)
def handler(notice: S3ObjectCreated) -> Iterator[Event]:
    if keys.parse_inbox(notice.key):
        yield from inbox.take(notice)
        return
    about = keys.parse_incoming(notice.key)
    if about is None or notice.bucket != os.environ["DATA_BUCKET"]:
        logger.info("dropped: not an upload of ours", key=notice.key)
        return
    session = rows.visible(about.user_id, about.session_id)
    if session is None:
        logger.info("dropped: no such row", key=notice.key)
        return
    event = _mask(notice, about, session) if about.job_id else _photo(notice, about, session)
    if event:
        yield event.about(*about)
    if isinstance(event, ImageRejected | MaskRejected):
        rows.release(*about, "mask" if about.job_id else "photo", notice.version_id)


def _photo(notice: S3ObjectCreated, about: keys.Incoming, row: Row) -> Event | None:
    if _taken(row, notice):
        logger.info("dropped: one was accepted", key=notice.key)
        return None
    if facts := row.get("photo"):
        return ImageUploaded(photo=Photo.model_validate(facts))
    rows.begin_check(*about, "photo")
    try:
        checked = check_photo(read(notice, "image_too_heavy"))
    except Rejected as rejected:
        return ImageRejected.because(rejected.code, rejected.detail)
    if not rows.claim(*about, "photo", notice.version_id):
        logger.info("dropped: another one was faster", key=notice.key)
        return None
    photo = keep_photo(notice, about, checked)
    rows.accept(*about, "photo", notice.version_id, facts=photo.model_dump(mode="json"))
    return ImageUploaded(photo=photo)


def _mask(notice: S3ObjectCreated, about: keys.Incoming, session: Row) -> Event | None:
    accepted = history.photo(session)
    if accepted is None:
        logger.info("dropped: no photo", key=notice.key)
        return None
    row = rows.begin_check(*about, "mask")
    if row is None or _taken(row, notice):
        logger.info("dropped: one was accepted" if row else "dropped: no such row", key=notice.key)
        return None
    photo = Photo.model_validate(accepted)
    options = JobOptions.model_validate(row["options"])
    if facts := row.get("mask"):
        return ReconstructionRequested(photo=photo, mask=Mask.model_validate(facts), options=options)
    try:
        checked = check_mask(read(notice, "mask_too_heavy"), photo.width, photo.height)
    except Rejected as rejected:
        return MaskRejected.because(rejected.code, rejected.detail)
    if not rows.claim(*about, "mask", notice.version_id):
        logger.info("dropped: another one was faster", key=notice.key)
        return None
    mask = keep_mask(about, checked, photo)
    facts = {**mask.model_dump(mode="json"), "bytes": len(checked.png)}
    rows.accept(*about, "mask", notice.version_id, facts=facts)
    return ReconstructionRequested(photo=photo, mask=mask, options=options)
