"""Download links that outlive presigned URLs: a path and an expiry, authenticated by a KMS HMAC key.

token = base64url(`<expiry, Unix seconds>:<path>`) + "." + base64url(HMAC-SHA-256 of the first part's bytes).
The key never leaves KMS, so a link can be made only by a role that may call GenerateMac.
"""

from __future__ import annotations

from base64 import b64decode, urlsafe_b64encode
from datetime import UTC, datetime

from botocore.exceptions import ClientError

from gen3d_events import aws

_ALGORITHM = "HMAC_SHA_256"


class LinkInvalid(ValueError):
    """The token was not made with this key, or was changed."""


class LinkExpired(ValueError):
    """The token was valid once."""


def mint(key_id: str, path: str, expires: datetime) -> str:
    """A URL-safe token for `path`, valid until `expires` (with time zone)."""
    payload = f"{int(expires.timestamp())}:{path}".encode()
    answer = aws.client("kms").generate_mac(KeyId=key_id, MacAlgorithm=_ALGORITHM, Message=payload)
    return f"{_encode(payload)}.{_encode(answer['Mac'])}"


def verify(key_id: str, token: str, now: datetime) -> str:
    """The path of a token. Raises LinkInvalid, or LinkExpired if it is authentic but too old."""
    try:
        payload, mac = map(_decode, token.split("."))
    except ValueError as error:
        raise LinkInvalid("not a token") from error
    try:
        aws.client("kms").verify_mac(KeyId=key_id, MacAlgorithm=_ALGORITHM, Message=payload, Mac=mac)
    except ClientError as error:
        if error.response["Error"]["Code"] == "KMSInvalidMacException":
            raise LinkInvalid("not made with this key") from error
        raise
    expires, _, path = payload.decode().partition(":")
    if now >= datetime.fromtimestamp(int(expires), UTC):
        raise LinkExpired(path)
    return path


def _encode(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    """Raises ValueError unless `text` is exactly what `_encode` writes for some bytes."""
    data = b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if not data or len(data) > 4096 or _encode(data) != text:
        raise ValueError("not canonical base64url")
    return data
