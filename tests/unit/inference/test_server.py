"""The SageMaker server, spoken to as SageMaker does: real HTTP, real engines, S3 in moto."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gen3d_events.inference import (
    MAX_CANDIDATES,
    EmbeddingManifest,
    EmbedReply,
    ErrorReply,
    Pose,
    ReconstructReply,
    SegmentReply,
)
from gen3d_events.models import Engine
from gen3d_events.samples import BUCKET
from gen3d_inference import engines
from gen3d_inference.engines.classical import ClassicalSegmenter
from gen3d_inference.engines.relief import ReliefReconstructor
from gen3d_inference.ply import from_ply
from gen3d_inference.server import MAX_BODY_BYTES
from gen3d_inference.settings import models
from gen3d_inference.tasks import Workshop
from PIL import Image
from safetensors.numpy import load

from tests.conformance import violations
from tests.unit.inference.invoking import (
    DEADLINE_SECONDS,
    HEIGHT,
    JSON,
    MODELS,
    PREFIX,
    WIDTH,
    content,
    disc,
    eventually,
    invoke,
    png,
    refusal,
    request,
    stored,
)
from tests.unit.inference.sam3d_environment import environment, make_upstream, make_weights
from tests.unit.inference.serving import Drawn, Failing, Held, Posed, served

WORKSHOP = Workshop(ClassicalSegmenter(), ReliefReconstructor(), MODELS)


def test_embed_stores_an_embedding_whose_decoder_conforms(s3: Any) -> None:
    with served(WORKSHOP) as client:
        answer = invoke(client, request(s3))
    assert answer.status_code == 200
    assert int(answer.headers["content-length"]) == len(answer.content)
    reply = EmbedReply.model_validate_json(answer.content)
    assert reply.engine == Engine(name="classical", version="1.0", weight_free=True)
    assert reply.manifest_key == f"{PREFIX}out/manifest.json"
    assert reply.embedding_key == f"{PREFIX}out/embedding.safetensors"

    embedding = content(s3, reply.embedding_key)
    assert len(embedding) == reply.bytes
    manifest = EmbeddingManifest.model_validate_json(content(s3, reply.manifest_key))
    assert (manifest.photo_width, manifest.photo_height) == (WIDTH, HEIGHT)
    graphs = {graph.role: content(s3, graph.key, MODELS) for graph in manifest.decoder}
    assert list(violations(manifest, load(embedding), graphs)) == []


def test_the_decoder_is_published_once(s3: Any) -> None:
    s3.put_bucket_versioning(Bucket=MODELS, VersioningConfiguration={"Status": "Enabled"})
    with served(WORKSHOP) as client:
        assert [invoke(client, request(s3)).status_code for _ in range(2)] == [200, 200]
    assert len(s3.list_object_versions(Bucket=MODELS)["Versions"]) == 1


def test_reconstruct_stores_splats(s3: Any) -> None:
    with served(WORKSHOP) as client:
        answer = invoke(client, request(s3, "reconstruct"))
    assert answer.status_code == 200
    reply = ReconstructReply.model_validate_json(answer.content)
    assert reply.engine == Engine(name="relief", version="1.0", weight_free=True)
    assert reply.splat_key == f"{PREFIX}out/splat.ply"
    ply = content(s3, reply.splat_key)
    assert len(ply) == reply.bytes
    assert len(from_ply(ply)) == reply.gaussians == pytest.approx(30_000, rel=0.1)
    assert len(answer.content) < 1000


def test_the_same_request_twice_writes_the_same(s3: Any) -> None:
    with served(WORKSHOP) as client:
        files = []
        for _ in range(2):
            invoke(client, request(s3, "reconstruct"))
            files.append(content(s3, f"{PREFIX}out/splat.ply"))
    assert files[0] == files[1]


def test_the_announced_version_is_computed_not_the_latest(s3: Any) -> None:
    wanted = request(s3, "reconstruct")
    stored(s3, "mask.png", b"written over")
    with served(WORKSHOP) as client:
        assert invoke(client, wanted).status_code == 200


@pytest.mark.parametrize(
    ("task", "file", "bytes_", "code"),
    [
        ("embed", "photo.png", b"no photo", "image_corrupt"),
        ("reconstruct", "photo.png", b"no photo", "image_corrupt"),
        ("reconstruct", "mask.png", b"no mask", "mask_corrupt"),
        ("reconstruct", "mask.png", png(disc()[:-1]), "mask_size_mismatch"),
        ("reconstruct", "mask.png", png(disc() * 0), "mask_too_small"),
    ],
)
def test_a_users_error_is_a_4xx(s3: Any, task: str, file: str, bytes_: bytes, code: str) -> None:
    wanted = request(s3, task)
    part = "photo" if file == "photo.png" else "mask"
    _, version = stored(s3, file, bytes_)
    given = getattr(wanted, part).model_copy(update={"version_id": version})
    with served(WORKSHOP) as client:
        answer = invoke(client, wanted.model_copy(update={part: given}))
    assert refusal(answer) == (422, code, "user")


def test_what_s3_refuses_is_transient(s3: Any) -> None:
    wanted = request(s3)
    with served(WORKSHOP) as client:
        answer = invoke(client, wanted.model_copy(update={"bucket": "no-such-bucket"}))
        assert refusal(answer) == (503, "inference_storage_failed", "transient")
    with served(Workshop(WORKSHOP.segmenter, WORKSHOP.reconstructor, "no-such-models")) as client:
        assert refusal(invoke(client, wanted)) == (503, "inference_storage_failed", "transient")


@pytest.mark.parametrize("part", ["photo", "mask"])
@pytest.mark.parametrize(
    "elsewhere",
    [{"key": f"{PREFIX}elsewhere.png"}, {"version_id": "00000000-0000-4000-8000-000000000000"}],
    ids=["key", "version"],
)
def test_what_is_gone_is_not_transient(s3: Any, part: str, elsewhere: dict[str, str]) -> None:
    wanted = request(s3, "reconstruct")
    harmed = wanted.model_copy(update={part: getattr(wanted, part).model_copy(update=elsewhere)})
    with served(WORKSHOP) as client:
        assert refusal(invoke(client, harmed)) == (500, "inference_input_missing", "system")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError("40 GiB"), (503, "inference_out_of_memory", "transient")),
        (ZeroDivisionError("division by zero"), (500, "inference_failed", "system")),
    ],
)
@pytest.mark.parametrize("task", ["embed", "reconstruct"])
def test_an_engines_failure_has_its_code(
    s3: Any, error: Exception, expected: tuple[int, str, str], task: str
) -> None:
    with served(Workshop(Failing(error), Failing(error), MODELS)) as client:
        assert refusal(invoke(client, request(s3, task))) == expected
        assert client.get("/ping").status_code == 200


def test_what_is_no_request_is_a_400(s3: Any) -> None:
    valid = json.loads(request(s3, "reconstruct").model_dump_json(exclude_none=True))
    with served(WORKSHOP) as client:
        for body in (b"", b"{", b"[]", json.dumps({**valid, "task": "paint"}).encode()):
            answer = client.post("/invocations", content=body, headers=JSON)
            assert refusal(answer) == (400, "inference_request_invalid", "system")
        for part in ("mask", "options"):
            answer = client.post("/invocations", json={k: v for k, v in valid.items() if k != part})
            assert refusal(answer) == (500, "inference_request_invalid", "system")
        assert client.get("/invocations").status_code == 405


def test_ping_answers_during_work_and_requests_wait_for_one_another(s3: Any) -> None:
    held = Held()
    wanted = request(s3, "reconstruct")
    with served(Workshop(WORKSHOP.segmenter, held, MODELS)) as client, ThreadPoolExecutor() as pool:
        answers = [pool.submit(invoke, client, wanted) for _ in range(3)]
        assert held.working.wait(DEADLINE_SECONDS)
        assert client.get("/ping", timeout=2).status_code == 200
        assert not any(answer.done() for answer in answers)
        held.released.set()
        assert [answer.result().status_code for answer in answers] == [200, 200, 200]
    assert held.most == 1


def test_a_task_whose_engine_dies_is_transient_and_the_next_one_is_computed(s3: Any, tmp_path: Path) -> None:
    """SAM 3D Objects' double, in an environment and a process of its own, killed at work."""
    python, weights = make_upstream(tmp_path / "upstream"), make_weights(tmp_path / "weights")
    settings = {"GEN3D_SAM3D_PYTHON": str(python), "GEN3D_TASKS": "reconstruct", "MODEL_BUCKET": MODELS}
    computing = models(environment(weights, DOUBLE_TELLS=str(tmp_path), **settings))
    held, working, wanted = tmp_path / "wait", tmp_path / "asked.json", request(s3, "reconstruct")
    with served(computing) as client, ThreadPoolExecutor() as pool:
        eventually(lambda: client.get("/ping").status_code == 200)
        working.unlink()
        held.touch()
        answer = pool.submit(invoke, client, wanted)
        eventually(working.exists)
        engine: Any = computing._reconstructor
        os.kill(engine.pid, signal.SIGKILL)
        assert refusal(answer.result()) == (503, "inference_unavailable", "transient")
        held.unlink()
        assert client.get("/ping").status_code == 503
        eventually(lambda: client.get("/ping").status_code == 200)
        reply = ReconstructReply.model_validate_json(invoke(client, wanted).content)
        engine = computing._reconstructor
        engine.close()
    assert reply.engine.name == "sam3d"
    assert reply.pose is not None
    assert len(from_ply(content(s3, reply.splat_key))) == reply.gaussians


