"""One job is followed through the logs of all services by its correlation id; its figures are there once."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from gen3d import Gen3D, JobOptions, Quality
from gen3d_events.event import Event
from gen3d_events.publisher import put_events_entry
from gen3d_local.cloud import Cloud

from tests.tap import Tap
from tests.waiting import SECONDS, eventually

Line = dict[str, Any]

CONSUMERS = {
    "UploadIngest": {"Object Created": 2},
    "EmbeddingStart": {"Image Uploaded": 1},
    "InferenceRelay": {"InferenceNotice": 2},
    "EmbeddingFinish": {"Inference Succeeded": 1},
    "ReconstructionStart": {"Reconstruction Requested": 1},
    "ReconstructionFinish": {"Inference Succeeded": 1},
    "MeshingMesh": {"Reconstruction Completed": 1},
    "NotificationMail": {"Embedding Completed": 1, "Reconstruction Completed": 1, "Mesh Completed": 1},
}
"""The consumers on a job's way, with what each has to handle. UploadProgress hears everything."""

UNRECORDED = {"NotificationMail": {"Embedding Completed", "Reconstruction Completed"}}
"""What is handled again if it is told again, which changes nothing."""

OF_THE_SESSION = {
    "UploadIngest": 1,
    "EmbeddingStart": 1,
    "InferenceRelay": 1,
    "EmbeddingFinish": 1,
    "NotificationMail": 1,
}
"""How many of these are about no job yet. All others name theirs."""

FIGURES = {
    "Initialization.Duration": ("Seconds", ["service", "service engine"]),
    "Reconstruction.Duration": ("Seconds", ["service", "service quality", "service engine quality"]),
    "Reconstruction.Success": ("Count", ["service", "service quality", "service engine quality"]),
    "Meshing.Duration": ("Seconds", ["service", "service engine quality"]),
    "MeshSize": ("Bytes", ["service", "service engine quality"]),
    "Notification.Success": ("Count", ["service"]),
}


class Run(NamedTuple):
    session_id: str
    job_id: str
    mesh_bytes: int
    story: list[Event]


@pytest.fixture(scope="module")
def run(gen3d: Gen3D, tap: Tap, photo: Path, mask: Path) -> Run:
    session = gen3d.create_session(photo).wait_ready(SECONDS)
    job = session.create_job(mask, JobOptions(quality=Quality.FAST, texture=None)).wait(SECONDS)
    story = tap.story(session.id, {"User Notified": 1})
    return Run(session.id, job.id, job.view["files"]["mesh.glb"]["bytes"], story)


def lines(cloud: Cloud, function: str, session_id: str) -> Iterator[Line]:
    """The JSON lines of a function's log that carry the session's correlation id."""
    logs = cloud.client("logs").get_paginator("filter_log_events")
    for page in logs.paginate(logGroupName=f"/gen3d/dev/{function}"):
        for event in page["events"]:
            if session_id in event["message"]:
                line = json.loads(event["message"])
                if line.get("correlation_id") == session_id:
                    yield line


def embedded(cloud: Cloud, run: Run) -> list[Line]:
    """The lines in CloudWatch's embedded metric format that tell of the run."""
    functions = ("EmbeddingFinish", "ReconstructionFinish", "MeshingMesh", "NotificationMail")
    return [line for name in functions for line in lines(cloud, name, run.session_id) if "_aws" in line]


def figures(cloud: Cloud, run: Run) -> Counter[str]:
    """How often each figure was written for the run."""
    return Counter(
        metric["Name"]
        for line in embedded(cloud, run)
        for one in line["_aws"]["CloudWatchMetrics"]
        for metric in one["Metrics"]
    )


@pytest.mark.parametrize("function", CONSUMERS)
def test_each_service_sums_up_each_event_in_one_line(cloud: Cloud, run: Run, function: str) -> None:
    def summed_up() -> list[Line]:
        found = [line for line in lines(cloud, function, run.session_id) if "seconds" in line]
        assert Counter(line["cause"] for line in found) == CONSUMERS[function]
        return found

    found = eventually(summed_up)
    for line in found:
        assert line["message"] == "consumed"
        assert line["session_id"] == run.session_id
        assert line["cause_id"]
        assert line["waited_seconds"] >= 0
        assert line.get("job_id") in {None, run.job_id}
    of_job = [line for line in found if "job_id" in line]
    assert len(of_job) == len(found) - OF_THE_SESSION.get(function, 0)


