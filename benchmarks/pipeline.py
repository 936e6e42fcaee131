"""`make bench`: what the pipeline costs without its computing, on a local cloud of its own.

1. Latency: one job after another, from POST /jobs to Mesh Completed.
2. Throughput: many jobs of several sessions at once.
3. Cold starts: CPU seconds of import and first event of each zip function in a fresh isolated interpreter.

Engines and meshing give stored results (stored_engines.py, stored_meshing.py); everything else is the real
thing. The baseline is a bare hop: PutEvents, a rule, ReceiveMessage, and no function. Prints tables, and
writes out/bench/pipeline.json.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gen3d import Gen3D, JobOptions, Quality, Session
from gen3d.story import moment
from gen3d_local.children import poll
from gen3d_local.cloud import ROOT, Cloud, Options, running_cloud
from gen3d_local.demo import SCENE
from gen3d_local.state import free_port
from rich.console import Console
from rich.table import Table

from benchmarks.cold_start import ColdStart, cold_starts

STATE = ROOT / ".gen3d" / "bench"
RESULT = ROOT / "out" / "bench" / "pipeline.json"
OPTIONS = JobOptions(quality=Quality.FAST)
PHOTO, MASK = SCENE / "photo.jpg", SCENE / "mask.png"
WARM_UP, SEQUENTIAL = 4, 12
SESSIONS, JOBS_EACH, SENDERS = 4, 8, 8
HOPS = 50
DEADLINE_SECONDS = 300.0

console = Console()


def main() -> None:
    shutil.rmtree(STATE, ignore_errors=True)
    options = Options(
        front_port=free_port(),
        template=_without_meshing(STATE / "source"),
        parameters={"RetryDelaySeconds": "0"},
        server="benchmarks.stored_engines",
    )
    with running_cloud(STATE, options) as cloud, _signed_in(cloud) as gen3d:
        session = gen3d.create_session(PHOTO).wait_ready(DEADLINE_SECONDS)
        for _ in range(WARM_UP):
            _one_by_one(session)
        hop = [_bare_hop(cloud) for _ in range(HOPS)]
        jobs = [_one_by_one(session) for _ in range(SEQUENTIAL)]
        rate = _all_at_once(cloud, gen3d)
        colds = cold_starts(cloud, gen3d, PHOTO, MASK)
    figures = _figures(hop, jobs, rate, colds)
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(figures, indent=2) + "\n")
    _print(figures)


@contextmanager
def _signed_in(cloud: Cloud) -> Iterator[Gen3D]:
    with Gen3D(f"{cloud.url}/api", cloud.user.email, cloud.user.password) as gen3d:
        yield gen3d


def _without_meshing(source: Path) -> Path:
    """The template beside a copy of the code in which meshing gives a stored result."""
    for folder in ("events", "services"):
        shutil.copytree(ROOT / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__"))
    meshing = source / "services" / "meshing" / "gen3d_meshing"
    (meshing / "pipeline.py").rename(meshing / "computing.py")
    shutil.copy(Path(__file__).with_name("stored_meshing.py"), meshing / "pipeline.py")
    return Path(shutil.copy(ROOT / "template.yaml", source))


def _one_by_one(session: Session) -> float:
    """Seconds of one job."""
    begun = datetime.now(UTC)
    job = session.create_job(MASK, OPTIONS).wait(DEADLINE_SECONDS)
    return (moment(job.events["mesh_completed"]["at"]) - begun).total_seconds()


def _all_at_once(cloud: Cloud, gen3d: Gen3D) -> dict[str, float]:
    """Jobs of several sessions sent by several senders, until the last mesh is there."""
    sessions = [gen3d.create_session(PHOTO).wait_ready(DEADLINE_SECONDS) for _ in range(SESSIONS)]
    before, total, mask = _finished(cloud), SESSIONS * JOBS_EACH, MASK.read_bytes()

    def send(session: Session) -> None:
        request = {"options": OPTIONS.model_dump(mode="json", exclude_none=True)}
        created = gen3d.api.post(f"/sessions/{session.id}/jobs", request)
        gen3d.upload(created["upload"], MASK.name, mask)

    begun = time.monotonic()
    with ThreadPoolExecutor(SENDERS) as senders:
        list(senders.map(send, sessions * JOBS_EACH))
    sent = time.monotonic() - begun
    if not poll(lambda: _finished(cloud) - before >= total, DEADLINE_SECONDS, every=0.25):
        raise SystemExit(f"{total - _finished(cloud) + before} of {total} jobs did not finish.")
    seconds = time.monotonic() - begun
    return {
        "jobs": total,
        "sessions": SESSIONS,
        "seconds": seconds,
        "sending_seconds": sent,
        "jobs_per_second": total / seconds,
    }


def _finished(cloud: Cloud) -> int:
    """Jobs with a mesh, counted in the table: asking the API would cost what is being measured."""
    reply = cloud.client("dynamodb").scan(
        TableName=cloud.outputs["SessionsTableName"],
        Select="COUNT",
        FilterExpression="attribute_exists(mesh_completed)",
    )
    count: int = reply["Count"]
    return count


def _bare_hop(cloud: Cloud) -> float:
    """Seconds from PutEvents to ReceiveMessage by a rule and a queue, with no function between."""
    events, sqs = cloud.client("events"), cloud.client("sqs")
    bus, name = cloud.outputs["BusName"], "gen3d-bench"
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps({"source": [name]}))
    events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
    begun = time.monotonic()
    entry = {"EventBusName": bus, "Source": name, "DetailType": "Hop", "Detail": "{}"}
    events.put_events(Entries=[entry])
    sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5)["Messages"]
    seconds = time.monotonic() - begun
    sqs.purge_queue(QueueUrl=queue)
    return seconds


def _figures(
    hop: Sequence[float], jobs: Sequence[float], rate: dict[str, float], colds: Sequence[ColdStart]
) -> dict[str, Any]:
    return {
        "machine": {
            "cores": os.cpu_count(),
            "system": platform.platform(),
            "python": platform.python_version(),
        },
        "bare_hop_seconds": _quantiles(hop),
        "job_seconds": _quantiles(jobs),
        "job_in_bare_hops": statistics.median(jobs) / statistics.median(hop),
        "throughput": rate,
        "cold_starts_cpu_seconds": {it.function: it.figures() for it in colds},
    }


def _quantiles(values: Sequence[float]) -> dict[str, float]:
    cuts = statistics.quantiles(values, n=20, method="inclusive")
    return {"p50": statistics.median(values), "p95": cuts[-1], "max": max(values), "n": len(values)}


def _print(figures: dict[str, Any]) -> None:
    table = Table("", "p50", "p95", "max", "n", title="One job after another, ms", title_justify="left")
    for name, key in {
        "bare hop (baseline)": "bare_hop_seconds",
        "job": "job_seconds",
    }.items():
        row = figures[key]
        table.add_row(name, *(f"{row[it] * 1000:.0f}" for it in ("p50", "p95", "max")), str(row["n"]))
    console.print(table)
    console.print(f"A job takes as long as {figures['job_in_bare_hops']:.1f} bare hops.\n")
    rate = figures["throughput"]
    console.print(
        f"{rate['jobs']} jobs of {rate['sessions']} sessions at once: {rate['jobs_per_second']:.1f} jobs/s\n"
    )
    colds = Table("function", "import", "first event", "together")
    colds.title, colds.title_justify = "Cold start, CPU s", "left"
    for name, row in figures["cold_starts_cpu_seconds"].items():
        colds.add_row(name, f"{row['import']:.3f}", f"{row['first_event']:.3f}", f"{row['together']:.3f}")
    console.print(colds)
    console.print(f"{RESULT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
