"""What the wiring rules judge: the transformed template, the contract, what the code consumes and reads."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from functools import cache
from typing import Any, Self, get_args

from gen3d_events.event import Event
from gen3d_events.messages import MessageHandler
from gen3d_events.samples import samples

from tests.wiring import code, stack
from tests.wiring.stack import Json, Template

# What S3 says of an upload; in patterns a Ref stands for the bucket's name.
UPLOADED: Json = {
    "source": "aws.s3",
    "detail-type": "Object Created",
    "detail": {
        "bucket": {"name": "${DataBucket}"},
        "object": {"key": "incoming/5f0c1d6e/ses_01KAH6ECR007Z9N1BWWN9J5D3Q/photo"},
    },
}


@dataclass(frozen=True)
class System:
    """What is wired.

    events: envelopes of each event, by its detail-type.
    consumed, variables: the detail-types that a function's code takes and the environment variables that it
        reads, by the function's logical id.
    """

    template: Template
    events: Mapping[str, list[Json]]
    consumed: Mapping[str, frozenset[str]]
    variables: Mapping[str, frozenset[str]]

    def of(self, kind: str) -> dict[str, Json]:
        return stack.of_type(self.template, kind)

    def with_template(self, template: Template) -> Self:
        return replace(self, template=template)


def system() -> System:
    """The real one, with a template of its own to change."""
    return System(
        template=stack.transformed(),
        events=_events(),
        consumed=_consumed(),
        variables=_variables(),
    )


@cache
def _events() -> dict[str, list[Json]]:
    return {name: [_envelope(one) for one in _variants(event)] for name, event in samples.items()}


def _envelope(event: Event) -> Json:
    return {"source": event.source, "detail-type": event.detail_type, "detail": event.detail()}


def _variants(event: Event) -> Iterator[Event]:
    """A sample, and the same with every other value of each field that has a few named values."""
    yield event
    for name, field in type(event).model_fields.items():
        kind = field.annotation
        values = list(kind) if isinstance(kind, type) and issubclass(kind, Enum) else get_args(kind)
        for value in values:
            if isinstance(value, str):
                yield event.model_copy(update={name: value})


@cache
def _handlers() -> dict[str, str]:
    """The dotted path of each function's handler."""
    return {
        name: properties.get("Handler") or properties["ImageConfig"]["Command"][0]
        for name, properties in stack.of_type(stack.transformed(), "Lambda::Function").items()
    }


@cache
def _consumed() -> dict[str, frozenset[str]]:
    consumed = {}
    for name, path in _handlers().items():
        module, attribute = path.rsplit(".", 1)
        handler: Any = getattr(importlib.import_module(module), attribute)
        consumed[name] = frozenset(handler.causes if isinstance(handler, MessageHandler) else ())
    return consumed


@cache
def _variables() -> dict[str, frozenset[str]]:
    return {name: code.variables(handler) for name, handler in _handlers().items()}
