"""The one way in which a request fails."""

from __future__ import annotations

from gen3d_events.codes import ErrorClass, codes
from gen3d_events.inference import ErrorReply

_MESSAGE_LENGTH = 1000


class InferenceError(Exception):
    """A request failed for a reason of the one table. `detail` is for operators."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail or codes[code].message

    @property
    def error_class(self) -> ErrorClass:
        return codes[self.code].error_class

    @property
    def reply(self) -> ErrorReply:
        return ErrorReply(code=self.code, error_class=self.error_class, message=self.detail[:_MESSAGE_LENGTH])
