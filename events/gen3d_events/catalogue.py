"""docs/events.md: what each event says, who says it, and who listens."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gen3d_events import typescript
from gen3d_events.event import Event
from gen3d_events.samples import samples
from gen3d_events.subscriptions import Subscription

INTRODUCTION = Path(__file__).with_name("catalogue.md")
"""Everything that is not generated: what holds for all events, how to subscribe, how to replay."""

Schemas = dict[str, dict[str, Any]]


def kebab(detail_type: str) -> str:
    return detail_type.lower().replace(" ", "-")


def sentence(event: type[Event]) -> str:
    return " ".join((event.__doc__ or "").split())


def catalogue(schemas: Schemas, subscriptions: Sequence[Subscription]) -> str:
    """The whole document. schemas: of the metadata, of every event and of their types, by name."""
    classes = list(Event.registry.values())
    shown = {"Metadata", *(event.__name__ for event in classes)}
    types = {name: schema for name, schema in schemas.items() if name not in shown}
    introduction = INTRODUCTION.read_text(encoding="utf-8")
    for name, text in {
        "overview": _overview(classes, subscriptions),
        "metadata": _fields(schemas["Metadata"]),
        "events": "\n".join(_event(event, schemas, subscriptions) for event in classes),
        "types": "\n".join(_type(name, schema) for name, schema in types.items()),
    }.items():
        introduction = introduction.replace(f"<!-- {name} -->\n", text)
    return introduction


def _overview(classes: Sequence[type[Event]], subscriptions: Sequence[Subscription]) -> str:
    rows = "".join(
        f"| [{event.detail_type}](#{kebab(event.detail_type)}) | `{event.source}` | "
        f"{', '.join(f'`{_consumer(it)}`' for it in subscriptions if it.hears(event)) or 'nobody'} |\n"
        for event in classes
    )
    return f"| Event | Said by | Heard by |\n|---|---|---|\n{rows}"


def _event(event: type[Event], schemas: Schemas, subscriptions: Sequence[Subscription]) -> str:
    sample = samples[event.detail_type]
    whole = f"../events/samples/eventbridge/{kebab(event.detail_type)}.json"
    about = "a job" if sample.metadata.job_id else "a session"
    data = json.dumps(sample.detail()["data"], indent=2, ensure_ascii=False)
    return f"""\
### {event.detail_type}

{sentence(event)} Said by `{event.source}`, about {about}.

{_consumers([it for it in subscriptions if it.hears(event)])}
{_fields(schemas[event.__name__])}
<details><summary>Sample of the data (<a href="{whole}">whole event</a>)</summary>

```json
{data}
```

</details>
"""


def _consumers(hearers: Sequence[Subscription]) -> str:
    rows = "".join(
        f"| `{_consumer(it)}` | {_conditions(it)} | `{it.queue}` | `{it.dead_letter_queue}` |\n"
        for it in hearers
    )
    return f"| Consumer | Only if | Queue | Dead letters |\n|---|---|---|---|\n{rows}" if rows else ""


def _consumer(subscription: Subscription) -> str:
    """`gen3d_embedding.start.handler` as embedding.start."""
    return subscription.handler.removeprefix("gen3d_").removesuffix(".handler")


def _conditions(subscription: Subscription) -> str:
    return ", ".join(
        f"`{field}` is {' or '.join(f'`{value}`' for value in values)}"
        for field, values in subscription.conditions.items()
    )


def _type(name: str, schema: dict[str, Any]) -> str:
    return f"### {name}\n\n{' '.join(schema.get('description', '').split())}\n\n{_fields(schema)}"


def _fields(schema: dict[str, Any]) -> str:
    if schema["type"] != "object":
        return f"`{typescript.type_of(schema)}`\n"
    rows = [
        f"| `{name}`{' (may be absent)' * absent} | `{type_.replace('|', chr(92) + '|')}` | "
        f"{schema['properties'][name].get('description', '')} |\n"
        for name, (type_, absent) in typescript.properties(schema).items()
    ]
    return f"| Field | Type | |\n|---|---|---|\n{''.join(rows)}" if rows else "No data.\n"
