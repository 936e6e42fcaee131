"""Zips that are the same for the same files."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import boto3
import pytest
from gen3d_local import packages
from gen3d_local.rewrites import Package
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

CODE = Package("code")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    inner = tmp_path / "code" / "gen3d_x"
    (inner / "__pycache__").mkdir(parents=True)
    (inner / "__init__.py").write_text("")
    (inner / "start.py").write_text("def handler(): ...")
    (inner / "__pycache__" / "start.pyc").write_bytes(b"\0")
    return tmp_path


def test_a_zip_holds_the_sources_and_no_leftovers(root: Path) -> None:
    names = zipfile.ZipFile(io.BytesIO(packages.zipped(root, CODE))).namelist()
    assert names == ["gen3d_x/__init__.py", "gen3d_x/start.py"]


def test_a_layer_lies_under_its_folder(root: Path) -> None:
    names = zipfile.ZipFile(io.BytesIO(packages.zipped(root, Package("code", "python")))).namelist()
    assert names == ["python/gen3d_x/__init__.py", "python/gen3d_x/start.py"]


def test_time_and_leftovers_do_not_matter(root: Path) -> None:
    before = packages.zipped(root, CODE)
    os.utime(root / "code" / "gen3d_x" / "start.py", (0, 0))
    (root / "code" / "gen3d_x" / "__pycache__" / "other.pyc").write_bytes(b"\1")
    assert packages.zipped(root, CODE) == before


@given(first=st.binary(), second=st.binary())
def test_content_matters(tmp_path_factory: pytest.TempPathFactory, first: bytes, second: bytes) -> None:
    root = tmp_path_factory.mktemp("root")
    (root / "code").mkdir()
    (root / "code" / "a.py").write_bytes(first)
    before = packages.zipped(root, CODE)
    (root / "code" / "a.py").write_bytes(second)
    assert (packages.zipped(root, CODE) == before) == (first == second)


def test_unchanged_code_is_not_put_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1")
        first = packages.upload(s3, root, {CODE})
        s3.put_bucket_versioning(Bucket=packages.BUCKET, VersioningConfiguration={"Status": "Enabled"})
        assert packages.upload(s3, root, {CODE}) == first
        (root / "code" / "gen3d_x" / "start.py").write_text("def handler(): return 1")
        second = packages.upload(s3, root, {CODE})
        versions = s3.list_object_versions(Bucket=packages.BUCKET)["Versions"]

    assert second != first
    assert len(versions) == 2
