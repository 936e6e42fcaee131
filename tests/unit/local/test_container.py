"""The inference server as a process, as the stand-in of SageMaker starts it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from gen3d_local.container import MODULE, Container, ContainerFailed


def test_a_model_that_cannot_be_loaded_is_told_at_once_with_the_reason(tmp_path: Path) -> None:
    settings = {
        "GEN3D_TASKS": "reconstruct",
        "GEN3D_RECONSTRUCTOR": "sam3d",
        "GEN3D_WEIGHTS": str(tmp_path / "weights"),
        "MODEL_BUCKET": "models",
    }
    container = Container(settings, tmp_path / "server.log", MODULE)

    async def start() -> None:
        try:
            await container.wait_ready()
        finally:
            await container.stop()

    with pytest.raises(
        ContainerFailed, match=r"cannot load its models: .*manifest.json cannot be read.*Fetch"
    ):
        asyncio.run(start())
