"""What can go wrong, as a small tree. Every error has a code, a sentence and a hint for a person.

Gen3DError
├── WrongUsage         an id of the wrong form, an empty file, a point outside the photo
├── Unreachable        no answer from the API, after polite retries
├── SignInFailed       no credentials, or Cognito refused them
├── ApiError           the API refused a request; `status` is its HTTP status
├── TransferFailed     S3 refused an upload or a download, or the file arrived incomplete
├── DeadlineExceeded   the caller's own deadline passed; the work goes on
└── Failed             the service gave up
    ├── PhotoRejected
    ├── MaskRejected
    ├── SessionFailed  the photo could not be prepared for clicks
    ├── NoMask         the points gave no mask
    └── JobFailed
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from gen3d_events.codes import codes


class Gen3DError(Exception):
    """Base of all. `code` is from the service's table where the service spoke (docs/errors.md)."""

    code = "client_error"

    def __init__(self, message: str, hint: str = "", code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code or self.code

    @classmethod
    def from_problem(cls, problem: Mapping[str, Any]) -> Self:
        """From the service's own words: `{code, message, hint, ...}`."""
        return cls(problem["message"], problem.get("hint", ""), problem["code"])

    @classmethod
    def because(cls, code: str, detail: str = "") -> Self:
        """From the table of codes; `detail` follows the sentence."""
        known = codes[code]
        return cls(f"{known.message} {detail}".strip(), known.hint, code)

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


class WrongUsage(Gen3DError):
    code = "wrong_usage"


class Unreachable(Gen3DError):
    code = "unreachable"


class SignInFailed(Gen3DError):
    code = "sign_in_failed"


class ApiError(Gen3DError):
    status: int = 0


class TransferFailed(Gen3DError):
    code = "transfer_failed"


class DeadlineExceeded(Gen3DError):
    code = "deadline_exceeded"


class Failed(Gen3DError):
    pass


class PhotoRejected(Failed):
    pass


class MaskRejected(Failed):
    pass


class SessionFailed(Failed):
    pass


class NoMask(Failed):
    pass


class JobFailed(Failed):
    pass
