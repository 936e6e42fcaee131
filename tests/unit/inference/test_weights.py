"""The models' files: from a hub on this machine into a folder, and from there into a bucket in moto."""

from __future__ import annotations

import errno
import hashlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from botocore.exceptions import ClientError
from gen3d_events import aws
from gen3d_inference.weights import __main__ as command
from gen3d_inference.weights import catalogue, fetch
from gen3d_inference.weights.catalogue import Code, File, Repository, Source
from gen3d_inference.weights.manifest import WeightsInvalid, read, verify

from tests.unit.inference.environments import make_environment
from tests.unit.inference.hub import REVISION, STRANGER, TOKEN, Hub, archive, running

BUCKET = "gen3d-test-models"
LARGE = bytes(range(256)) * 4000
DEPTH = b"depth" * 1000
EXPORT = """
import argparse, pathlib
parser = argparse.ArgumentParser()
parser.add_argument("--weights", type=pathlib.Path)
parser.add_argument("--out", type=pathlib.Path)
options = parser.parse_args()
options.out.mkdir(exist_ok=True)
(options.out / "decode.onnx").write_bytes(b"decoder of " + (options.weights / "config.json").read_bytes())
"""


class Bench(NamedTuple):
    hub: Hub
    folder: Path
    sources: tuple[Source, ...]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A hub with small files of the real names, the command set up for it, and a folder to fetch into."""
    files = {
        "facebook/sam3": {"config.json": b"{}", "model.safetensors": LARGE, "README.md": b"read"},
        "facebook/sam-3d-objects": {"checkpoints/pipeline.yaml": b"a: 1", "checkpoints/ss.ckpt": b"pickle"},
        "Ruicheng/moge-vitl": {"model.pt": b"moge"},
        "other/files": {"dinov2.pth": DEPTH, "dinov2.zip": archive({"hubconf.py": b"", "dinov2/a.py": b"a"})},
    }
    for name in ("HF_TOKEN", "GEN3D_HF_SECRET", "GEN3D_SAM3_PYTHON"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("gen3d_inference.weights.__main__.CODE", [str(tmp_path / "code")])
    python = make_environment(tmp_path / "torch", {"gen3d_inference.export_decoder": EXPORT})
    monkeypatch.setenv("GEN3D_SAM3_PYTHON", str(python))
    with running(Hub(files, gated={"facebook/sam3", "facebook/sam-3d-objects"})) as hub:
        other = f"{hub.address}/other/files/resolve/main"
        sources = (
            Repository("sam3", "facebook/sam3", REVISION, ("*.json", "model.safetensors")),
            Repository("sam-3d-objects", "facebook/sam-3d-objects", REVISION, ("checkpoints/*",)),
            Repository("moge", "Ruicheng/moge-vitl", REVISION, ("model.pt",)),
            File(
                "torch/hub/checkpoints/dinov2.pth", f"{other}/dinov2.pth", hashlib.sha256(DEPTH).hexdigest()
            ),
            Code("torch/hub/facebookresearch_dinov2_main", f"{other}/dinov2.zip", "e127"),
        )
        monkeypatch.setattr(catalogue, "SOURCES", sources)
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield Bench(hub, tmp_path / "weights", sources)


def run(bench: Bench, *arguments: str) -> None:
    command.main(["--folder", str(bench.folder), *arguments])


def test_fetch_brings_all_files_the_decoder_and_a_manifest(
    bench: Bench, capfd: pytest.CaptureFixture[str]
) -> None:
    run(bench, "fetch")
    found = verify(bench.folder, ("sam3", "sam-3d-objects", "moge", "torch"))
    assert set(found.files) == {
        "sam3/config.json",
        "sam3/model.safetensors",
        "sam3/decoder/decode.onnx",
        "sam-3d-objects/checkpoints/pipeline.yaml",
        "sam-3d-objects/checkpoints/ss.ckpt",
        "moge/model.pt",
        "torch/hub/checkpoints/dinov2.pth",
        "torch/hub/facebookresearch_dinov2_main/hubconf.py",
        "torch/hub/facebookresearch_dinov2_main/dinov2/a.py",
        "torch/hub/trusted_list",
    }
    assert found.files["sam3/model.safetensors"].sha256 == hashlib.sha256(LARGE).hexdigest()
    assert found.revisions == {
        "sam3": REVISION,
        "sam-3d-objects": REVISION,
        "moge": REVISION,
        "torch": "e127",
    }
    assert (bench.folder / "sam3/decoder/decode.onnx").read_bytes() == b"decoder of {}"
    said = capfd.readouterr()
    assert TOKEN not in said.out + said.err
    assert TOKEN not in "".join(path.read_text(errors="ignore") for path in bench.folder.rglob("*.json"))


def test_what_is_whole_is_not_fetched_again(bench: Bench) -> None:
    run(bench, "fetch")
    bench.hub.asked.clear()
    run(bench, "fetch")
    assert not [line for line, _ in bench.hub.asked if line.startswith("GET /facebook") or ".pt" in line]


def test_a_connection_that_drops_is_taken_up_again(bench: Bench) -> None:
    bench.hub.broken = 1
    run(bench, "fetch")
    asked = [line for line, _ in bench.hub.asked if line.startswith("GET") and "model.safetensors" in line]
    assert len(asked) == 2
    assert (bench.folder / "sam3/model.safetensors").read_bytes() == LARGE


def test_a_file_outside_the_hub_goes_on_too(bench: Bench) -> None:
    partial = bench.folder / "torch/hub/checkpoints/dinov2.pth.partial"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(DEPTH[:1234])
    run(bench, "fetch")
    assert ("GET /other/files/resolve/main/dinov2.pth", "bytes=1234-") in bench.hub.asked
    assert (bench.folder / "torch/hub/checkpoints/dinov2.pth").read_bytes() == DEPTH
    assert not partial.exists()


def test_one_that_keeps_dropping_is_said_so_and_fetching_again_goes_on(bench: Bench) -> None:
    bench.hub.files["other/files"]["dinov2.pth"] = DEPTH
    fetch.fetch(bench.folder, bench.sources[:3], bench.hub.address, TOKEN, lambda _: None)
    bench.hub.broken = 1
    with pytest.raises(SystemExit, match=r"The download broke off. Fetch again: what is whole is kept"):
        run(bench, "fetch")
    run(bench, "fetch")
    assert (bench.folder / "torch/hub/checkpoints/dinov2.pth").read_bytes() == DEPTH


def test_a_broken_file_of_the_hub_begins_anew_and_whole_ones_are_kept(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hub's client tries five times more, and then throws away what it has."""
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda _: None)
    bench.hub.broken = 6
    with pytest.raises(SystemExit, match="Fetch again: what is whole is kept"):
        run(bench, "fetch")
    bench.hub.asked.clear()
    run(bench, "fetch")
    path = f"GET /facebook/sam3/resolve/{REVISION}"
    assert [one for one in bench.hub.asked if one[0].startswith(path)] == [(f"{path}/model.safetensors", "")]


