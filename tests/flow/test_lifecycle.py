"""The laptop cloud starts whole or not at all, keeps what it was given, and leaves nothing running."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import httpx
import psutil
import pytest
from botocore.exceptions import ClientError
from gen3d_local.children import LOCAL
from gen3d_local.cloud import Cloud, CloudFailed, Options, running, running_cloud
from gen3d_local.state import State, can_bind, free_port, read_json
from gen3d_local.supervisor import Supervisor

from tests.waiting import eventually

OBEDIENT = "tests.unit.local.fake_server"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A state folder; after the test nothing of its cloud is left but kept state."""
    (tmp_path / "state").mkdir()
    yield tmp_path / "state"
    eventually(lambda: not processes(tmp_path / "state"), what="processes left")
    state = State(tmp_path / "state")
    kept = read_json(state.folder / "ports.json")
    assert all(can_bind(kept[name]) for name in ("engine", "endpoint"))
    assert not state.temporary.exists()
    assert not state.locked()


@pytest.fixture
def options() -> Options:
    """On a free port, with a server behind the endpoint that does what its input says."""
    return Options(front_port=free_port(), server=OBEDIENT)


def processes(folder: Path) -> list[psutil.Process]:
    """All processes of the folder's cloud, its functions' and orphans included."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("GEN3D_STATE") == str(folder):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def get_config(cloud: Cloud) -> int:
    """Calls a function through the API; the status."""
    return httpx.get(f"{cloud.url}/api/config", timeout=30, trust_env=False).status_code


def test_it_has_its_folder_and_its_ports_alone_and_its_stop_ends_every_process(
    folder: Path, options: Options
) -> None:
    with running_cloud(folder, options) as cloud:
        engine = read_json(folder / "ports.json")["engine"]
        with pytest.raises(CloudFailed, match="already uses"):
            Supervisor(folder, options).start()
        assert running(folder) == cloud
        assert get_config(cloud) == 200
        names = [" ".join(process.cmdline()) for process in processes(folder)]
        for part in (
            "gen3d_local.engine",
            "gen3d_local.endpoint",
            "gen3d_local.front",
            OBEDIENT,
            "_worker.py",
        ):
            assert any(part in name for name in names), f"{part} is not among {names}"
    assert running(folder) is None
    with pytest.raises(CloudFailed, match="Choose another"):
        Supervisor(folder, replace(options, front_port=engine)).start()
    with running_cloud(folder, replace(options, front_port=None)) as again:
        assert again.url == cloud.url, "the port that was refused is forgotten"


@pytest.mark.parametrize("name", ["front", "engine"])
def test_a_taken_port_stops_the_start_and_is_named(folder: Path, name: str) -> None:
    ports = State(folder).ports(front=free_port())
    State(folder).keep(ports)
    port = getattr(ports, name)
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        with pytest.raises(CloudFailed, match=rf"Port {port} \({name}\) is in use by another program\. \w+"):
            Supervisor(folder, Options()).start()
        assert not processes(folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [("Resources: [", "cannot be read"), ("Resources: {X: {Type: AWS::No::Such}}", "AWS::No::Such")],
)
def test_a_broken_template_stops_the_start(folder: Path, tmp_path: Path, change: str, said: str) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(change)
    with pytest.raises(CloudFailed, match=said):
        Supervisor(folder, Options(front_port=free_port(), template=template)).start()
    assert not processes(folder)


def test_a_server_that_cannot_start_stops_the_start(folder: Path) -> None:
    options = Options(front_port=free_port(), server="gen3d_no_such_server")
    with pytest.raises(CloudFailed, match=r"(?s)endpoint.*No module named gen3d_no_such_server"):
        Supervisor(folder, options).start()
    assert not processes(folder)


def test_what_was_given_is_kept_over_a_stop_and_a_start(
    folder: Path, options: Options, tmp_path: Path
) -> None:
    """Rows, objects and users; and a request that the endpoint had accepted and begun is answered."""
    begun, until = tmp_path / "begun", tmp_path / "until"
    row = {"user_id": {"S": "u"}, "item_id": {"S": "ses_1"}}
    work = {"do": "sleep", "begun": str(begun), "until": str(until)}
    with running_cloud(folder, options) as before:
        bucket, table = before.outputs["DataBucketName"], before.outputs["SessionsTableName"]
        before.client("dynamodb").put_item(TableName=table, Item=row)
        reply = ask(before, work)
        eventually(begun.exists)

    until.touch()
    with running_cloud(folder, Options(front_port=free_port(), server=OBEDIENT)) as after:
        assert (after.outputs, after.user) == (before.outputs, before.user)
        assert after.url != before.url
        [rule] = after.client("s3").get_bucket_cors(Bucket=bucket)["CORSRules"]
        assert after.url in rule["AllowedOrigins"]
        assert before.url not in rule["AllowedOrigins"]
        assert get_config(after) == 200
        assert after.client("dynamodb").get_item(TableName=table, Key=row)["Item"] == row
        answer = eventually(partial(read, after, bucket, reply))
        assert json.loads(answer)["echo"] == work


def ask(cloud: Cloud, document: dict[str, str]) -> str:
    """Have the endpoint's server do something; the key under which its reply will lie."""
    bucket = cloud.outputs["DataBucketName"]
    cloud.client("s3").put_object(Bucket=bucket, Key="inference/input/x", Body=json.dumps(document))
    accepted = cloud.endpoint().invoke_endpoint_async(
        EndpointName=cloud.outputs["EndpointName"], InputLocation=f"s3://{bucket}/inference/input/x"
    )
    key: str = accepted["OutputLocation"].removeprefix(f"s3://{bucket}/")
    return key


