"""JSON Schema, as pydantic writes it, into TypeScript types. Only what our models use is known."""

from __future__ import annotations

import json
from typing import Any

Schema = dict[str, Any]

_NAMES = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}


def type_of(schema: Schema) -> str:
    """The TypeScript type of a property. Raises KeyError for a schema that is not understood."""
    match schema:
        case {"$ref": reference}:
            name = str(reference).rpartition("/")[2]
        case {"const": value}:
            name = json.dumps(value)
        case {"enum": values}:
            name = " | ".join(map(json.dumps, values))
        case {"anyOf": parts}:
            name = " | ".join(map(type_of, parts))
        case {"type": "array", "items": items}:
            item = type_of(items)
            name = f"({item})[]" if " " in item else f"{item}[]"
        case {"type": "object", "additionalProperties": values}:
            name = f"Record<string, {type_of(values)}>"
        case _:
            name = _NAMES[schema["type"]]
    return name


def properties(schema: Schema) -> dict[str, tuple[str, bool]]:
    """The properties of an object: (type, whether it may be absent). We leave out what would be null, unless
    the default is a value: then null is another one."""
    found: dict[str, tuple[str, bool]] = {}
    for name, property_ in schema.get("properties", {}).items():
        type_ = type_of(property_)
        left_out = type_.endswith(" | null") and property_.get("default") is None
        found[name] = (
            type_.removesuffix(" | null") if left_out else type_,
            left_out or name not in schema.get("required", []),
        )
    return found


def declaration(name: str, schema: Schema) -> str:
    """`export interface` or `export type` for one named schema, with its descriptions as comments."""
    comment = _comment(schema.get("description"))
    if schema.get("type") != "object":
        return f"{comment}export type {name} = {type_of(schema)};\n"
    lines = [
        f"{_comment(schema['properties'][field].get('description'), '  ')}  {field}{'?' * absent}: {type_};\n"
        for field, (type_, absent) in properties(schema).items()
    ]
    return f"{comment}export interface {name} {{\n{''.join(lines)}}}\n"


def _comment(text: str | None, indent: str = "") -> str:
    return f"{indent}/** {' '.join(text.split())} */\n" if text else ""
