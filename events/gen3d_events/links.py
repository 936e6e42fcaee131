"""Download links that outlive presigned URLs: a path and an expiry, authenticated under a KMS HMAC key.

token = base64url(`<expiry, Unix seconds>:<path>`) + "." + base64url(HMAC-SHA-256 of the first part's bytes).
The HMAC's key is that of the day on which the link expires: KMS's MAC of the day's number. KMS's own key
never leaves it, so links can be made and checked only by a role that may call GenerateMac, which a warm
function does once a day.
"""

from __future__ import annotations

import hmac
import re
from base64 import b64decode, urlsafe_b64encode
from datetime import datetime
from functools import lru_cache

from gen3d_events import aws

_SECONDS = re.compile("[0-9]{1,11}")


class LinkInvalid(ValueError):
    """The token was not made with this key, or was changed."""


class LinkExpired(ValueError):
    """The token was valid once."""


def mint(key_id: str, path: str, expires: datetime) -> str:
    """A URL-safe token for `path`, valid until `expires` (with time zone)."""
    seconds = int(expires.timestamp())
    payload = f"{seconds}:{path}".encode()
    return f"{_encode(payload)}.{_encode(_mac(key_id, seconds, payload))}"


def verify(key_id: str, token: str, now: datetime) -> str:
    """The path of a token. Raises LinkInvalid, or LinkExpired if it is authentic but too old."""
    try:
        payload, mac = map(_decode, token.split("."))
        expires, _, path = payload.decode().partition(":")
    except ValueError as error:
        raise LinkInvalid("not a token") from error
    if not _SECONDS.fullmatch(expires):  # KMS is asked before it is known who wrote this
        raise LinkInvalid("not a token")
    seconds = int(expires)
    if not hmac.compare_digest(mac, _mac(key_id, seconds, payload)):
        raise LinkInvalid("not made with this key")
    if now.timestamp() >= seconds:
        raise LinkExpired(path)
    return path


def _mac(key_id: str, expires: int, payload: bytes) -> bytes:
    return hmac.digest(_key_of_day(key_id, expires // 86_400), payload, "sha256")


@lru_cache(maxsize=32)
def _key_of_day(key_id: str, day: int) -> bytes:
    """day: since 1970, in UTC."""
    answer = aws.client("kms").generate_mac(
        KeyId=key_id, MacAlgorithm="HMAC_SHA_256", Message=f"links of day {day}".encode()
    )
    key: bytes = answer["Mac"]
    return key


def _encode(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    """Raises ValueError unless `text` is exactly what `_encode` writes for some bytes."""
    data = b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if not data or len(data) > 4096 or _encode(data) != text:
        raise ValueError("not canonical base64url")
    return data
