"""The one form of every refusal and problem that a person or a program is told of."""

from __future__ import annotations

from pydantic import BaseModel

from gen3d_events.codes import ErrorClass, codes


class Problem(BaseModel):
    """Why something was refused or failed: for programs the code, for a person a sentence and a hint."""

    code: str
    error_class: ErrorClass
    message: str
    hint: str

    @classmethod
    def of(cls, code: str, detail: str = "") -> Problem:
        """From the table of codes; `detail` follows the sentence."""
        known = codes[code]
        message = f"{known.message} {detail}".strip()
        return cls(code=code, error_class=known.error_class, message=message, hint=known.hint)
