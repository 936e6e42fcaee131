"""The routes of the REST API that are notification's: tickets for the socket."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus

from gen3d_events.rest import behind_the_api, resolver, signed_in
from pydantic import BaseModel, Field

from gen3d_notification import tickets

app = resolver()


class Ticket(BaseModel):
    """What a socket is opened with, once, until it expires."""

    ticket: str
    expires_at: str = Field(description="ISO 8601, in UTC.")


@app.post("/tickets", status_code=HTTPStatus.CREATED, operation_id="create_ticket")
def create_ticket() -> Ticket:
    """A ticket for the WebSocket API, which opens one socket within a minute."""
    ticket, expires = tickets.issue(signed_in(app), datetime.now(UTC))
    return Ticket(ticket=ticket, expires_at=f"{expires:%Y-%m-%dT%H:%M:%SZ}")


handler = behind_the_api(app)
