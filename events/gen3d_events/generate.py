"""Everything that follows from models, codes, samples and template: `python -m gen3d_events.generate`.

Writes schemas/, samples/, vectors/, asyncapi.yaml and events.ts beside the package, and docs/events.md and
docs/errors.md. `--check` writes nothing and exits with 1 if anything differs.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from gen3d_events import read_model, typescript
from gen3d_events.catalogue import catalogue, kebab, sentence
from gen3d_events.codes import codes
from gen3d_events.event import SCHEMA_VERSION, Event, Metadata
from gen3d_events.inference import EmbeddingManifest
from gen3d_events.publisher import put_events_entry
from gen3d_events.samples import BUS, envelope, foreign, samples, sqs_event
from gen3d_events.subscriptions import subscriptions

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "template.yaml"
EVENTS = Path("events")
DOCS = Path("docs")
OWNED = (EVENTS / "schemas", EVENTS / "samples", EVENTS / "vectors")
"""Folders that hold nothing but what is generated."""


def artefacts() -> dict[Path, str]:
    """Path from the repository's root, to content."""
    files: dict[Path, str] = {}
    for detail_type, event_class in Event.registry.items():
        name = f"{kebab(detail_type)}.json"
        event = samples[detail_type]
        files[EVENTS / "schemas" / name] = _json(envelope_schema(event_class))
        files[EVENTS / "samples/eventbridge" / name] = _json(envelope(event))
        files[EVENTS / "samples/sqs" / name] = _json(sqs_event(envelope(event)))
        files[EVENTS / "samples/put-events" / name] = _json([put_events_entry(event, BUS)])
    for name, body in foreign.items():
        files[EVENTS / "samples/sqs" / f"{name}.json"] = _json(sqs_event(body))
    files[EVENTS / "vectors/state.json"] = _json(state_vectors())
    files[EVENTS / "asyncapi.yaml"] = yaml.safe_dump(
        asyncapi(), sort_keys=False, allow_unicode=True, width=110
    )
    files[EVENTS / "events.ts"] = typescript_types()
    files[DOCS / "events.md"] = catalogue(
        _serialized(Metadata, *Event.registry.values()), subscriptions(TEMPLATE)
    )
    files[DOCS / "errors.md"] = errors()
    return files


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


# --- JSON Schema --------------------------------------------------------------------------------------


def envelope_schema(event_class: type[Event]) -> dict[str, Any]:
    """The JSON Schema of an event in its EventBridge envelope. Unknown fields are allowed everywhere."""
    _, definitions = models_json_schema([(Metadata, "validation"), (event_class, "validation")])
    string = {"type": "string"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:gen3d:event:{kebab(event_class.detail_type)}:{SCHEMA_VERSION}",
        "title": event_class.detail_type,
        "description": event_class.__doc__,
        "x-amazon-events-source": event_class.source,
        "x-amazon-events-detail-type": event_class.detail_type,
        "type": "object",
        "required": ["source", "detail-type", "detail"],
        "properties": {
            "version": string,
            "id": string,
            "source": {"const": event_class.source},
            "detail-type": {"const": event_class.detail_type},
            "account": string,
            "time": {"type": "string", "format": "date-time"},
            "region": string,
            "resources": {"type": "array", "items": string},
            "replay-name": string,
            "detail": {
                "type": "object",
                "required": ["metadata", "data"],
                "properties": {
                    "metadata": {"$ref": "#/$defs/Metadata"},
                    "data": {"$ref": f"#/$defs/{event_class.__name__}"},
                },
            },
        },
        "$defs": definitions["$defs"],
    }


# --- AsyncAPI -----------------------------------------------------------------------------------------


