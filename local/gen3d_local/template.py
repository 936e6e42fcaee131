"""Reads a template with the short forms of its functions, such as `!Sub`."""

from __future__ import annotations

from typing import Any

import yaml
from samtranslator.yaml_helper import intrinsics_multi_constructor


class _Loader(yaml.CSafeLoader):  # type: ignore[misc]
    """libyaml's: the template takes a tenth of the time."""


_Loader.add_multi_constructor("!", intrinsics_multi_constructor)


def parse(text: str) -> Any:
    """The template with its functions' long forms. Raises yaml.YAMLError."""
    return yaml.load(text, _Loader)  # noqa: S506
