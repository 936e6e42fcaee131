"""A splat that is spoilt, or has no surface that could be meshed: its job fails with a code, told once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from gen3d import Session
from gen3d.errors import Failed
from gen3d_events.codes import codes
from gen3d_events.models import ReconstructionCompleted
from gen3d_inference.ply import Splats, to_ply

from tests.consumers import System
from tests.fault.conftest import FAST
from tests.fault.deliveries import held
from tests.tap import Tap
from tests.waiting import SECONDS, eventually

Spoil = Callable[[bytes], bytes | None]


def plates(count: int) -> bytes:
    """A splat of thin plates, one above the other and so near that their sides cannot be told apart."""
    rng, n = np.random.default_rng(0), 20_000
    height = 0.012 * rng.integers(count, size=n) + 0.004 * rng.integers(2, size=n)
    return to_ply(
        Splats(
            centres=np.column_stack([rng.uniform(-0.5, 0.5, (n, 2)), height]).astype(np.float32),
            scales=np.tile(np.array([0.006, 0.006, 0.0006], np.float32), (n, 1)),
            rotations=np.tile(np.array([1, 0, 0, 0], np.float32), (n, 1)),
            opacities=np.full(n, 0.99, np.float32),
            colours=np.full((n, 3), 0.5, np.float32),
        )
    )


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda _: plates(1), "surface_missing"),
        (lambda _: plates(4), "meshing_failed"),
        (lambda _: None, "splat_missing"),
        (lambda splat: splat[: len(splat) // 2], "splat_invalid"),
        (lambda splat: splat.partition(b"end_header")[0].replace(b"ply", b"obj"), "splat_invalid"),
    ],
    ids=["a plane", "thin plates", "gone", "cut off", "another file"],
)
def test_a_spoilt_splat_fails_its_job_with_a_code(
    system: System, tap: Tap, session: Session, mask: Path, *, spoil: Spoil, code: str
) -> None:
    s3, bucket = system.cloud.client("s3"), system.cloud.outputs["DataBucketName"]
    with held(system, "MeshingMesh"):
        job = session.create_job(mask, FAST)
        eventually(lambda: job.refresh().events.get("reconstruction_completed"))
        (key,) = (
            event.splat_key
            for event in tap.heard(session.id)
            if isinstance(event, ReconstructionCompleted) and event.metadata.job_id == job.id
        )
        spoilt = spoil(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        if spoilt is None:
            s3.delete_object(Bucket=bucket, Key=key)
        else:
            s3.put_object(Bucket=bucket, Key=key, Body=spoilt)
    with pytest.raises(Failed):
        job.wait(SECONDS)
    assert job.problem is not None
    assert job.problem["code"] == code
    system.settled(job)
    assert codes[code].message in system.mails(job)[0].text
