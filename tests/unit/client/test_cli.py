"""The command as people and scripts meet it: a real sign-in, exit codes, both outputs.

Most cases run it within this process, for one of its own spends half a second on imports; real processes are
for a whole way, the local cloud's state, and Ctrl-C.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from gen3d import cli
from gen3d.signin import CognitoTokens
from gen3d_events.models import ImageRejected, JobTimedOut, MaskRejected
from gen3d_local import aws, cloud
from gen3d_local.children import HOST, Child, clean_environment
from gen3d_local.state import free_port
from PIL import Image
from typer.main import get_command

from tests.unit.client import clickable
from tests.unit.client.fake_service import FILES, JOB, SESSION, Service

ROOT = Path(__file__).parents[3]
ADA, PASSWORD = "ada@example.org", "A-long-1-word"
COMMAND = [sys.executable, "-m", "gen3d"]

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def cognito(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """`/config` of a pool with one person, in an engine that speaks SRP."""
    folder, port = tmp_path_factory.mktemp("engine"), free_port()
    settings = {"GATEWAY_PORT": str(port), "BIND_HOST": HOST, "IOT_MTLS_ENABLED": "0", "SFTP_ENABLED": "0"}
    engine = Child("engine", "ministack", clean_environment(**settings), folder / "log")
    endpoint = f"http://{HOST}:{port}"
    try:
        engine.wait_ready(port, "/_ministack/ready", 30)
        client = aws.client("cognito-idp", endpoint)
        pool = client.create_user_pool(PoolName="people", UsernameAttributes=["email"])["UserPool"]["Id"]
        app = client.create_user_pool_client(
            UserPoolId=pool,
            ClientName="gen3d",
            ExplicitAuthFlows=["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
        )["UserPoolClient"]["ClientId"]
        client.admin_create_user(UserPoolId=pool, Username=ADA)
        client.admin_set_user_password(UserPoolId=pool, Username=ADA, Password=PASSWORD, Permanent=True)
        yield {"region": aws.REGION, "user_pool_id": pool, "client_id": app, "cognito_endpoint": endpoint}
    finally:
        engine.stop()


@pytest.fixture
def environment(service: Service, cognito: dict[str, str], tmp_path: Path) -> dict[str, str]:
    service.config = cognito
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "GEN3D_"))}
    return inherited | {
        "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in ("client", "events", "local")),
        "GEN3D_STATE": str(tmp_path / "no-state"),
        "GEN3D_API": service.api,
        "GEN3D_USER": ADA,
        "GEN3D_PASSWORD": PASSWORD,
    }


@pytest.fixture
def process(environment: dict[str, str], tmp_path: Path) -> Run:
    """The command as a process, with its streams as a script has them."""

    def run(*arguments: str | Path, **changes: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *map(str, arguments)],
            env=environment | changes,
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


@pytest.fixture(scope="module")
def prepared() -> Iterator[None]:
    """What takes longer than most commands happens once for all that run within this process: typer builds
    the command, and a person signs in."""
    sign_in, tokens = CognitoTokens._sign_in, dict[tuple[str, str], Mapping[str, Any]]()

    def signed_in(person: CognitoTokens) -> Mapping[str, Any]:
        who = person._username, person._password
        return tokens.get(who) or tokens.setdefault(who, sign_in(person))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("typer.main.get_command", cache(get_command))
        patch.setattr(CognitoTokens, "_sign_in", signed_in)
        yield


@pytest.fixture
def gen3d(
    prepared: None,
    environment: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Run:
    """The same within this process, where no local cloud runs."""
    monkeypatch.setattr(cloud, "running", lambda: None)

    def run(*arguments: str | Path, **changes: str) -> subprocess.CompletedProcess[str]:
        argv = ["gen3d", *map(str, arguments)]
        capfd.readouterr()
        with monkeypatch.context() as here, Path(os.devnull).open() as nothing:
            here.setattr(os, "environ", environment | {"COLUMNS": "80"} | changes)
            here.setattr(sys, "argv", argv)
            here.setattr(sys, "stdin", nothing)
            here.chdir(tmp_path)
            with pytest.raises(SystemExit) as ended:
                cli.main()
        return subprocess.CompletedProcess(argv, int(ended.value.code or 0), *capfd.readouterr())

    return run


def test_reconstruct(process: Run, photo: Path, mask: Path, tmp_path: Path) -> None:
    done = process("reconstruct", photo, "--mask", mask, "--quality", "fast", "--out", tmp_path / "result")
    assert done.returncode == 0, done.stderr
    assert {it.name for it in (tmp_path / "result").iterdir()} == {*FILES, "job.json", "events.jsonl"}
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == [
        "photo",
        "mask",
        "embedding",
        "reconstruction",
        "mesh",
    ]
    assert "20,000 Gaussians, relief" in done.stderr
    assert "weight-free" in done.stdout
    assert str(tmp_path / "result" / "mesh.glb") in done.stdout


def test_reconstruct_for_a_script(gen3d: Run, photo: Path, mask: Path, tmp_path: Path) -> None:
    done = gen3d("reconstruct", photo, "--mask", mask, "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["job_id"], said["state"], said["weight_free"]) == (JOB, "completed", True)
    assert said["directory"] == str(tmp_path / "out" / "chair")


def test_formats_and_texture(service: Service, gen3d: Run, photo: Path, mask: Path) -> None:
    done = gen3d("reconstruct", photo, "--mask", mask, "--formats", "glb,usdz", "--texture", "2048")
    assert done.returncode == 0, done.stderr
    sent = service.bodies["job"]["options"]
    assert (sent["formats"], sent["texture"]) == (["glb", "usdz"], 2048)


@pytest.mark.parametrize("command", [("reconstruct", "chair.jpg", "--point", "1,1"), ("retry", JOB)], ids=str)
@pytest.mark.parametrize(
    ("option", "given"), [("--formats", "fbx"), ("--formats", "glb,glb"), ("--texture", "1000")]
)
@pytest.mark.usefixtures("photo")
def test_formats_and_textures_that_there_are_not(
    service: Service, gen3d: Run, command: tuple[str, ...], option: str, given: str
) -> None:
    done = gen3d(*command, option, given)
    assert done.returncode == 2
    assert f"'{given}' is none of" in " ".join(done.stderr.replace("│", " ").split())
    assert service.requests == []


def test_a_click_in_place_of_a_mask(service: Service, gen3d: Run, photo: Path, tmp_path: Path) -> None:
    service.files |= clickable.files()
    place = "{},{}".format(*clickable.RED)
    done = gen3d("reconstruct", photo, "--point", place, "--point", "500,20,0", "--out", tmp_path / "result")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "result" / "mesh.glb").exists()
    assert service.bodies["job"]["clicks"] == 2


def test_a_preview_makes_no_job(service: Service, gen3d: Run, tmp_path: Path) -> None:
    service.files |= clickable.files()
    photo, target = tmp_path / "discs.png", tmp_path / "new" / "preview.png"
    Image.fromarray(clickable.picture()).save(photo)
    box = "{},{},{},{}".format(*clickable.RED_BOX)
    done = gen3d("reconstruct", photo, "--box", box, "--preview", target, "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["session_id"] == SESSION
    assert said["preview"] == str(target)
    assert [len(it["scores"]) for it in said["objects"]] == [4]
    with Image.open(target) as shown:
        assert shown.size == (clickable.WIDTH, clickable.HEIGHT)
    assert service.job is None
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--point", "12"], "12 is not of the form X,Y or X,Y,0"),
        (["--point", "1,2,3"], "comes 1 for the object or 0"),
        (["--point", "1,nan"], "not of the form"),
        (["--box", "1,2,3"], "1,2,3 is not of the form X0,Y0,X1,Y1"),
        (["--box", "1,2,1,9"], "no width or no height"),
        (["--point", "1,2,0"], "Nothing is marked"),
        ([], "Nothing is marked"),
        (["--point", "1,2", "--preview", "no-ending"], "does not end as a picture does"),
        (["--point", "9999,2"], "(9999, 2) is not within 512 x 384"),
        (["--candidate", "4", "--point", "1,2"], "Input should be less than or equal to 3"),
    ],
)
def test_points_and_boxes_that_cannot_be_meant(
    service: Service, gen3d: Run, photo: Path, arguments: list[str], said: str
) -> None:
    service.files |= clickable.files()
    done = gen3d("reconstruct", photo, *arguments)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.replace("│", "").split())
    assert "Traceback" not in done.stderr
    assert service.job is None


@pytest.mark.parametrize("command", ["sessions", "down", "up"])
def test_a_state_folder_that_cannot_be_used(process: Run, tmp_path: Path, command: str) -> None:
    file = tmp_path / "state"
    file.write_text("no folder")
    done = process(command, GEN3D_STATE=str(file))
    assert done.returncode == 1
    assert "local_cloud_failed" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_photo_that_is_too_heavy_is_not_sent(service: Service, gen3d: Run, photo: Path) -> None:
    photo.write_bytes(b"\xff\xd8" + bytes(21 * 1024 * 1024))
    done = gen3d("reconstruct", photo, "--point", "1,2", "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["problem"]["code"] == "image_too_heavy"
    assert not any(request.startswith("POST") for request in service.requests)


def test_a_mask_or_clicks_but_not_both(gen3d: Run, photo: Path, mask: Path) -> None:
    for extra in (["--point", "1,2"], ["--preview", "p.png"]):
        done = gen3d("reconstruct", photo, "--mask", mask, *extra)
        assert done.returncode == 2
        assert "mask" in done.stderr


def test_a_refusal_for_a_script(service: Service, gen3d: Run, photo: Path, mask: Path) -> None:
    service.job_script = [MaskRejected.because("mask_too_small")]
    done = gen3d("reconstruct", photo, "--mask", mask, "--json")
    assert done.returncode == 1
    said = json.loads(done.stdout)
    assert said["problem"]["code"] == "mask_too_small"
    assert (said["session_id"], said["job_id"]) == (SESSION, JOB)
    assert "marks less than 0.05 %" in done.stderr
    assert "Mark the whole object" in done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_says_how_to_go_on(
    service: Service, environment: dict[str, str], photo: Path, mask: Path, tmp_path: Path
) -> None:
    service.job_script = service.job_script[:1]
    process = subprocess.Popen(
        [*COMMAND, "reconstruct", str(photo), "--mask", str(mask)],
        env=environment,
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    with process:
        said = [process.stderr.readline()]
        while said[-1] and not said[-1].startswith("mask: done"):
            said.append(process.stderr.readline())
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    assert process.returncode == 130
    assert f"gen3d show {JOB}" in rest
    assert "Traceback" not in rest


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


def test_a_token_for_curl(gen3d: Run) -> None:
    done = gen3d("token")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(".") == 2
    assert done.stdout.endswith("\n")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"GEN3D_API": "http://127.0.0.1:9/api"}, "does not answer"),
        ({"GEN3D_API": ""}, "gen3d up"),
        ({"GEN3D_PASSWORD": ""}, "GEN3D_PASSWORD"),
        ({"GEN3D_PASSWORD": "A-wrong-1-word"}, "Cognito refused"),
        ({"GEN3D_USER": "bob@example.org"}, "bob@example.org"),
    ],
)
def test_no_connection_or_sign_in(gen3d: Run, changes: dict[str, str], said: str) -> None:
    done = gen3d("sessions", **changes)
    assert done.returncode == 3
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    "arguments", [["reconstruct", "missing.jpg"], ["reconstruct", "--mask", "m.png"], ["sing"], ["show"]]
)
def test_wrong_usage(gen3d: Run, arguments: list[str]) -> None:
    assert gen3d(*arguments).returncode == 2


def test_a_rejected_photo_ends_the_wait(service: Service, gen3d: Run, photo: Path, mask: Path) -> None:
    service.photo_script = [ImageRejected.because("image_corrupt")]
    done = gen3d("reconstruct", photo, "--mask", mask, "--json")
    assert (done.returncode, json.loads(done.stdout)["problem"]["code"]) == (1, "image_corrupt")
    assert "The photo is damaged" in done.stderr


def test_a_job_out_of_time_ends_the_wait(service: Service, gen3d: Run, photo: Path, mask: Path) -> None:
    service.job_script = [JobTimedOut.because("job_timed_out")]
    done = gen3d("reconstruct", photo, "--mask", mask, "--json")
    assert (done.returncode, json.loads(done.stdout)["problem"]["code"]) == (1, "job_timed_out")
    assert "The job took too long" in done.stderr


def test_a_folder_that_cannot_be_written_is_found_first(
    service: Service, gen3d: Run, photo: Path, mask: Path, tmp_path: Path
) -> None:
    (tmp_path / "out").touch()
    for option in (["--out", "/proc/nope"], ["--out", "/proc"], []):
        done = gen3d("reconstruct", photo, "--mask", mask, *option)
        assert done.returncode == 2
        assert "cannot be written" in done.stderr
        assert "Traceback" not in done.stderr
    assert not any(request.startswith("POST") for request in service.requests)


def test_show_into_a_folder_that_cannot_be_written(gen3d: Run, service: Service) -> None:
    service.job = {}
    done = gen3d("show", JOB, "--out", "/proc/nope", "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["problem"]["code"] == "wrong_usage"
    assert "/proc/nope cannot be written" in done.stderr


def test_an_empty_photo(gen3d: Run, mask: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    done = gen3d("reconstruct", "empty.jpg", "--mask", mask)
    assert done.returncode == 2
    assert "empty.jpg is empty" in done.stderr


@pytest.mark.parametrize("name", ["../config", "ses_../x"])
def test_what_is_no_id(gen3d: Run, name: str) -> None:
    for command in ("jobs", "show"):
        done = gen3d(command, name)
        assert done.returncode == 2
        assert "is not the id of" in done.stderr


def test_usage_reads_as_if_a_person_wrote_it(gen3d: Run, photo: Path, mask: Path) -> None:
    usage = gen3d("reconstruct").stderr
    assert "gen3d reconstruct PHOTO (--point | --box | --mask) ... [OPTIONS]" in " ".join(usage.split())
    assert "gen3d show JOB [OPTIONS]\n" in gen3d("show").stderr
    assert "gen3d jobs [SESSION] [OPTIONS]\n" in gen3d("jobs", "a", "b").stderr
    wrong = gen3d("reconstruct", photo, "--mask", mask, "--quality", "best")
    assert wrong.returncode == 2
    assert "'--quality': best is not one of fast, balanced, high." in wrong.stderr


def test_down_without_a_cloud(process: Run) -> None:
    done = process("down")
    assert (done.returncode, done.stdout) == (0, "No local cloud is running.\n")


def test_version(process: Run) -> None:
    assert process("--version").stdout.startswith("gen3d ")


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


def test_misbehave_takes_a_kind_or_off(gen3d: Run) -> None:
    done = gen3d("misbehave", "fail", "--off")
    assert done.returncode == 2
    assert "--off takes no KIND." in done.stderr
