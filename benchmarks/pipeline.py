"""`make bench`: what the pipeline costs without its computing, on a local cloud of its own.

1. Latency: one job after another, from POST /jobs to Mesh Completed; and one hop of it, from an event of one
   function to the first event of the next one (Reconstruction Completed, Meshing Started).
2. Throughput: many jobs of several sessions at once; by the second, and in the time in which 100 messages go
   through the engine as it comes (bare_engine.py), right before and after.
3. Cold starts: CPU seconds of import and first event of each function in a fresh isolated interpreter, beside
   the import of the libraries alone, and in yardsticks.

A yardstick (yardstick.py), before and after the cold starts, says how fast the machine is in CPU seconds.

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
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from gen3d import Gen3D, JobOptions, Quality, Session
from gen3d.story import moment
from gen3d_local.children import poll
from gen3d_local.cloud import ROOT, Cloud, Options, running, running_cloud
from gen3d_local.demo_scene import SCENE
from gen3d_local.state import free_port
from rich.console import Console
from rich.table import Table

from benchmarks.bare_engine import messages_per_second
from benchmarks.cold_start import ColdStart, cold_starts, computing, libraries
from benchmarks.yardstick import yardstick

STATE = ROOT / ".gen3d" / "bench"
RESULT = ROOT / "out" / "bench" / "pipeline.json"
OPTIONS = JobOptions(quality=Quality.FAST)
PHOTO, MASK = SCENE / "photo.jpg", SCENE / "mask.png"
SEQUENTIAL, HOPS = 30, 50
SESSIONS, JOBS_EACH, SENDERS = 20, 5, 8
WARM_UP_EACH = 1
HOP = ("Reconstruction Completed", "Meshing Started")
END = "Mesh Completed"
DEADLINE_SECONDS = 300.0

console = Console(width=110)


def main() -> None:
    if running(STATE):
        raise SystemExit("A benchmark is already running.")
    shutil.rmtree(STATE, ignore_errors=True)
    options = Options(
        front_port=free_port(),
        template=_without_meshing(STATE / "source"),
        # One user sends everything: an allowance would measure the minute that its refused requests wait.
        parameters={"RetryDelaySeconds": "0", "RequestsPerMinute": "100000"},
        server="benchmarks.stored_engines",
    )
    with running_cloud(STATE, options) as cloud, _signed_in(cloud) as gen3d:
        pipeline = Pipeline(cloud, gen3d)
        pipeline.all_at_once(WARM_UP_EACH)
        bare = [pipeline.bare_hop() for _ in range(HOPS)]
        jobs = pipeline.one_after_another(SEQUENTIAL)
        messages = [messages_per_second()]
        rate = pipeline.all_at_once(JOBS_EACH)
        messages.append(messages_per_second())
        units = [yardstick()]
        colds = cold_starts(cloud, gen3d, PHOTO, MASK)
        units.append(yardstick())
    rate["messages_per_second"] = statistics.mean(messages)
    rate["jobs_per_100_messages"] = 100 * rate["jobs_per_second"] / rate["messages_per_second"]
    figures = _figures(bare, jobs, rate, colds) | {
        "libraries_cpu_seconds": libraries(),
        "meshing_import_cpu_seconds": computing(),
        "yardstick_cpu_seconds": statistics.mean(units),
    }
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(figures, indent=2) + "\n")
    _print(figures)
    # Rather than before the next run: for minutes after many files were removed ext4 makes new ones slowly.
    shutil.rmtree(STATE, ignore_errors=True)


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


class Ear:
    """A queue that hears what matches `pattern` on the jobs bus: no more than is asked for, which costs."""

    def __init__(self, cloud: Cloud, name: str, pattern: dict[str, Any]) -> None:
        self._events, self._sqs = cloud.client("events"), cloud.client("sqs")
        self._rule = {"Name": name, "EventBusName": cloud.outputs["BusName"]}
        self._queue = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        attributes = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])
        self.listen_for(pattern)
        self._events.put_targets(
            Rule=name,
            EventBusName=self._rule["EventBusName"],
            Targets=[{"Id": "queue", "Arn": attributes["Attributes"]["QueueArn"]}],
        )

    def listen_for(self, pattern: dict[str, Any]) -> None:
        self._events.put_rule(**self._rule, EventPattern=json.dumps(pattern))

    def hear(self, count: int) -> list[dict[str, Any]]:
        """The next `count` events, in the order heard."""
        heard: list[dict[str, Any]] = []
        deadline = time.monotonic() + DEADLINE_SECONDS
        while len(heard) < count:
            if time.monotonic() > deadline:
                raise SystemExit(f"Only {len(heard)} of {count} events were heard.")
            reply = self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10, WaitTimeSeconds=5)
            if messages := reply.get("Messages", []):
                heard += [json.loads(message["Body"]) for message in messages]
                self._forget(messages)
        return heard

    def _forget(self, messages: Sequence[dict[str, Any]]) -> None:
        """At once, for each request takes the time of the machine that is measured."""
        entries = [{"Id": it["MessageId"], "ReceiptHandle": it["ReceiptHandle"]} for it in messages]
        if self._sqs.delete_message_batch(QueueUrl=self._queue, Entries=entries).get("Failed"):
            raise SystemExit("Events that were heard would be heard again.")


class Times(NamedTuple):
    """Seconds of one hop of a job, and of all of it."""

    hop: float
    job: float


class Pipeline:
    """Sends jobs and hears of their meshes on the bus: asking the API would cost what is being measured."""

    def __init__(self, cloud: Cloud, gen3d: Gen3D) -> None:
        self._cloud = cloud
        self._gen3d = gen3d
        self._ear = Ear(cloud, "bench-job", {"detail-type": [END]})
        self._bare = Ear(cloud, "bench-bare", {"source": ["bench"]})
        self._events = cloud.client("events")
        self._sessions = [gen3d.create_session(PHOTO) for _ in range(SESSIONS)]
        for session in self._sessions:
            session.wait_ready(DEADLINE_SECONDS)
        self._mask = MASK.read_bytes()
        self._sent = 0

    def bare_hop(self) -> float:
        """Seconds from PutEvents to ReceiveMessage, with no function between."""
        entry = {"EventBusName": self._cloud.outputs["BusName"], "Source": "bench", "DetailType": "Hop"}
        begun = time.monotonic()
        self._events.put_events(Entries=[entry | {"Detail": "{}"}])
        self._bare.hear(1)
        return time.monotonic() - begun

    def one_after_another(self, count: int) -> list[Times]:
        self._ear.listen_for({"detail-type": [*HOP, END]})
        times = [self._one(number) for number in range(count)]
        self._ear.listen_for({"detail-type": [END]})
        return times

    def _one(self, number: int) -> Times:
        self._sent += 1
        begun = datetime.now(UTC)
        self._send(self._sessions[number % SESSIONS])
        published = {it["detail-type"]: _published(it) for it in self._ear.hear(len((*HOP, END)))}
        splats, started, mesh = (published[name] for name in (*HOP, END))
        return Times((started - splats).total_seconds(), (mesh - begun).total_seconds())

    def all_at_once(self, each: int) -> dict[str, float]:
        """`each` jobs of every session, sent by several senders."""
        total = each * SESSIONS
        self._sent += total
        begun = time.monotonic()
        with ThreadPoolExecutor(SENDERS) as senders:
            sent = [senders.submit(self._send, session) for session in self._sessions * each]
            self._ear.hear(total)
            seconds = time.monotonic() - begun
        for job in sent:
            job.result()
        if not poll(lambda: self._known() == self._sent, DEADLINE_SECONDS, every=1):
            raise SystemExit("The read model does not know every mesh.")
        return {
            "jobs": total,
            "sessions": SESSIONS,
            "jobs_per_second": total / seconds,
            "jobs_per_second_in_read_model": total / (time.monotonic() - begun),
        }

    def _send(self, session: Session) -> None:
        request = {"options": OPTIONS.model_dump(mode="json", exclude_none=True)}
        created = self._gen3d.api.post(f"/sessions/{session.id}/jobs", request)
        self._gen3d.upload(created["upload"], MASK.name, self._mask)

    def _known(self) -> int:
        """Jobs whose mesh the read model knows."""
        reply = self._cloud.client("dynamodb").scan(
            TableName=self._cloud.outputs["SessionsTableName"],
            Select="COUNT",
            FilterExpression="attribute_exists(mesh_completed)",
        )
        return int(reply["Count"])


def _published(envelope: dict[str, Any]) -> datetime:
    return moment(envelope["detail"]["metadata"]["occurred_at"])


def _figures(
    bare: Sequence[float], jobs: Sequence[Times], rate: dict[str, float], colds: Sequence[ColdStart]
) -> dict[str, Any]:
    return {
        "machine": {
            "cores": os.cpu_count(),
            "system": platform.platform(),
            "python": sys.version,
        },
        "bare_hop_seconds": _quantiles(bare),
        "hop_seconds": _quantiles([it.hop for it in jobs]),
        "job_seconds": _quantiles([it.job for it in jobs]),
        "job_in_bare_hops": statistics.median(it.job for it in jobs) / statistics.median(bare),
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
        "hop between functions": "hop_seconds",
        "job": "job_seconds",
    }.items():
        row = figures[key]
        table.add_row(name, *(f"{row[it] * 1000:.0f}" for it in ("p50", "p95", "max")), str(row["n"]))
    console.print(table)
    console.print(f"A job takes as long as {figures['job_in_bare_hops']:.1f} bare hops.\n")
    rate = figures["throughput"]
    console.print(
        f"{rate['jobs']} jobs of {rate['sessions']} sessions at once: {rate['jobs_per_second']:.1f} jobs/s, "
        f"{rate['jobs_per_100_messages']:.2f} in the time of 100 messages through the engine as it comes "
        f"(baseline, {rate['messages_per_second']:.0f} a second); "
        f"{rate['jobs_per_second_in_read_model']:.1f} jobs/s until the read model knows them.\n",
        soft_wrap=True,
    )
    baseline, unit = figures["libraries_cpu_seconds"], figures["yardstick_cpu_seconds"]
    colds = Table("function", "import", "first event", "together", "in baselines", "in yardsticks")
    colds.title, colds.title_justify = "Cold start, CPU s", "left"
    colds.add_row("boto3, pydantic, powertools (baseline)", f"{baseline:.3f}", "", "", "1.00", "")
    for name, row in figures["cold_starts_cpu_seconds"].items():
        seconds = (row["import"], row["first_event"], row["together"])
        ratios = (row["together"] / baseline, row["together"] / unit)
        colds.add_row(name, *(f"{it:.3f}" for it in seconds), *(f"{it:.2f}" for it in ratios))
    colds.add_row("of MeshingMesh's, after its first event", f"{figures['meshing_import_cpu_seconds']:.3f}")
    console.print(colds)
    console.print(f"{RESULT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
