"""Where everything lies in the data bucket. Pure string functions, the only place that knows the layout."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import NamedTuple


def session_prefix(user_id: str, session_id: str) -> str:
    return f"users/{user_id}/sessions/{session_id}/"


def job_prefix(user_id: str, session_id: str, job_id: str) -> str:
    return f"{session_prefix(user_id, session_id)}jobs/{job_id}/"


def incoming_prefix(user_id: str, session_id: str) -> str:
    return f"incoming/{user_id}/{session_id}/"


def incoming_photo(user_id: str, session_id: str) -> str:
    return f"incoming/{user_id}/{session_id}/photo"


def incoming_mask(user_id: str, session_id: str, job_id: str) -> str:
    return f"incoming/{user_id}/{session_id}/{job_id}/mask"


def inference_input(session_id: str, inference_id: str) -> str:
    return f"inference/input/{session_id}/{inference_id}.json"


class Incoming(NamedTuple):
    """What an upload under `incoming/` is: a session's photo, or (with `job_id`) a job's mask."""

    user_id: str
    session_id: str
    job_id: str | None


_INCOMING = re.compile(
    r"incoming/(?P<user>[^/]+)/(?P<session>ses_[0-9A-Z]{26})/(?:photo|(?P<job>job_[0-9A-Z]{26})/mask)"
)


def parse_incoming(key: str) -> Incoming | None:
    """The upload that a key under `incoming/` names, or None if it is none of ours."""
    match = _INCOMING.fullmatch(key)
    return Incoming(match["user"], match["session"], match["job"]) if match else None


_INBOX = re.compile(r"inbox/(?P<user>[^/]+)/.*[^/]", re.DOTALL)


def parse_inbox(key: str) -> str | None:
    """The user in whose inbox a key lies, or None if it is no file in an inbox."""
    match = _INBOX.fullmatch(key)
    return match["user"] if match else None


def nameless(key: str) -> str:
    """The key without the name that a person gave the file: events and logs outlive what they tell of."""
    user_id = parse_inbox(key)
    return f"inbox/{user_id}/{sha256(key.encode()).hexdigest()[:32]}" if user_id else key


_INFERENCE_INPUT = re.compile(
    r"inference/input/(?P<session_id>ses_[0-9A-Z]{26})/(?:emb-.+|rec-(?P<job_id>job_[0-9A-Z]{26})-\d+)\.json"
)


def parse_inference_input(key: str) -> dict[str, str]:
    """session_id, and of a reconstruction job_id, of a request document's key; nothing if it is none."""
    match = _INFERENCE_INPUT.fullmatch(key)
    return {name: value for name, value in match.groupdict().items() if value} if match else {}


_SESSION = re.compile(r"users/([^/]+)/sessions/(ses_[0-9A-Z]{26})/.+")


def parse_session_key(key: str) -> tuple[str, str] | None:
    """(user_id, session_id) of the session that a key under `users/` belongs to, or None if it is none."""
    match = _SESSION.fullmatch(key)
    return (match[1], match[2]) if match else None


def split_s3_uri(uri: str) -> tuple[str, str]:
    """`s3://bucket/key` as (bucket, key). Raises ValueError otherwise."""
    match = re.fullmatch(r"s3://([^/]+)/(.+)", uri)
    if not match:
        raise ValueError(f"not an S3 object URI: {uri!r}")
    return match[1], match[2]
