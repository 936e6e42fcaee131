"""The one logger, metrics sink and tracer of a function, all of them powertools'.

Tracing costs 0.2 CPU seconds to import, so it is there only where a function runs beside an X-Ray daemon.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, Metrics, MetricUnit

from gen3d_events.event import Event
from gen3d_events.measures import measures

Handler = Callable[[Any, Any], Any]

logger = Logger()
NAMESPACE = os.environ.get("POWERTOOLS_METRICS_NAMESPACE", "Gen3D")
metrics = Metrics(namespace=NAMESPACE)
tracer: Any = None

if "AWS_XRAY_DAEMON_ADDRESS" in os.environ:
    from aws_lambda_powertools.tracing import Tracer

    tracer = Tracer(patch_modules=("botocore",))


def observed(handler: Handler) -> Handler:
    """A Lambda handler that logs its context, flushes metrics, and is traced where there is tracing."""
    wrapped: Handler = logger.inject_lambda_context(metrics.log_metrics(handler))
    if tracer:
        wrapped = tracer.capture_lambda_handler(wrapped, capture_response=False)

    @wraps(handler)
    def invoke(event: Any, context: Any) -> Any:
        try:
            return wrapped(event, context)
        finally:
            if not gc.isenabled():  # the first event is done, see the package's beginning
                gc.freeze()
                gc.enable()

    return invoke


def count(name: str) -> None:
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=1)


def measure(event: Event) -> dict[str, float]:
    """Write down what a published event says in figures, and give them by name.

    They count by service alone and again by engine and quality, as far as the event knows those.
    They have a line of their own, because a line's metrics share their dimensions.
    """
    figures, by = measures(event)
    if not figures:
        return {}
    line = EphemeralMetrics(namespace=NAMESPACE, service=logger.service)
    for figure in figures:
        line.add_metric(figure.name, MetricUnit(figure.unit), figure.value)
    for dimensions in by:
        line.add_dimensions(service=logger.service, **dimensions)
    for name, value in about(event).items():
        line.add_metadata(name, value)
    line.flush_metrics()
    return {figure.name: figure.value for figure in figures}


def about(event: Event) -> dict[str, str]:
    """The keys by which one story is followed through all logs: correlation_id, session_id, job_id."""
    keys = event.metadata
    job = {"job_id": keys.job_id} if keys.job_id else {}
    return {"correlation_id": keys.correlation_id, "session_id": keys.session_id, **job}


@contextmanager
def context_keys(name: str, **keys: str | float | None) -> Iterator[None]:
    """Log lines within carry these keys; so does the trace, in a part of its own called `name`."""
    keys = {key: value for key, value in keys.items() if value is not None}
    with ExitStack() as stack:
        stack.enter_context(logger.append_context_keys(**keys))
        if tracer:
            segment = stack.enter_context(tracer.provider.in_subsegment(f"## {name}"))
            for key, value in keys.items():
                segment.put_annotation(key, value)
        yield
