"""What SageMaker publishes when an asynchronous inference ends. Pure.

Shapes follow the SageMaker developer guide, "Check prediction results" (asynchronous inference). The guide is
silent on `failureLocation`: it was seen in `responseParameters` and at the top level.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from gen3d_local.aws import REGION
from gen3d_local.misbehaviour import Place
from gen3d_local.queue import Request


def completed(endpoint: str, request: Request, content_type: str, at: float) -> dict[str, Any]:
    """The message for the success topic."""
    response = {"contentType": content_type, "outputLocation": request.output_location}
    return _message(endpoint, request, at, "Completed", responseParameters=response)


def failed(
    endpoint: str, request: Request, reason: str, at: float, *, place: Place, expired: bool = False
) -> dict[str, Any]:
    """The message for the error topic. place: where the location of the model's reply is named, if it is."""
    extra: dict[str, Any] = {"failureReason": reason}
    location = {"failureLocation": request.failure_location}
    if place == "response":
        extra["responseParameters"] = location
    elif place == "top":
        extra |= location
    return _message(endpoint, request, at, "Expired" if expired else "Failed", **extra)


def _message(endpoint: str, request: Request, at: float, status: str, **extra: Any) -> dict[str, Any]:
    return {
        "awsRegion": REGION,
        "eventTime": _time(at),
        "receivedTime": _time(request.accepted_at),
        "invocationStatus": status,
        "requestParameters": {
            "accept": request.accept,
            "contentType": request.content_type,
            "endpointName": endpoint,
            "inputLocation": request.input_location,
        },
        **extra,
        "inferenceId": request.inference_id,
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
    }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