def asyncapi() -> dict[str, Any]:
    """AsyncAPI 3.0: one bus, its messages, and which service sends which."""
    classes = Event.registry.values()
    senders = sorted({event.source for event in classes})
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Gen3D events",
            "version": SCHEMA_VERSION,
            "description": "What the services of Gen3D tell each other. Generated from the models.",
        },
        "defaultContentType": "application/json",
        "channels": {
            "jobs": {
                "address": "gen3d-jobs-{stage}",
                "description": "The custom event bus. Each consumer has a rule and an SQS queue of its own.",
                "parameters": {"stage": {"description": "Deployment stage.", "default": "dev"}},
                "messages": {
                    event.__name__: {"$ref": f"#/components/messages/{event.__name__}"} for event in classes
                },
            }
        },
        "operations": {
            f"{sender.removeprefix('gen3d.')}Sends": {
                "action": "send",
                "channel": {"$ref": "#/channels/jobs"},
                "summary": f"What {sender} says.",
                "messages": [
                    {"$ref": f"#/channels/jobs/messages/{event.__name__}"}
                    for event in classes
                    if event.source == sender
                ],
            }
            for sender in senders
        },
        "components": {
            "messages": {
                event.__name__: {
                    "name": event.detail_type,
                    "title": event.detail_type,
                    "summary": sentence(event),
                    "correlationId": {"location": "$message.payload#/detail/metadata/correlation_id"},
                    "payload": {
                        "schemaFormat": "application/schema+json;version=draft-2020-12",
                        "schema": {"$ref": f"./schemas/{kebab(event.detail_type)}.json"},
                    },
                    "x-sample": f"./samples/eventbridge/{kebab(event.detail_type)}.json",
                }
                for event in classes
            }
        },
    }


# --- TypeScript ---------------------------------------------------------------------------------------

_TYPESCRIPT = """\
// Generated from the models by `python -m gen3d_events.generate`; do not edit.
// The bus's events, the read model's rows and the embedding's manifest. A field that would be null is absent,
// but for those whose type has null.

{declarations}
/** An event on the bus, as EventBridge delivers it. */
export interface Envelope<Source extends string, DetailType extends string, Data> {{
  id: string;
  time: string;
  source: Source;
  "detail-type": DetailType;
  detail: {{ metadata: Metadata; data: Data }};
}}

export type Gen3dEvent =
{union};

export type SessionState = {session_states};

export type JobState = {job_states};

export type ErrorCode =
{codes};

/** What a person is told of a rejection or failure. */
export interface Problem {{
  code: ErrorCode;
  error_class: "user" | "transient" | "system";
  message: string;
  hint: string;
}}

/** What the read model keeps of an event. */
export type Folded<Data> = Data & {{ event_id: string; at: string; cause?: string }};

/** A row of the read model: an attribute for each event seen, with the attempt from the second one on. */
export interface Row {{
{row}}}
"""


def typescript_types() -> str:
    classes = list(Event.registry.values())
    definitions = _serialized(Metadata, *classes, EmbeddingManifest)
    return _TYPESCRIPT.format(
        declarations="\n".join(typescript.declaration(name, schema) for name, schema in definitions.items()),
        union="\n".join(f'  | Envelope<"{c.source}", "{c.detail_type}", {c.__name__}>' for c in classes),
        session_states=_union(get_args(read_model.SessionState)),
        job_states=_union(get_args(read_model.JobState)),
        codes="\n".join(f'  | "{code}"' for code in codes),
        row="".join(_row_attributes(classes)),
    )


def _serialized(*models: type[BaseModel]) -> dict[str, dict[str, Any]]:
    """The schemas of what we write, by name: fields with a default are always there."""
    _, definitions = models_json_schema([(model, "serialization") for model in models])
    schemas: dict[str, dict[str, Any]] = definitions["$defs"]
    return schemas


def _row_attributes(classes: list[type[Event]]) -> Iterator[str]:
    for event in classes:
        name = read_model.attribute(samples[event.detail_type])
        if event.detail_type in read_model.EACH_ATTEMPT:
            name = name.removesuffix("_2")
            yield f"  [attempt: `{name}_${{number}}`]: Folded<{event.__name__}> | undefined;\n"
        yield f"  {name}?: Folded<{event.__name__}>;\n"


def _union(values: tuple[str, ...]) -> str:
    return " | ".join(f'"{value}"' for value in values)


# --- vectors ------------------------------------------------------------------------------------------

_UPLOADED = ("Image Uploaded", "Embedding Started")
_REQUESTED = ("Reconstruction Requested", "Reconstruction Started")
_RECONSTRUCTED = (*_REQUESTED, "Reconstruction Completed")