@pytest.mark.parametrize("given", [f"{TOKEN}\n", f" {TOKEN}"])
def test_space_around_the_token_is_none_of_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("HF_TOKEN", given)
    run(bench, "fetch")


@pytest.mark.parametrize("token", ["hf_in\nner", "hf_ä"])
def test_a_token_that_is_none_is_refused_and_not_told(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], token: str
) -> None:
    monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(SystemExit, match="the token has a character that none has") as ended:
        run(bench, "fetch")
    said = capfd.readouterr()
    assert "hf_" not in str(ended.value) + said.out + said.err


@pytest.mark.parametrize(
    ("token", "said"),
    [
        (None, r"facebook/sam3 is given only to those who accepted its licence.*set HF_TOKEN"),
        (STRANGER, r"The token's account has no access to facebook/sam3\. Accept the licence"),
        ("hf_nonsense", "The hub does not know the token, or not facebook/sam3"),
    ],
)
def test_no_access_is_said_so(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, token: str | None, said: str
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(SystemExit, match=said) as ended:
        run(bench, "fetch")
    assert token is None or token not in str(ended.value)


@pytest.mark.usefixtures("moto_account")
def test_the_token_may_lie_in_secrets_manager(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setenv("GEN3D_HF_SECRET", "gen3d/hub")
    with pytest.raises(SystemExit, match="The secret gen3d/hub of GEN3D_HF_SECRET cannot be read"):
        run(bench, "fetch")
    aws.client("secretsmanager").create_secret(Name="gen3d/hub", SecretString=f"{TOKEN}\n")
    assert command._token() == TOKEN


@pytest.mark.usefixtures("moto_account")
def test_a_binary_secret_is_said_so(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setenv("GEN3D_HF_SECRET", "gen3d/hub")
    aws.client("secretsmanager").create_secret(Name="gen3d/hub", SecretBinary=TOKEN.encode())
    with pytest.raises(SystemExit, match="The secret gen3d/hub of GEN3D_HF_SECRET is binary"):
        run(bench, "fetch")


def test_another_sum_than_the_hubs_is_refused_and_the_file_removed(bench: Bench) -> None:
    bench.hub.announced["model.pt"] = "0" * 64
    with pytest.raises(SystemExit, match=r"moge/model.pt came with the sha256 .* and was removed"):
        run(bench, "fetch")
    assert not (bench.folder / "moge/model.pt").exists()
    assert not (bench.folder / "manifest.json").exists()


def test_another_file_than_the_one_pinned_is_refused(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    pinned = Repository("moge", "Ruicheng/moge-vitl", REVISION, ("model.pt",), {"model.pt": "1" * 64})
    monkeypatch.setattr(catalogue, "SOURCES", (pinned,))
    with pytest.raises(SystemExit, match=r"the hub has another model.pt than the one pinned"):
        run(bench, "fetch")


def test_a_disk_that_is_too_small_is_said_so_before(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(SystemExit, match=r"has 1,000 bytes free of the 1,024,002 that are needed"):
        run(bench, "fetch")
    assert not [line for line, _ in bench.hub.asked if "resolve" in line]


def test_a_disk_that_fills_up_is_said_so(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(fetch, "_code", full)
    with pytest.raises(SystemExit, match=r"The disk of .* is full. Make room and fetch again"):
        run(bench, "fetch")


def test_an_archive_cannot_write_beside_its_folder(bench: Bench) -> None:
    bench.hub.files["other/files"]["dinov2.zip"] = archive({"../../../evil.py": b"x", "hubconf.py": b""})
    run(bench, "fetch")
    assert not list(bench.folder.parent.rglob("evil.py"))


@pytest.mark.parametrize(
    "harm", [lambda whole: b"<html>", lambda whole: whole.replace(b"evidence", b"Evidence")]
)
def test_what_is_no_archive_leaves_the_one_before(bench: Bench, harm: Callable[[bytes], bytes]) -> None:
    files = bench.hub.files["other/files"]
    files["dinov2.zip"] = archive({"hubconf.py": b"evidence"})
    run(bench, "fetch")
    files["dinov2.zip"] = harm(files["dinov2.zip"])
    with pytest.raises(SystemExit, match=r"dinov2.zip answered with no whole zip archive .*fetch again"):
        run(bench, "fetch")
    kept = bench.folder / "torch/hub/facebookresearch_dinov2_main/hubconf.py"
    assert kept.read_bytes() == b"evidence"


def test_a_folder_that_cannot_be_written_is_said_so(bench: Bench) -> None:
    bench.folder.touch()
    with pytest.raises(SystemExit, match=r"cannot be written: .*Let GEN3D_WEIGHTS name a folder of your own"):
        run(bench, "fetch")


def test_a_decoder_that_cannot_be_made_is_said_so(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = make_environment(bench.folder.parent / "bare", {})
    for python in (bare, bare.with_name("nowhere")):
        monkeypatch.setenv("GEN3D_SAM3_PYTHON", str(python))
        with pytest.raises(SystemExit, match="Set GEN3D_SAM3_PYTHON to an interpreter with torch"):
            run(bench, "fetch")


def test_verify_tells_what_is_wrong(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    run(bench, "fetch")
    run(bench, "verify")
    assert "10 files are what the manifest says" in capsys.readouterr().out
    (bench.folder / "sam-3d-objects/checkpoints/ss.ckpt").write_bytes(b"pickl3")
    with pytest.raises(SystemExit, match=r"ss.ckpt has the sha256 .* Fetch again"):
        run(bench, "verify")
    run(bench, "fetch")
    run(bench, "verify")


def test_without_a_manifest_nothing_is_verified(tmp_path: Path) -> None:
    with pytest.raises(WeightsInvalid, match=r"manifest.json cannot be read"):
        read(tmp_path)


@pytest.fixture
def bucket(moto_account: None) -> Any:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    return s3


def test_publish_uploads_once_and_the_manifest_last(
    bench: Bench, bucket: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    fetched(bench)
    run(bench, "publish", "--bucket", BUCKET)
    found = {one["Key"]: one["LastModified"] for one in bucket.list_objects_v2(Bucket=BUCKET)["Contents"]}
    files = read(bench.folder).files
    assert set(found) == {f"weights/{path}" for path in (*files, "manifest.json")}
    model = bucket.get_object(Bucket=BUCKET, Key="weights/sam3/model.safetensors")
    assert model["Body"].read() == LARGE
    assert "100.0%" in capsys.readouterr().out
    run(bench, "publish", "--bucket", BUCKET)
    told = capsys.readouterr().out
    assert told.count("is there") == len(files)
    assert "uploaded" not in told


def test_an_upload_that_breaks_off_goes_on(
    bench: Bench, bucket: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fetched(bench)
    send = bucket.put_object
    sent: list[Any] = []

    def breaks(**keywords: Any) -> None:
        if len(sent) == 3:
            raise ClientError({"Error": {"Code": "SlowDown", "Message": "reduce"}}, "PutObject")
        sent.append(keywords)
        send(**keywords)

    monkeypatch.setattr(bucket, "put_object", breaks)
    with pytest.raises(SystemExit, match=r"broke off. Publish again: it goes on"):
        run(bench, "publish", "--bucket", BUCKET)
    keys = [one["Key"] for one in bucket.list_objects_v2(Bucket=BUCKET)["Contents"]]
    assert "weights/manifest.json" not in keys
    monkeypatch.undo()
    capsys.readouterr()
    command.main(["--folder", str(bench.folder), "publish", "--bucket", BUCKET])
    assert capsys.readouterr().out.count("is there") == 3


def test_a_bucket_that_is_none_is_said_so(bench: Bench, bucket: Any) -> None:
    fetched(bench)
    with pytest.raises(SystemExit, match=r"ModelBucketName\) and at your AWS credentials.*NoSuchBucket"):
        run(bench, "publish", "--bucket", "gen3d-of-nobody")


def test_what_is_damaged_is_not_published(bench: Bench, bucket: Any) -> None:
    fetched(bench)
    (bench.folder / "moge/model.pt").write_bytes(b"mogE")
    with pytest.raises(SystemExit, match=r"moge/model.pt has the sha256"):
        run(bench, "publish", "--bucket", BUCKET)
    assert "Contents" not in bucket.list_objects_v2(Bucket=BUCKET)


def fetched(bench: Bench) -> None:
    fetch.fetch(bench.folder, bench.sources, bench.hub.address, TOKEN, lambda _: None)


def test_every_source_is_pinned() -> None:
    for source in catalogue.SOURCES:
        match source:
            case Repository() | Code():
                assert len(source.revision) == 40
            case File():
                assert len(source.sha256) == 64
    pickles = next(one for one in catalogue.SOURCES if one.folder == "sam-3d-objects")
    assert isinstance(pickles, Repository)
    assert sum(name.endswith(".ckpt") for name in pickles.sha256) == 6
