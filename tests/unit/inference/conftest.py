"""The buckets that the server reads and writes, in moto."""

from __future__ import annotations

from typing import Any

import pytest
from gen3d_events.samples import BUCKET

from tests.unit.inference.invoking import MODELS


@pytest.fixture
def s3(data_bucket: Any) -> Any:
    data_bucket.create_bucket(Bucket=MODELS)
    data_bucket.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return data_bucket
