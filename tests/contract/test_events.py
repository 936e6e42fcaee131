"""The contract as its readers see it: the generated files, held against the models."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import jsonschema
import pytest
import yaml
from gen3d_events import generate
from gen3d_events.catalogue import kebab
from gen3d_events.event import Event, event_from_envelope
from gen3d_events.notices import InferenceNotice, S3ObjectCreated
from gen3d_events.publisher import MAX_EVENT_BYTES
from gen3d_events.samples import BUCKET, BUS, NOON, PHOTO_VERSION, foreign, samples
from moto import mock_aws
from pydantic import ValidationError

EVENTS = generate.ROOT / "events"
NAMES = list(Event.registry)

Json = dict[str, Any]
Change = Callable[[Json], None]


def load(folder: str, detail_type: str) -> Any:
    return json.loads((EVENTS / folder / f"{kebab(detail_type)}.json").read_text(encoding="utf-8"))


def judge(detail_type: str) -> jsonschema.Draft202012Validator:
    schema = load("schemas", detail_type)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_what_is_generated_is_up_to_date() -> None:
    assert generate.drift(generate.ROOT) == []


def test_every_event_has_one_sample() -> None:
    assert list(samples) == NAMES
    for detail_type, event in samples.items():
        assert event.detail_type == detail_type


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_conforms_and_comes_back_as_it_was(name: str) -> None:
    envelope = load("samples/eventbridge", name)
    judge(name).validate(envelope)
    event = event_from_envelope(envelope)
    assert event == samples[name]
    assert event.metadata == samples[name].metadata
    assert event.detail() == envelope["detail"]


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_travels_in_a_queue_message(name: str) -> None:
    (record,) = load("samples/sqs", name)["Records"]
    assert event_from_envelope(json.loads(record["body"])) == samples[name]


@pytest.fixture(scope="module")
def bus() -> Iterator[Any]:
    """A client of EventBridge in moto, which has the samples' bus."""
    with mock_aws():
        client = boto3.client("events", region_name="eu-central-1")
        client.create_event_bus(Name=BUS)
        yield client


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_can_be_put_on_the_bus_by_hand(name: str, bus: Any) -> None:
    entries = load("samples/put-events", name)
    assert bus.put_events(Entries=entries)["FailedEntryCount"] == 0
    assert len(json.dumps(entries)) < MAX_EVENT_BYTES


@pytest.mark.parametrize("name", NAMES)
def test_no_address_or_link_is_in_an_event(name: str) -> None:
    text = json.dumps(samples[name].detail()["data"])
    assert not re.search(r"https?://|X-Amz-|[\w.]+@[\w.]+\.\w", text)


# --- evolution ----------------------------------------------------------------------------------------


def objects(value: Any) -> Iterator[Json]:
    """Every object in a document, outermost first."""
    if isinstance(value, dict):
        yield value
        for part in value.values():
            yield from objects(part)


@pytest.mark.parametrize("name", NAMES)
def test_fields_of_a_later_minor_version_are_tolerated(name: str) -> None:
    envelope = load("samples/eventbridge", name)
    data = envelope["detail"]["data"]
    maps = [data["files"]] if "files" in data else []
    for place in list(objects(envelope)):
        if not any(place is one for one in maps):
            place["added_later"] = {"anything": [1]}
    envelope["detail"]["metadata"]["schema_version"] = "1.7"
    judge(name).validate(envelope)
    assert event_from_envelope(envelope).model_dump() == samples[name].model_dump()


