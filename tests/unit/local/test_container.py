"""The inference server as a process, as the stand-in of SageMaker starts it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from gen3d_local.container import MODULE, Container, ContainerFailed


@pytest.fixture
def container(tmp_path: Path) -> Iterator[Container]:
    """A server that is to use a model whose weights are not there."""
    settings = {
        "GEN3D_SEGMENTER": "classical",
        "GEN3D_RECONSTRUCTOR": "sam3d",
        "GEN3D_WEIGHTS": str(tmp_path / "weights"),
        "MODEL_BUCKET": "models",
    }
    made = Container(settings, tmp_path / "server.log", MODULE)
    yield made
    made.stop()


def test_a_model_that_cannot_be_loaded_is_told_at_once_with_the_reason(container: Container) -> None:
    with pytest.raises(
        ContainerFailed, match=r"cannot load its models: .*manifest.json cannot be read.*Fetch"
    ):
        asyncio.run(container.wait_ready())
