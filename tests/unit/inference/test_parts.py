"""Large files go to S3 in parts, and an upload that broke off is taken up again; S3 in moto."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError
from gen3d_events import aws
from gen3d_inference.weights import parts
from gen3d_inference.weights.parts import upload

BUCKET, KEY = "gen3d-test-models", "weights/sam-3d-objects/ss.ckpt"
PART = 5 << 20  # the least that S3 takes
CONTENT = bytes(range(256)) * (13 << 12)  # two parts and a piece
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def s3(moto_account: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(parts, "PART_BYTES", PART)
    client = aws.client("s3")
    client.create_bucket(Bucket=BUCKET)
    return client


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "ss.ckpt"
    made.write_bytes(CONTENT)
    return made


@pytest.fixture
def sent(s3: Any, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the parts that arrive."""
    numbers: list[int] = []
    send, lock = s3.upload_part, threading.Lock()

    def counted(**given: Any) -> Any:
        answer = send(**given)
        with lock:
            numbers.append(given["PartNumber"])
        return answer

    monkeypatch.setattr(s3, "upload_part", counted)
    return numbers


def break_off(s3: Any, file: Path, part: int) -> None:
    """Upload a file, and lose the line at a part."""
    send = s3.upload_part

    def breaks(**given: Any) -> Any:
        if given["PartNumber"] == part:
            raise ConnectionClosedError(endpoint_url="https://s3")
        return send(**given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(s3, "upload_part", breaks)
        with pytest.raises(ConnectionClosedError):
            upload(file, BUCKET, KEY, SHA256)
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET)
    assert begun(s3) == [KEY]


def begun(s3: Any) -> list[str]:
    return [one["Key"] for one in s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])]


def check_stored(s3: Any, content: bytes = CONTENT) -> None:
    stored = s3.get_object(Bucket=BUCKET, Key=KEY)
    assert stored["Body"].read() == content
    assert stored["Metadata"] == {"sha256": hashlib.sha256(content).hexdigest()}
    assert begun(s3) == []


def test_a_large_file_is_stored_whole_and_told_of_part_by_part(s3: Any, file: Path) -> None:
    told: list[int] = []
    upload(file, BUCKET, KEY, SHA256, told.append)
    check_stored(s3)
    assert told == [PART, PART, 3 << 20]


@pytest.mark.parametrize("size", [0, 1, PART, PART + 1])
def test_any_size_arrives(s3: Any, file: Path, size: int) -> None:
    content = os.urandom(size)
    file.write_bytes(content)
    told: list[int] = []
    upload(file, BUCKET, KEY, hashlib.sha256(content).hexdigest(), told.append)
    check_stored(s3, content)
    assert sum(told) == size


def test_parts_that_arrived_are_not_sent_again(s3: Any, file: Path, sent: list[int]) -> None:
    break_off(s3, file, part=2)
    arrived = set(sent)
    assert {1} <= arrived <= {1, 3}
    sent.clear()
    told: list[int] = []
    upload(file, BUCKET, KEY, SHA256, told.append)
    assert set(sent) == {1, 2, 3} - arrived
    assert told[0] == sum({1: PART, 3: 3 << 20}[number] for number in arrived)
    assert sum(told) == len(CONTENT)
    check_stored(s3)


def test_an_upload_of_other_content_is_given_up(s3: Any, file: Path, sent: list[int]) -> None:
    break_off(s3, file, part=3)
    other = CONTENT[::-1]
    file.write_bytes(other)
    sent.clear()
    upload(file, BUCKET, KEY, hashlib.sha256(other).hexdigest())
    assert sorted(sent) == [1, 2, 3]
    check_stored(s3, other)


def test_one_that_has_no_part_is_given_up_and_other_keys_are_left_alone(s3: Any, file: Path) -> None:
    for key in (KEY, f"{KEY}.other"):
        s3.create_multipart_upload(Bucket=BUCKET, Key=key)
    upload(file, BUCKET, KEY, SHA256)
    assert begun(s3) == [f"{KEY}.other"]
