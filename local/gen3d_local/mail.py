"""The mails that the laptop cloud has sent: the engine keeps them instead of delivering them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from gen3d_local.admission import TOKEN_HEADER

PATH = "/_ministack/ses/messages"


@dataclass(frozen=True)
class Mail:
    """One mail as it was sent."""

    sender: str
    to: tuple[str, ...]
    subject: str
    text: str
    html: str
    sent_at: datetime


def sent(engine_url: str, token: str) -> list[Mail]:
    """Every mail, the newest last. token: of the engine's administration."""
    headers = {TOKEN_HEADER: token}
    reply = httpx.get(f"{engine_url}{PATH}", headers=headers, timeout=10, trust_env=False)
    reply.raise_for_status()
    return parse(reply.json())


def parse(reply: dict[str, dict[str, list[dict[str, Any]]]]) -> list[Mail]:
    """The engine's answer: messages by account."""
    return [
        Mail(
            sender=message["Source"],
            to=tuple(message["To"]),
            subject=message["Subject"],
            text=message["BodyText"] or "",
            html=message["BodyHtml"] or "",
            sent_at=datetime.fromtimestamp(float(message["Timestamp"]), UTC),
        )
        for account in reply["messages"].values()
        for message in account
    ]
