"""The command as people and scripts meet it: a real sign-in, exit codes, both outputs.

Most cases run it within this process, for one of its own spends half a second on imports; real processes are
for a whole way, the local cloud's state, and Ctrl-C.
"""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest
from gen3d_events.models import ImageRejected, JobTimedOut, MaskRejected
from PIL import Image

from tests.unit.client import clickable
from tests.unit.client.fake_service import FILES, JOB, SESSION, Service
from tests.unit.client.running import COMMAND, Run


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


def test_a_token_for_curl(gen3d: Run) -> None:
    done = gen3d("token")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(".") == 2
    assert done.stdout.endswith("\n")


def test_what_cannot_be_meant_needs_no_cloud_to_be_told_so(gen3d: Run, photo: Path) -> None:
    done = gen3d("reconstruct", photo, GEN3D_API="")
    assert done.returncode == 2
    assert "Nothing is marked" in done.stderr


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


def test_an_empty_photo(gen3d: Run, mask: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    done = gen3d("reconstruct", "empty.jpg", "--mask", mask)
    assert done.returncode == 2
    assert "empty.jpg is empty" in done.stderr


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


def test_misbehave_takes_a_kind_or_off(gen3d: Run) -> None:
    done = gen3d("misbehave", "fail", "--off")
    assert done.returncode == 2
    assert "--off takes no KIND." in done.stderr