def test_the_fold_has_a_line_for_every_event_of_the_story(cloud: Cloud, run: Run) -> None:
    told = {event.metadata.event_id for event in run.story}

    def folded() -> bool:
        found = [line for line in lines(cloud, "UploadProgress", run.session_id) if "seconds" in line]
        return Counter(line["cause_id"] for line in found if line["cause_id"] in told) == Counter(told)

    assert eventually(folded)


def test_the_chain_of_causes_can_be_followed_from_log_to_log(cloud: Cloud, run: Run) -> None:
    """What a line says was its cause was told by another service, up to what is not ours: the upload."""
    causes = {event.metadata.event_id: event.metadata.causation_id for event in run.story}
    mailed = (line for line in lines(cloud, "NotificationMail", run.session_id) if line.get("published"))
    (line,) = mailed
    cause: str | None = line["cause_id"]
    chain = []
    while cause in causes:
        chain.append(cause)
        cause = causes[cause]
    assert len(chain) >= 3
    assert cause == f"rec-{run.job_id}-1:Completed"


def test_the_door_and_the_endpoint_name_the_session_too(cloud: Cloud, run: Run) -> None:
    answered = list(lines(cloud, "UploadApi", run.session_id))
    assert any(line["status"] == 201 and line["method"] == "POST" for line in answered)
    assert any(line.get("job_id") == run.job_id for line in answered)
    (log,) = Path(cloud.state, "logs").glob("server-*.log")
    told = [json.loads(line) for line in log.read_text().splitlines() if run.session_id in line]
    assert [line["task"] for line in told if line.get("message") == "Answered"] == ["embed", "reconstruct"]
    assert [line["engine"] for line in told if "_aws" in line] == ["classical", "relief"]


def test_show_prints_the_tree_of_causes(cloud: Cloud, run: Run) -> None:
    def shown() -> str:
        done = subprocess.run(
            [sys.executable, "-m", "gen3d", "show", run.job_id],
            env={**os.environ, "GEN3D_STATE": str(cloud.state), "COLUMNS": "120"},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        assert "User Notified" in done, done
        return done

    tree = [line.rstrip() for line in eventually(shown).splitlines() if re.match(r"\d\d:\d\d:\d\d", line)]
    roots = [line.split("  ")[-2].strip() for line in tree if re.match(r"[\d:]+ +[A-Z]", line)]
    assert roots == ["Image Uploaded", "Reconstruction Requested"]
    assert any(re.search(r"\+[\d.]+ s {6}└ Embedding Completed {2}classical$", line) for line in tree)
    assert re.search(r"\+[\d.]+ s +└ User Notified {2}by email$", tree[-1])


def test_each_figure_is_there_once_by_engine_and_quality(cloud: Cloud, run: Run) -> None:
    def written() -> bool:
        assert figures(cloud, run) == dict.fromkeys(FIGURES, 1)
        return True

    assert eventually(written)
    found = embedded(cloud, run)
    for line in found:
        (one,) = line["_aws"]["CloudWatchMetrics"]
        assert one["Namespace"] == "Gen3D"
        for metric in one["Metrics"]:
            unit, by = FIGURES[metric["Name"]]
            assert metric["Unit"] == unit
            assert [" ".join(names) for names in one["Dimensions"]] == by
        assert line.get("engine") in {None, "classical", "relief"}
        assert line.get("quality") in {None, "fast"}
    values = {name: value for line in found for name, value in line.items() if name in FIGURES}
    assert values["MeshSize"] == [run.mesh_bytes]
    assert values["Reconstruction.Success"] == values["Notification.Success"] == [1]
    assert all(value[0] > 0 for value in values.values())


def test_told_again_consumers_say_so_and_count_nothing_twice(cloud: Cloud, run: Run) -> None:
    """The last test of this run, because the logs then hold everything twice."""
    bus = cloud.client("events")
    for event in run.story:
        reply = bus.put_events(Entries=[put_events_entry(event, cloud.outputs["BusName"])])
        assert reply["FailedEntryCount"] == 0
    heard = set(CONSUMERS) - {"UploadIngest", "InferenceRelay"}  # which hear S3 and SageMaker, not the bus

    def recognised() -> bool:
        for function in heard:
            found = [
                line
                for line in lines(cloud, function, run.session_id)
                if line.get("message") == "done before"
            ]
            unrecorded = UNRECORDED.get(function, set())
            recorded = {cause: n for cause, n in CONSUMERS[function].items() if cause not in unrecorded}
            assert Counter(line["cause"] for line in found) == recorded, function
        return True

    assert eventually(recognised)
    assert figures(cloud, run) == dict.fromkeys(FIGURES, 1)
