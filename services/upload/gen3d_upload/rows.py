"""Sessions and jobs as rows of their table: the one place that changes them.

A session's row has item_id `ses_…`, a job's `ses_…/job_…`, so one query gives a session with its jobs.
Besides what the API wrote, a row has one attribute per event (gen3d_events.read_model), what ingest accepted
(`photo` or `mask`, checked since `checked_since`, then claimed by `photo_source` or `mask_source` since
`claimed_at`), and while work is under way `due_at`: when the watchdog looks at it. A deleted session has
`deleted_at` and `purge_at`, and `purging_at` once it cannot be restored any more. Of a purged one a note
stays for a while, without its user.

`due_at` is never later than the row is due (history.due_at), and never missing while it is due. A look that
is too early harms nobody. So whoever knows of an earlier moment sets it, and it is put off or removed only
while the row is as it was read: whatever can make a row due earlier counts up `revision`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any, Literal, cast

from botocore.exceptions import ClientError
from gen3d_events import read_model
from gen3d_events.event import Event
from gen3d_events.read_model import Row
from gen3d_events.retention import RECORD_DAYS

from gen3d_upload import table
from gen3d_upload.history import STEP, deleted, due_at

Upload = Literal["photo", "mask"]
ACCEPTED: dict[Upload, str] = {"photo": "image_uploaded", "mask": "reconstruction_requested"}
"""The attribute of the event that tells of an accepted upload."""

_JOB = "/"
_BURIED = "purged"
"""Stands in place of a user id where it is remembered which sessions were purged."""
_REMEMBERED = timedelta(days=RECORD_DAYS)
_PAGE = 100


def item_id(session_id: str, job_id: str | None = None) -> str:
    return f"{session_id}{_JOB}{job_id}" if job_id else session_id


def is_job(row: Row) -> bool:
    return _JOB in row["item_id"]


def ids(row: Row) -> tuple[str, str, str | None]:
    """(user_id, session_id, job_id) of a row."""
    session_id, _, job_id = row["item_id"].partition(_JOB)
    return row["user_id"], session_id, job_id or None


def awaited(row: Row) -> Upload:
    """What a person uploads for a row."""
    return "mask" if is_job(row) else "photo"


# --- rows from people: the API -----------------------------------------------------------------------


def create(user_id: str, session_id: str, job_id: str | None = None, **attributes: Any) -> Row:
    """A new row; attributes that are None are left out. Raises ClientError if it exists."""
    given = {name: value for name, value in attributes.items() if value is not None}
    about = {"user_id": user_id, "item_id": item_id(session_id, job_id)}
    row = {**about, "created_at": _text(_now()), "revision": 0, **given}
    table.call("put_item", Item=table.pack(row), ConditionExpression="attribute_not_exists(item_id)")
    return row


def ensure(user_id: str, session_id: str, job_id: str | None = None, **attributes: Any) -> Row:
    """As `create`, or the row that there is."""
    try:
        return create(user_id, session_id, job_id, **attributes)
    except ClientError as error:
        found = get(user_id, session_id, job_id) if table.is_condition(error) else None
        if found is None:
            raise
        return found


def due_now() -> dict[str, Any]:
    """What a new row has that the bus must hear of: the watchdog tells it if nobody else does."""
    return {"due_kind": "due", "due_at": _text(_now())}


def get(user_id: str, session_id: str, job_id: str | None = None) -> Row | None:
    """One row, by a consistent read."""
    answer = table.call("get_item", Key=_key(user_id, session_id, job_id), ConsistentRead=True)
    return table.unpack(answer["Item"]) if "Item" in answer else None


def visible(user_id: str, session_id: str, job_id: str | None = None) -> Row | None:
    """As `get`, but nothing of a deleted session."""
    session = get(user_id, session_id)
    if session is None or deleted(session):
        return None
    return get(user_id, session_id, job_id) if job_id else session


def session(user_id: str, session_id: str) -> tuple[Row, list[Row]] | None:
    """The row of a session that is not deleted, and those of its jobs, oldest first, by a consistent read."""
    rows = list(_of_session(user_id, session_id))
    if not rows or rows[0]["item_id"] != session_id or deleted(rows[0]):
        return None
    return rows[0], rows[1:]


def newest_first(
    user_id: str, before: str | None = None, *, hidden: bool = False
) -> Iterator[tuple[Row, list[Row]]]:
    """A user's sessions with their jobs, both newest first, from the session before `before` on, but for the
    deleted ones; or, if `hidden`, those of the deleted ones that can be restored."""
    for session, jobs in everything(user_id, before):
        if deleted(session) == hidden and "purging_at" not in session:
            yield session, jobs


def everything(user_id: str, before: str | None = None) -> Iterator[tuple[Row, list[Row]]]:
    """As `newest_first`, with the sessions that are deleted but not purged."""
    start = {"ExclusiveStartKey": _key(user_id, before)} if before else {}
    jobs: list[Row] = []
    for row in table.query(
        KeyConditionExpression="user_id = :user",
        ExpressionAttributeValues=table.pack({":user": user_id}),
        ScanIndexForward=False,
        Limit=_PAGE,
        **start,
    ):
        if is_job(row):
            jobs.append(row)
        else:
            yield row, jobs
            jobs = []


def rename(user_id: str, session_id: str, job_id: str | None, name: str | None) -> bool:
    """Give a row a name, or take it away. Whether there is such a row."""
    return table.update(
        Key=_key(user_id, session_id, job_id),
        UpdateExpression="SET #name = :name" if name else "REMOVE #name",
        ConditionExpression="attribute_exists(item_id)",
        ExpressionAttributeNames={"#name": "name"},
        **({"ExpressionAttributeValues": table.pack({":name": name})} if name else {}),
    )


# --- a session's end ---------------------------------------------------------------------------------


def delete(user_id: str, session_id: str, grace: timedelta) -> Row | None:
    """Hide a session; the row since, or None if there is none. What is hidden already stays as it is."""
    now = _now()
    found, _ = _decide(
        _key(user_id, session_id),
        "SET deleted_at = :now, purge_at = :purge_at, due_kind = :due_kind, due_at = :now"
        " REMOVE restored_at ADD revision :one",
        "attribute_exists(item_id) AND attribute_not_exists(deleted_at)",
        {":now": _text(now), ":purge_at": _text(now + grace), ":due_kind": "due", ":one": 1},
    )
    return found


def restore(user_id: str, session_id: str) -> Row | None:
    """Show a session again; the row since, or None if there is none or its purge has begun."""
    found, _ = _decide(
        _key(user_id, session_id),
        "SET restored_at = :now, due_kind = :due_kind, due_at = :now"
        " REMOVE deleted_at, purge_at ADD revision :one",
        "attribute_exists(deleted_at) AND attribute_not_exists(purging_at)",
        {":now": _text(_now()), ":due_kind": "due", ":one": 1},
    )
    return None if found and "purging_at" in found else found


def begin_purge(session: Row) -> bool:
    """From now on the session cannot be restored. False if it just was."""
    user_id, session_id, _ = ids(session)
    _, began = _decide(
        _key(user_id, session_id),
        "SET purging_at = if_not_exists(purging_at, :now)",
        "deleted_at = :deleted_at",
        {":now": _text(_now()), ":deleted_at": session["deleted_at"]},
    )
    return began


def bury(session_id: str) -> None:
    """Remember, for as long as an event can come back, that the session is being purged."""
    table.call(
        "update_item",
        Key=_key(_BURIED, session_id),
        UpdateExpression="SET expires_at = :expires_at",
        ExpressionAttributeValues=table.pack({":expires_at": int((_now() + _REMEMBERED).timestamp())}),
    )


def is_buried(session_id: str) -> bool:
    """Whether a session is being purged or was. A row that is lost for another reason is no purge."""
    return get(_BURIED, session_id) is not None


def remove_jobs(user_id: str, session_id: str) -> None:
    for row in _of_session(user_id, session_id):
        if is_job(row):
            remove(*ids(row))


def remove(user_id: str, session_id: str, job_id: str | None = None) -> None:
    """Delete a row of a session that is being purged, or was. Doing it again is harmless."""
    table.call("delete_item", Key=_key(user_id, session_id, job_id))


# --- what ingest accepts -----------------------------------------------------------------------------

_DUE_IN_A_STEP = "due_kind = :due_kind, due_at = if_not_exists(due_at, :due_at)"
"""What a row that waits has already is no later than that, and may be earlier."""


def _in_a_step() -> dict[str, Any]:
    now = _now()
    return {":now": _text(now), ":due_kind": "due", ":due_at": _text(now + STEP), ":one": 1}


def begin_check(user_id: str, session_id: str, job_id: str | None, kind: Upload) -> Row | None:
    """Have the watchdog speak if nothing comes of the check: a file may kill whoever opens it, each time.

    The row since, or None if there is none; one that has its upload stays as it is.
    """
    row, _ = _decide(
        _key(user_id, session_id, job_id),
        f"SET checked_since = :now, {_DUE_IN_A_STEP} ADD revision :one",
        "attribute_exists(item_id) AND attribute_not_exists(#accepted) AND attribute_not_exists(#source)",
        _in_a_step(),
        {"#source": f"{kind}_source", "#accepted": ACCEPTED[kind]},
    )
    return row


def claim(user_id: str, session_id: str, job_id: str | None, kind: Upload, source: str) -> bool:
    """Make the version `source` the row's photo or mask, unless another one is. Whether it is now.

    From then on the row is under way.
    """
    return table.update(
        Key=_key(user_id, session_id, job_id),
        UpdateExpression=(
            f"SET #source = :source, claimed_at = :now, {_DUE_IN_A_STEP}"
            " REMOVE checked_since ADD revision :one"
        ),
        ConditionExpression=(
            "attribute_exists(item_id) AND attribute_not_exists(#accepted)"
            " AND (attribute_not_exists(#source) OR #source = :source)"
        ),
        ExpressionAttributeNames={"#source": f"{kind}_source", "#accepted": ACCEPTED[kind]},
        ExpressionAttributeValues=table.pack({":source": source, **_in_a_step()}),
    )


def accept(
    user_id: str, session_id: str, job_id: str | None, kind: Upload, source: str, *, facts: dict[str, Any]
) -> None:
    """Keep the facts of the claimed photo or mask on its row. Raises ClientError if it is claimed no more."""
    table.call(
        "update_item",
        Key=_key(user_id, session_id, job_id),
        UpdateExpression="SET #kind = :facts",
        ConditionExpression="#source = :source",
        ExpressionAttributeNames={"#kind": kind, "#source": f"{kind}_source"},
        ExpressionAttributeValues=table.pack({":facts": facts, ":source": source}),
    )


def release(user_id: str, session_id: str, job_id: str | None, kind: Upload, source: str) -> None:
    """The version `source` came to nothing, and that was told of: end its check, or take back its claim and
    its facts, so that the row waits for another one."""
    row, _ = _decide(
        _key(user_id, session_id, job_id),
        "REMOVE #source, #kind, checked_since, claimed_at",
        "attribute_not_exists(#accepted) AND (#source = :source"
        " OR attribute_not_exists(#source) AND attribute_exists(checked_since))",
        {":source": source},
        {"#source": f"{kind}_source", "#kind": kind, "#accepted": ACCEPTED[kind]},
    )
    if row:
        _keep_due(row)


# --- the fold ----------------------------------------------------------------------------------------


def fold(*events: Event) -> Row | None:
    """`read_model.fold` of events about one row, written: the row then, or None if there is no such row.

    `due_at` follows in another write; of a fold that died in between, its repetition writes it.
    """
    row, folded = _fold_at_once(events)
    if row and not folded and len(events) > 1:  # one of them is no news
        for event in events:
            row, _ = _fold_at_once([event])
    if row:
        _keep_due(row)
    return row


def _fold_at_once(events: Sequence[Event]) -> tuple[Row | None, bool]:
    """The row, if there is one, and whether it was changed, because each of the events counts."""
    about, folded = events[0].metadata, reduce(read_model.fold, events, cast("dict[str, Any]", {}))
    names: dict[str, str] = {}
    values: dict[str, Any] = {":one": 1}
    conditions = ["attribute_exists(item_id)"]
    for number, (attribute, entry) in enumerate(folded.items()):
        fields = read_model.told_order(attribute)
        order = "<" if read_model.latest_counts(attribute) else ">"
        event, of_event = f"#event{number}", {field: f":{field}{number}" for field in fields}
        names |= {event: attribute, **{f"#{field}": field for field in fields}}
        values |= {f":entry{number}": entry, **{of_event[field]: entry[field] for field in fields}}
        counts = f"{event}.#event_id {order} {of_event['event_id']}"
        if "at" in fields:
            at = of_event["at"]
            counts = f"{event}.#at {order} {at} OR {event}.#at = {at} AND {counts}"
        conditions.append(f"(attribute_not_exists({event}) OR {counts})")
    return _decide(
        _key(about.user_id, about.session_id, about.job_id),
        f"SET {', '.join(f'#event{it} = :entry{it}' for it in range(len(folded)))} ADD revision :one",
        " AND ".join(conditions),
        values,
        names,
    )


def _keep_due(row: Row) -> None:
    """An earlier look than is due harms nobody, so of the steps of a quick job most change nothing here."""
    due, kept = _due(row), row.get("due_at")
    if due is None or kept is None or due < kept:
        _look_at(row, due)


def postpone(row: Row) -> None:
    """The watchdog looked at a row too early: have it look again when the row is due."""
    _look_at(row, _due(row))


def _due(row: Row) -> str | None:
    moment = due_at(row)
    return _text(moment) if moment else None


def _look_at(row: Row, due: str | None) -> None:
    """Set or remove `due_at`; of a row that is no longer as it was read, only bring it forward."""
    if row.get("due_at") == due:
        return
    change, condition = "REMOVE due_kind, due_at", "revision = :revision"
    values = {":revision": row.get("revision", 0)}
    if due:
        change = "SET due_kind = :due_kind, due_at = :due_at"
        condition += " OR attribute_exists(item_id) AND (attribute_not_exists(due_at) OR due_at > :due_at)"
        values |= {":due_kind": "due", ":due_at": due}
    table.update(
        Key=_key(*ids(row)),
        UpdateExpression=change,
        ConditionExpression=condition,
        ExpressionAttributeValues=table.pack(values),
    )


def overdue(now: datetime) -> Iterator[Row]:
    """Rows whose `due_at` has passed, as the index knows them: a moment behind the table."""
    yield from table.query(
        IndexName="due",
        KeyConditionExpression="due_kind = :due AND due_at < :now",
        ExpressionAttributeValues=table.pack({":due": "due", ":now": _text(now)}),
    )


def _decide(
    key: dict[str, Any],
    change: str,
    condition: str,
    values: dict[str, Any],
    names: dict[str, str] | None = None,
) -> tuple[Row | None, bool]:
    """The row, if there is one, and whether it was changed because it met the condition."""
    try:
        answer = table.call(
            "update_item",
            Key=key,
            UpdateExpression=change,
            ConditionExpression=condition,
            ExpressionAttributeValues=table.pack(values),
            **({"ExpressionAttributeNames": names} if names else {}),
            ReturnValues="ALL_NEW",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ClientError as error:
        if not table.is_condition(error):
            raise
        found = error.response.get("Item")
        return (table.unpack(found) if found else None), False
    return table.unpack(answer["Attributes"]), True


def _of_session(user_id: str, session_id: str) -> Iterator[Row]:
    """The session's row and those of its jobs, oldest first, by a consistent read."""
    return table.query(
        KeyConditionExpression="user_id = :user AND item_id BETWEEN :session AND :last",
        ExpressionAttributeValues=table.pack(
            {":user": user_id, ":session": session_id, ":last": item_id(session_id, "~")}
        ),
        ConsistentRead=True,
    )


def _key(user_id: str, session_id: str, job_id: str | None = None) -> dict[str, Any]:
    return {"user_id": {"S": user_id}, "item_id": {"S": item_id(session_id, job_id)}}


def _now() -> datetime:
    return datetime.now(UTC)


def _text(moment: datetime) -> str:
    """UTC to the millisecond, always of the same length, so that text sorts as time does."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