def required(schema: Json, part: Json, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The paths of all fields that must be there."""
    part = schema["$defs"][part["$ref"].rpartition("/")[2]] if "$ref" in part else part
    for field in part.get("required", []):
        yield (*path, field)
        yield from required(schema, part["properties"][field], (*path, field))


@pytest.mark.parametrize("name", NAMES)
def test_nothing_that_is_required_may_be_missing(name: str) -> None:
    schema = load("schemas", name)
    paths = list(required(schema, schema["properties"]["detail"], ("detail",)))
    assert ("detail", "metadata", "event_id") in paths
    validator = judge(name)
    for path in paths:
        envelope = load("samples/eventbridge", name)
        place = envelope
        for field in path[:-1]:
            place = place[field]
        del place[path[-1]]
        assert not validator.is_valid(envelope), path
        with pytest.raises((ValidationError, KeyError)):
            event_from_envelope(envelope)


def in_metadata(**fields: Any) -> Change:
    return lambda envelope: envelope["detail"]["metadata"].update(fields)


def in_data(**fields: Any) -> Change:
    return lambda envelope: envelope["detail"]["data"].update(fields)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("Mesh Completed", in_metadata(schema_version="2.0")),
        ("Mesh Completed", in_metadata(event_id="01M7WD7TG0MZEHT4TCXGQDR2VU")),
        ("Mesh Completed", in_metadata(session_id="01M7WD7TG0MZEHT4TCXGQDR2V5")),
        ("Mesh Completed", in_metadata(job_id="ses_01M7WD7TG0MZEHT4TCXGQDR2V5")),
        ("Mesh Completed", in_data(quality="best")),
        ("Mesh Completed", in_data(triangles=0)),
        ("Mesh Completed", in_data(files={"mesh.glb": {"key": "k"}})),
        ("Image Uploaded", in_data(intent="guess")),
        ("Embedding Started", in_data(attempt=0)),
        ("Embedding Failed", in_data(error_class="unknown")),
    ],
)
def test_schema_and_model_refuse_the_same(name: str, change: Change) -> None:
    envelope = deepcopy(load("samples/eventbridge", name))
    change(envelope)
    assert not judge(name).is_valid(envelope)
    with pytest.raises(ValidationError):
        event_from_envelope(envelope)


def test_a_schema_knows_its_own_event_only() -> None:
    assert not judge("Mesh Completed").is_valid(load("samples/eventbridge", "Meshing Started"))


@pytest.mark.parametrize("time", ["yesterday", "2026-11-20T12:00:00"])
def test_a_time_without_zone_is_refused(time: str) -> None:
    envelope = load("samples/eventbridge", "Meshing Started")
    envelope["detail"]["metadata"]["occurred_at"] = time
    with pytest.raises(ValidationError):
        event_from_envelope(envelope)


def test_a_replay_is_named() -> None:
    envelope = {**load("samples/eventbridge", "Mesh Completed"), "replay-name": "after-the-outage"}
    judge("Mesh Completed").validate(envelope)
    assert event_from_envelope(envelope).metadata.replay == "after-the-outage"


# --- foreign messages ---------------------------------------------------------------------------------


def sqs_body(name: str) -> Json:
    (record,) = json.loads((EVENTS / f"samples/sqs/{name}.json").read_text())["Records"]
    body: Json = json.loads(record["body"])
    return body


def test_an_upload_is_understood() -> None:
    notice = S3ObjectCreated.from_envelope(sqs_body("s3-object-created"))
    assert (notice.bucket, notice.version_id, notice.size) == (BUCKET, PHOTO_VERSION, 412_873)
    assert notice.key.startswith("incoming/")
    assert notice.etag == "b57f9910f8cd1a4527d894db5adf1c3e"
    assert (notice.occurred_at - NOON).total_seconds() == 1


def test_an_upload_into_a_bucket_without_versions_is_refused() -> None:
    body = sqs_body("s3-object-created")
    del body["detail"]["object"]["version-id"]
    with pytest.raises(ValidationError, match="version"):
        S3ObjectCreated.from_envelope(body)


def test_the_endpoints_answers_are_understood() -> None:
    done = InferenceNotice.from_envelope(sqs_body("sagemaker-completed"))
    assert done.status == "Completed"
    assert done.input_location.startswith("s3://")
    assert done.output_location is not None
    assert (done.failure_location, done.failure_reason) == (None, None)
    failed = InferenceNotice.from_envelope(sqs_body("sagemaker-failed"))
    assert failed.output_location is None
    assert failed.failure_reason is not None
    assert failed.received_time < failed.occurred_at
    assert done.idempotency_key != failed.idempotency_key


def test_a_failures_location_may_be_in_either_place_or_nowhere() -> None:
    body = foreign["sagemaker-failed"]
    nested = InferenceNotice.from_envelope(body)
    top = {key: value for key, value in body.items() if key != "responseParameters"}
    assert InferenceNotice.from_envelope({**top, "failureLocation": nested.failure_location}) == nested
    assert InferenceNotice.from_envelope(top).failure_location is None


# --- what is generated --------------------------------------------------------------------------------


def test_asyncapi_names_every_event_and_its_sender() -> None:
    document = yaml.safe_load((EVENTS / "asyncapi.yaml").read_text(encoding="utf-8"))
    messages = document["components"]["messages"]
    assert [message["name"] for message in messages.values()] == NAMES
    for message in messages.values():
        for path in (message["payload"]["schema"]["$ref"], message["x-sample"]):
            assert (EVENTS / path).is_file()
    sent = [
        (name.removesuffix("Sends"), messages[reference["$ref"].rpartition("/")[2]]["name"])
        for name, operation in document["operations"].items()
        for reference in operation["messages"]
    ]
    assert sorted(sent) == sorted(
        (event.source.removeprefix("gen3d."), detail_type) for detail_type, event in Event.registry.items()
    )


def test_typescript_declares_every_type_that_it_uses() -> None:
    text = re.sub(r"/\*.*?\*/|//.*", "", (EVENTS / "events.ts").read_text(encoding="utf-8"))
    declared = set(re.findall(r"export (?:interface|type) (\w+)", text))
    assert {event.__name__ for event in Event.registry.values()} < declared
    parameters = {"Source", "DetailType", "Data", "Record"}
    unquoted = re.sub(r'"[^"]*"|`[^`]*`', "", text)
    assert set(re.findall(r"\b[A-Z]\w*", unquoted)) - declared - parameters == set()
    for one, other in ("{}", "()", "<>"):
        assert text.count(one) == text.count(other)


@pytest.fixture
def made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is generated follows from models that do not change, and takes a second: it is made once."""
    monkeypatch.setattr(generate, "artefacts", cache(generate.artefacts))


@pytest.mark.usefixtures("made_once")
def test_drift_is_found_and_mended(tmp_path: Path) -> None:
    assert set(generate.drift(tmp_path)) == set(generate.artefacts())
    generate.write(tmp_path)
    assert generate.drift(tmp_path) == []
    changed, missing, left = (
        Path("docs/errors.md"),
        Path("events/events.ts"),
        Path("events/schemas/no-such-event.json"),
    )
    (tmp_path / changed).write_text("edited by hand")
    (tmp_path / missing).unlink()
    (tmp_path / left).write_text("{}")
    assert generate.drift(tmp_path) == sorted([changed, missing, left])
    generate.write(tmp_path)
    assert generate.drift(tmp_path) == []
    assert not (tmp_path / left).exists()


@pytest.mark.usefixtures("made_once")
def test_the_command_tells_drift_by_its_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    assert generate.main(["--check"]) == 1
    assert "docs/errors.md is not what the models say" in capsys.readouterr().err
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0
    assert generate.main(["--help"]) == 2