@pytest.mark.parametrize("content_type", [None, "application/octet-stream", "text/json"])
def test_another_content_type_is_a_415(s3: Any, content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    with served(WORKSHOP) as client:
        wanted = request(s3, "reconstruct").model_dump_json()
        answer = client.post("/invocations", content=wanted, headers=headers)
        assert refusal(answer) == (415, "inference_request_invalid", "system")
        as_json = {"Content-Type": "Application/JSON; charset=utf-8"}
        answer = client.post("/invocations", content=wanted, headers=as_json)
        assert answer.status_code == 200


def test_a_gigabyte_is_refused_before_it_is_sent() -> None:
    head = (
        f"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {10**9}"
    )
    with (
        served(WORKSHOP) as client,
        socket.create_connection((client.base_url.host, client.base_url.port)) as raw,
    ):
        raw.settimeout(DEADLINE_SECONDS)
        raw.sendall(f"{head}\r\n\r\n".encode())
        answer = b"".join(iter(lambda: raw.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert (
        ErrorReply.model_validate_json(answer.partition(b"\r\n\r\n")[2]).code == "inference_request_invalid"
    )


def test_a_body_of_unknown_length_is_read_no_further_than_the_limit() -> None:
    sent = 0

    def chunks() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(1000):
            sent += MAX_BODY_BYTES
            yield b" " * MAX_BODY_BYTES

    with served(WORKSHOP) as client:
        answer = client.post("/invocations", content=chunks(), headers=JSON)
        assert refusal(answer) == (413, "inference_request_invalid", "system")
        assert client.get("/ping").status_code == 200
    assert sent < 500 * MAX_BODY_BYTES


def test_a_task_that_is_not_served_here_is_refused(s3: Any) -> None:
    with served(Workshop(None, WORKSHOP.reconstructor, MODELS)) as client:
        assert refusal(invoke(client, request(s3))) == (500, "model_unavailable", "system")
        assert invoke(client, request(s3, "reconstruct")).status_code == 200
    with served(Workshop(WORKSHOP.segmenter, None, MODELS)) as client:
        assert refusal(invoke(client, request(s3, "reconstruct"))) == (500, "model_unavailable", "system")


def test_the_pose_and_a_mesh_of_the_engine_itself_are_passed_on(s3: Any) -> None:
    pose = Pose(rotation=(1, 0, 0, 0), translation=(0, 0, 2), scale=(0.5, 0.5, 0.5))
    with served(Workshop(None, Posed(pose), MODELS)) as client:
        reply = ReconstructReply.model_validate_json(invoke(client, request(s3, "reconstruct")).content)
    assert reply.pose == pose
    assert reply.glb_key == f"{PREFIX}out/model.glb"
    assert content(s3, reply.glb_key) == b"glTF"


def test_segment_stores_a_mask_of_each_candidate(s3: Any) -> None:
    left = np.arange(WIDTH)[None] < WIDTH / 2
    found = [
        engines.Detection(disc() > 0, 0.9, (40.0, 20.0, 120.0, 100.0)),
        engines.Detection(np.broadcast_to(left, (HEIGHT, WIDTH)), 0.6, (0.0, 0.0, 80.0, 120.0)),
    ]
    detector = Drawn(found)
    with served(Workshop(None, None, MODELS, detector)) as client:
        answer = invoke(client, request(s3, "segment", text="red disc"))
    assert answer.status_code == 200
    reply = SegmentReply.model_validate_json(answer.content)
    assert detector.asked == [("red disc", MAX_CANDIDATES)]
    assert reply.engine == Drawn.engine
    assert [(one.score, one.box) for one in reply.candidates] == [(one.score, one.box) for one in found]
    for candidate, expected in zip(reply.candidates, found, strict=True):
        stored(s3, candidate.key.removeprefix(PREFIX), b"written over")
        file = s3.get_object(Bucket=BUCKET, Key=candidate.key, VersionId=candidate.version_id)
        with Image.open(file["Body"]) as mask:
            assert mask.format == "PNG"
            assert np.array_equal(np.asarray(mask), np.where(expected.mask, 255, 0))


def test_no_such_thing_is_an_empty_list(s3: Any) -> None:
    with served(Workshop(None, None, MODELS, Drawn([]))) as client:
        answer = invoke(client, request(s3, "segment", text="zebra"))
    assert (answer.status_code, json.loads(answer.content)["candidates"]) == (200, [])


def test_segment_needs_words_and_a_detector(s3: Any) -> None:
    with served(Workshop(None, None, MODELS, Drawn([]))) as client:
        assert refusal(invoke(client, request(s3, "segment"))) == (500, "inference_request_invalid", "system")
        wanted = json.loads(request(s3, "segment").model_dump_json(exclude_none=True))
        for text in ("", "x" * 101, 7):
            answer = client.post("/invocations", json={**wanted, "text": text})
            assert refusal(answer) == (400, "inference_request_invalid", "system")
    with served(WORKSHOP) as client:
        answer = invoke(client, request(s3, "segment", text="disc"))
        assert refusal(answer) == (500, "model_unavailable", "system")


def test_figures_are_written_for_cloudwatch(s3: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with served(WORKSHOP) as client:
        assert [invoke(client, request(s3, task)).status_code for task in ("embed", "reconstruct")] == [
            200,
            200,
        ]
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert [line["engine"] for line in lines] == ["classical", "relief"]
    for line in lines:
        (told,) = line["_aws"]["CloudWatchMetrics"]
        assert told["Namespace"] == "Gen3D"
        assert [sorted(names) for names in told["Dimensions"]] == [["engine", "service"]]
        stages = ("Inference.Read", "Inference.Compute", "Inference.Write")
        units = {**dict.fromkeys(stages, "Seconds"), "Inference.ResultSize": "Bytes"}
        assert {metric["Name"]: metric["Unit"] for metric in told["Metrics"]} == units
        assert line["correlation_id"]
        assert line["Inference.ResultSize"][0] > 0
