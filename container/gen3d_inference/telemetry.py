"""The server's log and figures: JSON lines on stdout, where CloudWatch finds the metrics among them (EMF)."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, NamedTuple

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit
from gen3d_events.inference import InferenceRequest

SERVICE = "endpoint"
NAMESPACE = "Gen3D"
Unit = Literal["Seconds", "Bytes", "Count"]

logger = Logger(service=SERVICE)


class Figure(NamedTuple):
    """A metric in the namespace Gen3D: its name, and its value in `unit`."""

    name: str
    value: float
    unit: Unit


def measure(engine: str, *figures: Figure, **about: str) -> None:
    """Write figures that count by engine. about: keys that the line carries beside them."""
    line = EphemeralMetrics(namespace=NAMESPACE, service=SERVICE)
    for figure in figures:
        line.add_metric(figure.name, MetricUnit(figure.unit), figure.value)
    line.add_dimension("engine", engine)
    for name, value in about.items():
        line.add_metadata(name, value)
    line.flush_metrics()


def tell_of_libraries() -> None:
    """What libraries log in this process, and their warnings, become lines of the same log."""
    logging.getLogger(SERVICE).propagate = False  # else the root would tell our own once more
    logging.basicConfig(handlers=[logger.registered_handler])
    logging.captureWarnings(True)


@contextmanager
def computing(request: InferenceRequest) -> Iterator[None]:
    """What this thread logs within tells of the request, and so does what an engine's process writes."""
    logger.thread_safe_append_keys(**about(request))
    try:
        yield
    finally:
        logger.thread_safe_clear_keys()


def about(request: InferenceRequest) -> dict[str, str]:
    """The keys by which the services' logs tell of the same story."""
    metadata = request.metadata
    job = {"job_id": metadata.job_id} if metadata.job_id else {}
    return {
        "inference_id": request.inference_id,
        "task": request.task,
        "correlation_id": metadata.correlation_id,
        "session_id": metadata.session_id,
        "cause_id": metadata.event_id,
        **job,
    }
