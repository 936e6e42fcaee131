"""The command on sessions and jobs that are there: listed, shown, renamed, repeated, deleted and restored."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.client.fake_service import FILES, JOB, SESSION, Service
from tests.unit.client.running import Run


def test_lists_and_show(gen3d: Run, photo: Path, mask: Path, tmp_path: Path) -> None:
    assert gen3d("reconstruct", photo, "--mask", mask).returncode == 0
    listed = gen3d("sessions", "--json")
    assert json.loads(listed.stdout)["sessions"][0]["jobs"] == [JOB]
    assert SESSION in gen3d("sessions").stdout
    assert JOB in gen3d("jobs").stdout
    assert json.loads(gen3d("jobs", SESSION, "--json").stdout)["jobs"][0]["job_id"] == JOB
    assert "           4 bytes  mesh.glb\n" in gen3d("show", JOB).stdout
    shown = gen3d("show", JOB, "--out", tmp_path / "again")
    assert "completed" in shown.stdout
    assert (tmp_path / "again" / "mesh.glb").read_bytes() == FILES["mesh.glb"]
    missing = gen3d("show", "job_01J0000000000000000000000Z")
    assert missing.returncode == 1
    assert "no such job" in missing.stderr


def test_show_into_a_folder_that_cannot_be_written(gen3d: Run, service: Service) -> None:
    service.job = {}
    done = gen3d("show", JOB, "--out", "/proc/nope", "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["problem"]["code"] == "wrong_usage"
    assert "/proc/nope cannot be written" in done.stderr


@pytest.mark.parametrize("name", ["../config", "ses_../x"])
def test_what_is_no_id(gen3d: Run, name: str) -> None:
    for command in ("jobs", "show"):
        done = gen3d(command, name)
        assert done.returncode == 2
        assert "is not the id of" in done.stderr


def test_delete_and_restore(gen3d: Run) -> None:
    done = gen3d("delete", SESSION)
    assert done.returncode == 0, done.stderr
    assert f"gen3d restore {SESSION}" in done.stdout
    assert "27 Nov 2026" in done.stdout
    told = json.loads(gen3d("delete", SESSION, "--json").stdout)
    assert told == {"session_id": SESSION, "purge_at": "2026-11-27T12:00:00+00:00"}
    assert gen3d("restore", SESSION).stdout == f"{SESSION} is back.\n"
    assert json.loads(gen3d("restore", SESSION, "--json").stdout)["session_id"] == SESSION


def test_what_can_be_restored_is_listed(gen3d: Run) -> None:
    assert "can be restored until 27 Nov 2026" in " ".join(gen3d("sessions", "--deleted").stdout.split())
    (listed,) = json.loads(gen3d("sessions", "--deleted", "--json").stdout)["sessions"]
    assert (listed["session_id"], listed["purge_at"]) == (SESSION, "2026-11-27T12:00:00.000Z")
    assert "restored" not in gen3d("sessions").stdout


@pytest.mark.parametrize("command", ["delete", "restore"])
def test_a_session_that_is_not_there(gen3d: Run, command: str) -> None:
    gone = gen3d(command, "ses_01J0000000000000000000000Z", "--json")
    assert gone.returncode == 1
    assert json.loads(gone.stdout)["problem"]["code"] == "session_not_found"
    wrong = gen3d(command, JOB)
    assert wrong.returncode == 2
    assert "not the id of a session" in wrong.stderr


@pytest.mark.parametrize("kind", ["session", "job"])
def test_rename(gen3d: Run, service: Service, kind: str) -> None:
    service.job = {}
    some_id = JOB if kind == "job" else SESSION
    assert gen3d("rename", some_id, "An oak chair").stdout == f"{some_id} is called An oak chair.\n"
    assert json.loads(gen3d("rename", some_id, "Chair", "--json").stdout)["name"] == "Chair"
    assert gen3d("rename", some_id, "").stdout == f"{some_id} has no name.\n"
    path = f"/api/sessions/{SESSION}" + (f"/jobs/{JOB}" if kind == "job" else "")
    assert service.requests.count(f"PATCH {path}") == 3


def test_retry(gen3d: Run, service: Service, tmp_path: Path) -> None:
    service.job = {}
    done = gen3d("retry", JOB, "--quality", "high", "--out", tmp_path / "again")
    assert done.returncode == 0, done.stderr
    assert {it.name for it in (tmp_path / "again").iterdir()} == {*FILES, "job.json", "events.jsonl"}
    sent = service.bodies["job"]
    assert sent == {
        "mask_of": JOB,
        "options": {"quality": "high", "formats": ["glb"], "texture": 1024, "seed": 42},
    }
    assert service.uploads == {}


def test_retry_with_other_formats_and_no_texture(gen3d: Run, service: Service) -> None:
    service.job = {}
    done = gen3d("retry", JOB, "--formats", "usdz,obj", "--texture", "none")
    assert done.returncode == 0, done.stderr
    assert service.bodies["job"]["options"] == {
        "quality": "balanced",
        "formats": ["obj", "usdz"],
        "texture": None,
        "seed": 42,
    }
