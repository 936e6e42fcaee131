"""A job's options as a person types them in a command."""

from __future__ import annotations

from typing import get_args

from pydantic import ValidationError

from gen3d_events.models import JobOptions, MeshFormat, TextureSize

FORMATS: tuple[str, ...] = get_args(MeshFormat)
TEXTURES: dict[str, TextureSize | None] = {str(size): size for size in get_args(TextureSize)} | {"none": None}


def formats(text: str) -> tuple[MeshFormat, ...]:
    """Those of `glb,obj`. Raises ValueError with a sentence."""
    try:
        return JobOptions.model_validate({"formats": [name.strip() for name in text.split(",")]}).formats
    except ValidationError as error:
        raise ValueError(
            f"{text!r} is none of {', '.join(FORMATS)}, nor several of them, each once, with commas."
        ) from error


def texture(text: str) -> TextureSize | None:
    """Its side in px, or None for `none`. Raises ValueError with a sentence."""
    if text not in TEXTURES:
        raise ValueError(f"{text!r} is none of {', '.join(TEXTURES)}.")
    return TEXTURES[text]
