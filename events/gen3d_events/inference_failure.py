"""What a failed inference means. Pure: from SageMaker's status and texts to a code of the one table."""

from __future__ import annotations

import re
from typing import NamedTuple

from gen3d_events.codes import codes

# An ErrorReply's code, also where SageMaker quotes the reply inside a sentence (escaped) or cuts it off.
_CODE = re.compile(r'"code\\*"\s*:\s*\\*"([a-z_]+)')
# Our server answers each request with a code, so without one it has not answered: it was killed or replaced.
_BROKE_OFF = re.compile(r"Received server error \((?:0|50[234])\)")
_TIMED_OUT = re.compile(r"tim(?:ed|e)[ -]?out", re.IGNORECASE)


class InferenceFailure(NamedTuple):
    """Why an inference failed: a key of `codes`, and the technical detail for operators."""

    code: str
    detail: str

    @property
    def transient(self) -> bool:
        return codes[self.code].error_class == "transient"


def classify(status: str, *texts: str) -> InferenceFailure:
    """The failure behind a notification with `invocationStatus` status.

    texts: what is known, most telling first: the failure object's content, then `failureReason`.
    The server's own code wins; without one, SageMaker's status or wording decides.
    """
    return InferenceFailure(_code(status, texts), ": ".join(filter(None, (status, *texts))))


def _code(status: str, texts: tuple[str, ...]) -> str:
    for text in texts:
        for code in _CODE.findall(text):
            # Codes with an HTTP status are the API's answers; an endpoint that says one is not ours.
            if code in codes and codes[code].http_status is None:
                return str(code)
    if status == "Expired":
        return "inference_expired"
    if any(_TIMED_OUT.search(text) for text in texts):
        return "inference_timed_out"
    if any(_BROKE_OFF.search(text) for text in texts):
        return "inference_unavailable"
    return "inference_failed"
