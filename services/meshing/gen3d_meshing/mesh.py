"""Splats are there: make the mesh, its preview and its statistics."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import PurePosixPath

from botocore.exceptions import ClientError
from gen3d_events import aws, keys
from gen3d_events.consumer import consumes
from gen3d_events.event import Event
from gen3d_events.models import (
    MeshCompleted,
    MeshFile,
    MeshingFailed,
    MeshingStarted,
    ReconstructionCompleted,
)

from gen3d_meshing.problems import NoMesh, SplatMissing

_CONTENT_TYPES = {
    ".glb": "model/gltf-binary",
    ".json": "application/json",
    ".png": "image/png",
    ".stl": "model/stl",
    ".usdz": "model/vnd.usdz+zip",
    ".webp": "image/webp",
    ".zip": "application/zip",
}
_OTHER = "application/octet-stream"
"""PLY and the splats' forms have no registered type."""


@consumes(ReconstructionCompleted, failed=MeshingFailed)
def handler(event: ReconstructionCompleted) -> Iterator[Event]:
    about = event.metadata
    if about.job_id is None:
        raise ValueError("a reconstruction without a job")
    yield MeshingStarted()
    from gen3d_meshing.pipeline import mesh_splat  # noqa: PLC0415 - loads Open3D, after the event

    prefix = keys.job_prefix(about.user_id, about.session_id, about.job_id)
    try:
        result = mesh_splat(
            _read(event.splat_key),
            event.options,
            engine=event.engine,
            mask_coverage=event.mask.coverage,
        )
    except NoMesh as problem:
        yield MeshingFailed.because(problem.code, str(problem))
        return
    yield MeshCompleted(
        splat_key=event.splat_key,
        files={role: _write(prefix + role, content) for role, content in result.files.items()},
        vertices=len(result.mesh.vertices),
        triangles=len(result.mesh.triangles),
        watertight=result.mesh.watertight,
        quality=event.options.quality,
        engine=event.engine,
        seconds=result.seconds,
    )


def _read(key: str) -> bytes:
    try:
        found = aws.client("s3").get_object(Bucket=os.environ["DATA_BUCKET"], Key=key)
    except ClientError as error:
        # S3 is strongly consistent: a splat was there before it was told of, and does not come back.
        if aws.is_missing(error):
            raise SplatMissing(str(error)) from error
        raise
    content: bytes = found["Body"].read()
    return content


def _write(key: str, content: bytes) -> MeshFile:
    aws.client("s3").put_object(
        Bucket=os.environ["DATA_BUCKET"],
        Key=key,
        Body=content,
        ContentType=_CONTENT_TYPES.get(PurePosixPath(key).suffix, _OTHER),
    )
    return MeshFile(key=key, bytes=len(content))
