"""The one way in which a request fails."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from gen3d_events.codes import ErrorClass, codes
from gen3d_events.inference import ErrorReply

from gen3d_inference import gpu

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


@contextmanager
def classed() -> Iterator[None]:
    """What goes wrong within becomes an InferenceError: short memory is transient, all else `system`."""
    try:
        yield
    except InferenceError:
        raise
    except Exception as error:
        code = "inference_failed"
        if isinstance(error, MemoryError) or gpu.is_out_of_memory(error):
            # What failed is still held by the frames of the error.
            traceback.clear_frames(error.__traceback__)
            gpu.free()
            code = "inference_out_of_memory"
        raise InferenceError(code, f"{type(error).__name__}: {error}") from error
