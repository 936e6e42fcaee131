"""What SageMaker publishes when an asynchronous inference ends. Pure.

Shapes follow the SageMaker developer guide, "Check prediction results" (asynchronous inference). Where the
guide is silent, `failureLocation` stands in `responseParameters`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from gen3d_local.aws import REGION
from gen3d_local.queue import Request


def completed(endpoint: str, request: Request, content_type: str, at: float) -> dict[str, Any]:
    """The message for the success topic."""
    response = {"contentType": content_type, "outputLocation": request.output_location}
    return _message(endpoint, request, at, "Completed", responseParameters=response)


def failed(
    endpoint: str, request: Request, reason: str, at: float, *, has_object: bool, expired: bool = False
) -> dict[str, Any]:
    """The message for the error topic. has_object: whether the failure location holds the model's reply."""
    extra: dict[str, Any] = {"failureReason": reason}
    if has_object:
        extra["responseParameters"] = {"failureLocation": request.failure_location}
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
