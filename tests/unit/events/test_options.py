"""A job's options on their way through the contract."""

from __future__ import annotations

import pytest
from gen3d_events.event import Event
from gen3d_events.models import JobOptions, MeshFormat, ReconstructionRequested
from gen3d_events.samples import samples
from pydantic import ValidationError


def sent(options: JobOptions) -> tuple[ReconstructionRequested, dict[str, object]]:
    """An event with these options as its consumer has it, and as it lies on the bus."""
    sample = samples["Reconstruction Requested"]
    detail = sample.model_copy(update={"options": options}).with_metadata(sample.metadata).detail()
    received: Event = ReconstructionRequested.from_detail(detail)
    assert isinstance(received, ReconstructionRequested)
    return received, detail["data"]["options"]


def test_a_job_without_a_texture_is_none_of_the_default() -> None:
    received, told = sent(JobOptions(texture=None))
    assert received.options == JobOptions(texture=None) != JobOptions()
    assert told == {"quality": "balanced", "formats": ["glb"], "texture": None, "seed": 42}


def test_what_is_absent_is_the_default() -> None:
    assert JobOptions.model_validate({}) == JobOptions(formats=("glb",), texture=1024, seed=42)
    assert JobOptions(texture=1024).model_dump(exclude_unset=True) == {"texture": 1024}
    assert JobOptions(texture=None).model_dump(exclude_unset=True) == {"texture": None}
    assert JobOptions(seed=1).model_dump(exclude_unset=True) == {"seed": 1}


def test_the_order_of_formats_means_nothing() -> None:
    assert JobOptions(formats=("splat", "glb")) == JobOptions(formats=("glb", "splat"))


@pytest.mark.parametrize("formats", [(), ("glb", "glb"), ("fbx",)], ids=str)
def test_formats_are_some_and_each_once(formats: tuple[MeshFormat, ...]) -> None:
    with pytest.raises(ValidationError):
        JobOptions(formats=formats)
