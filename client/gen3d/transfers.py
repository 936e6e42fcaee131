"""Files to and from S3 by the addresses that the API hands out."""

from __future__ import annotations

import io
import re
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from gen3d.errors import TransferFailed, WrongUsage
from gen3d.http import send

MAX_BYTES = 20 * 1024 * 1024
"""Of a photo or a mask."""

_CODE, _MESSAGE = re.compile(r"<Code>(.*?)</Code>"), re.compile(r"<Message>(.*?)</Message>")

Progress = Callable[[int, int], None]
"""Called with bytes sent so far and bytes in all."""


def read_picture(path: Path, too_heavy: str) -> bytes:
    """The content of a photo or mask that is to be sent. Raises WrongUsage with code `too_heavy`, or if it is
    empty, and OSError."""
    if path.stat().st_size > MAX_BYTES:  # the service refuses it as well, but a session would stay behind
        raise WrongUsage.because(too_heavy)
    content = path.read_bytes()
    if not content:
        raise WrongUsage(f"{path} is empty.", "Choose a file that holds a picture.")
    return content


class _Reading(io.BytesIO):
    """A file in memory that tells how far it has been read."""

    def __init__(self, content: bytes, progress: Progress | None) -> None:
        super().__init__(content)
        self._total = len(content)
        self._progress = progress

    def read(self, size: int | None = -1, /) -> bytes:
        chunk = super().read(size)
        if self._progress and chunk:
            self._progress(self.tell(), self._total)
        return chunk


def post_file(
    http: httpx.Client,
    form: Mapping[str, Any],
    filename: str,
    content: bytes,
    on_progress: Progress | None = None,
) -> None:
    """Upload by presigned POST. `form` is the API's `{url, fields}`. Raises TransferFailed, Unreachable."""
    reply = send(
        lambda: http.post(
            form["url"],
            data=form["fields"],
            files={"file": (filename, _Reading(content, on_progress), "application/octet-stream")},
        ),
        _host(form["url"]),
    )
    if not reply.is_success:
        raise _refusal(reply, filename)


def _refusal(reply: httpx.Response, filename: str) -> TransferFailed:
    """What S3 means by its XML `<Error><Code>..</Code><Message>..</Message>..</Error>`."""
    code, said = (found[1] if (found := tag.search(reply.text)) else "" for tag in (_CODE, _MESSAGE))
    match code:
        case "EntityTooLarge":
            what, hint = "is larger than 20 MB", "Save it with stronger compression or scale it down."
        case "EntityTooSmall":
            what, hint = "is empty", "Choose a file that holds a picture."
        case "AccessDenied" | "ExpiredToken" if "expired" in said:
            what, hint = "came too late: its upload form has expired", "Start again; a form lives an hour."
        case "AccessDenied":
            what, hint = "does not fit its upload form", "Upload to the form just as the API gave it."
        case _:
            what, hint = f"was not accepted for upload ({code or reply.status_code})", "Try again."
    return TransferFailed(f"{filename} {what}.", hint)


def fetch_file(http: httpx.Client, url: str, target: Path, size: int | None = None) -> None:
    """Download to `target`, which appears only when complete. Raises TransferFailed, Unreachable."""
    part = target.with_name(target.name + ".part")

    def request() -> httpx.Response:
        with http.stream("GET", url, follow_redirects=True) as reply, part.open("wb") as file:
            if reply.is_success:
                for chunk in reply.iter_bytes():
                    file.write(chunk)
        return reply

    try:
        reply = send(request, _host(url))
        if not reply.is_success:
            raise TransferFailed(
                f"{target.name} could not be fetched ({reply.status_code}).",
                "Addresses live a few minutes; ask for a fresh one.",
            )
        if size is not None and part.stat().st_size != size:
            raise TransferFailed(f"{target.name} arrived incomplete.", "Try again.")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def fetch_content(http: httpx.Client, url: str, name: str, size: int | None = None) -> bytes:
    """Download into memory; `name` is for messages. Raises TransferFailed, Unreachable."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / name
        fetch_file(http, url, target, size)
        return target.read_bytes()


def _host(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
