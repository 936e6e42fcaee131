"""A photo and its mask through the whole system: what is made, what is told, and what is kept."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import numpy as np
import pytest
import trimesh
from gen3d import Gen3D, Job, JobOptions, Quality, Session
from gen3d_events.event import Event
from gen3d_events.inference import EmbeddingManifest
from gen3d_events.keys import session_prefix
from gen3d_local import people
from gen3d_local.cloud import Cloud
from gen3d_local.mail import Mail
from PIL import Image

from tests.tap import Tap, judge
from tests.waiting import SECONDS, eventually

STORY = {
    "Image Uploaded": 1,
    "Embedding Started": 1,
    "Embedding Completed": 1,
    "Reconstruction Requested": 1,
    "Reconstruction Started": 1,
    "Reconstruction Completed": 1,
    "Inference Succeeded": 2,
    "Meshing Started": 1,
    "Mesh Completed": 1,
    "User Notified": 1,
}
FILES = {
    *("mask.png", "splat.ply", "mesh.glb", "mesh.draco.glb", "preview.png", "turntable.webp"),
    *("stats.json", "job.json", "events.jsonl"),
}


class Run(NamedTuple):
    session: Session
    job: Job
    files: dict[str, Path]
    story: list[Event]
    mail: Mail


@pytest.fixture(scope="module")
def session(gen3d: Gen3D, photo: Path) -> Session:
    return gen3d.create_session(photo, name="a bottle").wait_ready(SECONDS)


@pytest.fixture(scope="module")
def run(
    cloud: Cloud, session: Session, tap: Tap, mask: Path, tmp_path_factory: pytest.TempPathFactory
) -> Run:
    job = session.create_job(mask, JobOptions(quality=Quality.FAST, seed=7), "bottle").wait(SECONDS)
    story = tap.story(session.id, STORY)
    files = job.download(tmp_path_factory.mktemp("happy"))
    mail = next(mail for mail in reversed(cloud.mails()) if job.id in mail.text)
    return Run(session, job, files, story, mail)


def test_every_event_once_and_in_causal_order(run: Run) -> None:
    assert Counter(event.detail_type for event in run.story) == STORY
    judge(run.story)


def test_the_mesh_is_closed_and_textured(run: Run) -> None:
    mesh = trimesh.load_mesh(run.files["mesh.glb"])
    mesh.merge_vertices(merge_tex=True, merge_norm=True)  # the texture's seams
    assert mesh.is_watertight
    assert mesh.volume > 0
    content = run.files["mesh.glb"].read_bytes()
    description = json.loads(content[20 : 20 + int.from_bytes(content[12:16], "little")])
    (primitive,) = description["meshes"][0]["primitives"]
    assert set(primitive["attributes"]) == {"POSITION", "NORMAL", "TEXCOORD_0"}


def test_the_files(run: Run, mask: Path) -> None:
    assert set(run.files) == FILES
    assert run.files["splat.ply"].read_bytes().startswith(b"ply\nformat binary_little_endian 1.0\n")
    with Image.open(run.files["mask.png"]) as checked, Image.open(mask) as sent:
        assert checked.size == sent.size
        assert set(np.unique(np.asarray(checked))) == {0, 255}
    with Image.open(run.files["preview.png"]) as preview:
        preview.verify()
    assert json.loads(run.files["stats.json"].read_text())
    told = [json.loads(line)["detail-type"] for line in run.files["events.jsonl"].read_text().splitlines()]
    assert told[0] == "Image Uploaded"
    assert told.index("Reconstruction Started") < told.index("Mesh Completed")


def test_the_result_says_which_engines_made_it(run: Run) -> None:
    summary = json.loads(run.files["job.json"].read_text())
    assert summary["weight_free"] is True
    assert "relief" in {engine["name"] for engine in summary["engines"]}
    assert summary["options"] == {"quality": "fast", "formats": ["glb"], "texture": 1024, "seed": 7}


def test_the_embedding_is_ready_for_clicks(run: Run) -> None:
    embedding = run.session.view["embedding"]
    manifest = EmbeddingManifest.model_validate_json(httpx.get(embedding["manifest_url"]).content)
    assert (manifest.photo_width, manifest.photo_height) == (
        run.session.view["photo"]["width"],
        run.session.view["photo"]["height"],
    )
    assert len(httpx.get(embedding["url"]).content) == embedding["bytes"]
    for graph in embedding["decoder"]:
        assert hashlib.sha256(httpx.get(graph["url"]).content).hexdigest() == graph["sha256"]


def test_the_mails_links_lead_to_the_files(cloud: Cloud, run: Run) -> None:
    assert run.mail.to == (cloud.user.email,)
    links = re.findall(rf"{re.escape(cloud.url)}/api/d/\S+", run.mail.text)
    assert links
    fetched = [httpx.get(link, follow_redirects=True) for link in links]
    assert {reply.status_code for reply in fetched} == {200}
    bodies = {reply.content for reply in fetched}
    assert {run.files["mesh.glb"].read_bytes(), run.files["splat.ply"].read_bytes()} <= bodies
    first = httpx.get(links[0])
    assert first.status_code == 302
    assert "no-store" in first.headers["Cache-Control"]


def test_a_link_that_was_changed_leads_nowhere(cloud: Cloud, run: Run) -> None:
    link = re.findall(rf"{re.escape(cloud.url)}/api/d/\S+", run.mail.text)[0]
    payload, _, mac = link.rpartition(".")
    other = "A" if mac[0] != "A" else "B"
    for changed in (f"{payload}.{other}{mac[1:]}", f"{payload}x.{mac}", payload):
        reply = httpx.get(changed)
        assert (reply.status_code, reply.json()["code"]) == (404, "link_invalid")


def test_metadata_json_tells_of_the_job(cloud: Cloud, run: Run) -> None:
    user_id = run.story[0].metadata.user_id
    key = f"{session_prefix(user_id, run.session.id)}metadata.json"
    s3, bucket = cloud.client("s3"), cloud.outputs["DataBucketName"]

    def told() -> bool:
        document = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        return [(job["job_id"], job["status"]) for job in document["jobs"]] == [(run.job.id, "completed")]

    eventually(told)


def test_two_more_jobs_of_the_session(run: Run, tap: Tap, mask: Path, tmp_path: Path) -> None:
    with Image.open(mask) as whole:
        pixels = np.array(whole.convert("L"))
    rows = np.flatnonzero(pixels.any(axis=1))
    pixels[: (rows[0] + rows[-1]) // 2] = 0
    Image.fromarray(pixels).save(tmp_path / "lower-half.png")
    plain = JobOptions(quality=Quality.FAST, texture=None, seed=7)
    whole_job = run.session.create_job(mask, plain, "again")
    half_job = run.session.create_job(tmp_path / "lower-half.png", plain, "half")
    again = whole_job.wait(SECONDS).download(tmp_path / "again")
    half = half_job.wait(SECONDS).download(tmp_path / "half")

    assert again["splat.ply"].read_bytes() == run.files["splat.ply"].read_bytes(), "the same seed"
    assert half["splat.ply"].read_bytes() != run.files["splat.ply"].read_bytes()
    jobs = run.session.refresh().jobs
    assert {job.id: job.state for job in jobs} == dict.fromkeys(
        (run.job.id, whole_job.id, half_job.id), "completed"
    )
    story = tap.story(run.session.id, {"Mesh Completed": 3, "User Notified": 3})
    judge(story)
    assert Counter(event.detail_type for event in story)["Image Uploaded"] == 1


@pytest.fixture
def stranger(cloud: Cloud) -> Iterator[Gen3D]:
    """Another signed-in person."""
    person = people.create(cloud.engine_url, cloud.outputs["UserPoolId"], "stranger@gen3d.example")
    with Gen3D(f"{cloud.url}/api", person.email, person.password) as client:
        yield client


def test_nobody_else_sees_it(stranger: Gen3D, run: Run) -> None:
    assert list(stranger.sessions()) == []
    path = f"/sessions/{run.session.id}"
    for hidden in (path, f"{path}/jobs/{run.job.id}"):
        reply = httpx.get(f"{stranger.api_url}{hidden}", headers={"Authorization": stranger.tokens()})
        assert (reply.status_code, reply.json()["code"]) == (404, "session_not_found")