SESSION_STORIES: dict[str, tuple[str, ...]] = {
    "nothing yet": (),
    "photo rejected": ("Image Rejected",),
    "another photo accepted": ("Image Rejected", *_UPLOADED),
    "embedding": _UPLOADED,
    "embedded": (*_UPLOADED, "Embedding Completed"),
    "embedding failed": (*_UPLOADED, "Embedding Failed"),
    "embedding overdue": (*_UPLOADED, "Embedding Timed Out"),
    "embedded after all": (*_UPLOADED, "Embedding Timed Out", "Embedding Completed"),
    "failed after all": (*_UPLOADED, "Embedding Timed Out", "Embedding Failed"),
    "a failure after the result": (*_UPLOADED, "Embedding Failed", "Embedding Completed"),
}
JOB_STORIES: dict[str, tuple[str, ...]] = {
    "nothing yet": (),
    "mask rejected": ("Mask Rejected",),
    "another mask accepted": ("Mask Rejected", "Reconstruction Requested"),
    "queued": ("Reconstruction Requested",),
    "reconstructing": _REQUESTED,
    "waiting for the second attempt": (*_REQUESTED, "Reconstruction Retry Scheduled"),
    "meshing is due": _RECONSTRUCTED,
    "meshing": (*_RECONSTRUCTED, "Meshing Started"),
    "completed": (*_RECONSTRUCTED, "Meshing Started", "Mesh Completed"),
    "completed and told": (*_RECONSTRUCTED, "Meshing Started", "Mesh Completed", "User Notified"),
    "reconstruction failed": (*_REQUESTED, "Reconstruction Failed"),
    "meshing failed": (*_RECONSTRUCTED, "Meshing Started", "Meshing Failed"),
    "overdue": (*_REQUESTED, "Job Timed Out"),
    "completed after all": (*_RECONSTRUCTED, "Job Timed Out", "Mesh Completed"),
    "failed after all": (*_REQUESTED, "Job Timed Out", "Reconstruction Failed"),
    "a failure after the result": (*_RECONSTRUCTED, "Meshing Failed", "Mesh Completed"),
    "a failure is final": (*_RECONSTRUCTED, "Reconstruction Failed", "Mesh Completed"),
    "only the end was seen": ("Mesh Completed",),
}


def state_vectors() -> dict[str, Any]:
    """Stories (detail-types of `events`, in any order) and the row, state and problem that each comes to."""
    told = sorted({name for story in (*SESSION_STORIES.values(), *JOB_STORIES.values()) for name in story})
    return {
        "events": {name: samples[name].detail() for name in told},
        "attributes": {name: read_model.attribute(samples[name]) for name in told},
        "fold": {"events": list(_RECONSTRUCTED), "row": _row(_RECONSTRUCTED)},
        "session": [
            _vector(name, story, read_model.session_state) for name, story in SESSION_STORIES.items()
        ],
        "job": [_vector(name, story, read_model.job_state) for name, story in JOB_STORIES.items()],
    }


def _vector(name: str, story: tuple[str, ...], state: Callable[[read_model.Row], str]) -> dict[str, Any]:
    row = _row(story)
    return {"story": name, "events": story, "state": state(row), "problem": read_model.problem(row)}


def _row(story: tuple[str, ...]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name in story:
        row = read_model.fold(row, samples[name])
    return row


# --- documents ----------------------------------------------------------------------------------------

_ERRORS = """\
# Errors

Every rejection and failure has one of these codes, wherever it shows: in the API's answers, in events, in
mail, on the page and in the SDK. Generated from `events/gen3d_events/codes.py` by
`python -m gen3d_events.generate`; do not edit.

Classes: `user` (the person can mend it), `transient` (trying again may help), `system` (ours to mend). The
HTTP status is given where the code answers a request.

| Code | Class | HTTP | What happened | What to do |
|---|---|---|---|---|
{rows}
"""


def errors() -> str:
    return _ERRORS.format(
        rows="\n".join(
            f"| `{code}` | {entry.error_class} | {entry.http_status or ''} | {entry.message} | {entry.hint} |"
            for code, entry in codes.items()
        )
    )


# --- the command --------------------------------------------------------------------------------------


def drift(root: Path) -> list[Path]:
    """The generated files under `root` that are wrong, missing, or left over."""
    files = artefacts()
    wrong = [path for path, text in files.items() if not _is(root / path, text)]
    there = {
        path.relative_to(root) for folder in OWNED for path in (root / folder).rglob("*") if path.is_file()
    }
    return sorted({*wrong, *(there - files.keys())})


def write(root: Path) -> None:
    for path in drift(root):
        (root / path).unlink(missing_ok=True)
    for path, text in artefacts().items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")


def _is(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


def main(arguments: list[str]) -> int:
    if arguments == ["--check"]:
        for path in (wrong := drift(ROOT)):
            print(
                f"{path} is not what the models say; run `python -m gen3d_events.generate`", file=sys.stderr
            )
        return 1 if wrong else 0
    if arguments:
        print("usage: python -m gen3d_events.generate [--check]", file=sys.stderr)
        return 2
    write(ROOT)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