def read(cloud: Cloud, bucket: str, key: str) -> bytes:
    try:
        body: bytes = cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        raise AssertionError(error) from error
    return body


def test_ctrl_c_stops_the_foreground_cloud_cleanly(folder: Path) -> None:
    with foreground(folder) as process:
        eventually(lambda: running(folder))
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    assert not processes(folder)


def test_a_signal_during_the_start_leaves_nothing(folder: Path) -> None:
    with foreground(folder) as process:
        eventually(lambda: processes(folder))
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 1
    assert not processes(folder)


def test_a_killed_supervisor_takes_everything_along_and_a_new_one_starts(folder: Path) -> None:
    with foreground(folder) as process:
        first = eventually(lambda: running(folder))
        assert first is not None
        process.kill()
        process.wait()
    eventually(lambda: not processes(folder))
    assert running(folder) is None
    with running_cloud(folder, Options(server=OBEDIENT)) as second:
        assert second.outputs == first.outputs


def test_after_a_power_cut_it_starts_again(folder: Path, options: Options) -> None:
    """Nobody has the time to write anything down, at the first start or later."""
    for _ in range(2):
        supervisor = Supervisor(folder, options)
        cloud = supervisor.start()
        cloud.client("s3").put_object(Bucket=cloud.outputs["DataBucketName"], Key="users/x", Body=b"x")
        for process in processes(folder):
            process.kill()
        supervisor.stop()
    with running_cloud(folder, options) as again:
        assert get_config(again) == 200
        assert (again.outputs, again.user) == (cloud.outputs, cloud.user)
        assert read(again, again.outputs["DataBucketName"], "users/x") == b"x"


def test_each_process_may_be_killed_and_started_again(folder: Path, options: Options) -> None:
    supervisor = Supervisor(folder, options)
    try:
        cloud = supervisor.start()
        for name in ("engine", "endpoint", "front"):
            supervisor.restart(name)
            assert get_config(cloud) == 200
            reply = ask(cloud, {"do": "echo"})
            eventually(partial(read, cloud, cloud.outputs["DataBucketName"], reply))
    finally:
        supervisor.stop()


def test_an_engine_that_ends_is_named_with_its_log_and_nothing_else(folder: Path) -> None:
    with foreground(folder, stderr=subprocess.PIPE) as process:
        eventually(lambda: running(folder))
        [engine] = (one for one in processes(folder) if "gen3d_local.engine" in one.cmdline())
        engine.kill()
        _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    log = folder / "logs" / "engine.log"
    assert said.decode() == f"The engine ended unexpectedly. Its log: {log}\n"


def foreground(folder: Path, stderr: int | None = None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command("up", folder, "--port", str(free_port())), cwd=LOCAL, stderr=stderr)


def command(name: str, folder: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "gen3d_local", name, "--state", str(folder), *arguments]


def test_in_the_background_it_runs_until_it_is_brought_down(folder: Path) -> None:
    def run(name: str, *arguments: str) -> int:
        return subprocess.run(command(name, folder, *arguments), cwd=LOCAL, check=False).returncode

    assert run("status") == 3
    assert run("up", "--detach", "--port", str(free_port())) == 0
    cloud = running(folder)
    assert cloud is not None
    assert get_config(cloud) == 200
    assert run("up") == 0
    assert run("status") == 0
    assert cloud.user.password not in (folder / "up.log").read_text()
    assert folder.stat().st_mode & 0o077 == 0
    said = again(folder)
    assert (said.returncode, cloud.url in said.stdout) == (0, True)
    assert "running already.\nStop it with: gen3d down" in said.stdout
    said = again(folder, "--port", str(free_port()))
    assert said.returncode == 1
    assert f"already runs on {cloud.url}" in said.stderr
    assert "gen3d down" in said.stderr
    assert run("down") == 0
    assert not processes(folder)
    assert run("down") == 0


def again(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`gen3d up` where a cloud runs already."""
    return subprocess.run(
        [sys.executable, "-m", "gen3d", "up", *arguments],
        env=os.environ | {"GEN3D_STATE": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_permissions_are_enforced(cloud: Cloud) -> None:
    """The endpoint's role may write its outputs, and may neither read the table nor publish events."""
    role, bucket = cloud.outputs["InferenceRoleArn"], cloud.outputs["DataBucketName"]
    cloud.role_client("s3", role).put_object(Bucket=bucket, Key="inference/output/x", Body=b"")
    with pytest.raises(ClientError, match="AccessDenied"):
        cloud.role_client("s3", role).put_object(Bucket=bucket, Key="incoming/x", Body=b"")
    with pytest.raises(ClientError, match="AccessDenied"):
        cloud.role_client("dynamodb", role).scan(TableName=cloud.outputs["SessionsTableName"])
    with pytest.raises(ClientError, match=r"AccessDenied|not authorized"):
        cloud.role_client("events", role).put_events(
            Entries=[
                {"Source": "x", "DetailType": "x", "Detail": "{}", "EventBusName": cloud.outputs["BusName"]}
            ]
        )
