"""What the endpoint's stand-in can be told to do wrong, for tests and for people. Pure.

An order is for the next requests, or for those of one inference id, and is kept with each request that it
meets: it holds over a restart of the endpoint.
"""

from __future__ import annotations

from typing import Literal

from gen3d_events.codes import codes
from gen3d_events.models import Task
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveInt,
    ValidationError,
    field_validator,
)

Kind = Literal[
    "slow",
    "silent",
    "late",
    "untold",
    "doubled",
    "success-after-failure",
    "failure-after-success",
    "expired",
    "fail",
    "killed",
    "refused",
    "busy",
]
Place = Literal["response", "top", "nowhere"]

KINDS: dict[Kind, str] = {
    "slow": "takes --seconds longer",
    "silent": "is accepted and never answered",
    "late": "is answered only after `gen3d misbehave --off`, however late that is",
    "untold": "is computed at once, and answered only after `gen3d misbehave --off`",
    "doubled": "is answered twice",
    "success-after-failure": "is said to have failed, and --seconds later to have succeeded",
    "failure-after-success": "is said to have succeeded, and --seconds later to have failed",
    "expired": "is said to have waited too long",
    "fail": "fails with --code",
    "killed": "has its server killed while it is computed",
    "refused": "is refused at once, as if there were no endpoint",
    "busy": "is turned away at once, as by a busy endpoint",
}
"""What happens to a request, by the kind of misbehaviour."""

PATH = "/_gen3d/misbehaviour"
"""Where orders are given, on the endpoint's stand-in."""

AT_ONCE: dict[str, tuple[int, str, str]] = {
    "refused": (400, "ValidationError", "Endpoint not found: told to say so."),
    "busy": (503, "ServiceUnavailable", "Busy: told to say so."),
}
"""HTTP status, error type and message of what InvokeEndpointAsync itself refuses."""

_BEGINS = {"embed": "emb-", "reconstruct": "rec-", "segment": "seg-"}


class Misbehaviour(BaseModel):
    """An order. Raises pydantic.ValidationError where it is none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind
    times: PositiveInt = Field(1, description="How many requests it is for.")
    task: Task | None = Field(None, description="None: for all.")
    inference_id: str = Field("", description="An inference id or its beginning. Empty: for all.")
    code: str = Field("inference_failed", description="Of failures, from the table of codes.")
    failure_location: Place = Field(
        "response", description="Where a notification of failure names the object."
    )
    seconds: NonNegativeFloat = Field(3.0, description="How much longer, or later.")

    @field_validator("code")
    @classmethod
    def _known(cls, code: str) -> str:
        # Gen3D takes no such code from an endpoint: those with an HTTP status are the API's answers.
        if code not in codes or codes[code].http_status is not None:
            raise ValueError(f"{code} is no code of docs/errors.md with which a request can fail")
        return code

    def meets(self, inference_id: str) -> bool:
        begins = _BEGINS[self.task] if self.task else ""
        return inference_id.startswith(begins) and inference_id.startswith(self.inference_id)


def sentence(error: ValidationError) -> str:
    """What is wrong with an order, for a person."""
    return "; ".join(
        f"{'.'.join(map(str, one['loc'])) or 'order'}: {one['msg'].removeprefix('Value error, ')}"
        for one in error.errors()
    )


class Orders:
    """The orders that stand, the oldest first."""

    def __init__(self) -> None:
        self.standing: list[Misbehaviour] = []

    def give(self, order: Misbehaviour) -> None:
        self.standing.append(order)

    def withdraw(self) -> None:
        self.standing.clear()

    def take(self, inference_id: str) -> Misbehaviour | None:
        """The first order that meets a request; it then stands for one request less."""
        for place, order in enumerate(self.standing):
            if order.meets(inference_id):
                left = order.model_copy(update={"times": order.times - 1})
                self.standing[place : place + 1] = [left] if left.times else []
                return order
        return None
