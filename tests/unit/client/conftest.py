"""Fixtures of the client's tests: the small Gen3D on a random port, and files to send."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from gen3d import Gen3D, cli
from gen3d.signin import CognitoTokens
from gen3d_local import aws, cloud
from gen3d_local.children import HOST, Child, clean_environment
from gen3d_local.state import free_port
from typer.main import get_command

from tests.unit.client.fake_service import Service
from tests.unit.client.running import ADA, COMMAND, PASSWORD, ROOT, Run


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gen3d.polling._FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr("gen3d.polling._LONGEST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr("gen3d.http.BACKOFF_SECONDS", 0.001)


@pytest.fixture
def service() -> Iterator[Service]:
    fake = Service()
    server = uvicorn.Server(uvicorn.Config(fake.app(), host="127.0.0.1", port=0, log_level="error"))
    listening = server.config.bind_socket()
    listening.listen()  # so that who comes before the server waits
    fake.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    yield fake
    server.should_exit = True
    thread.join()


@pytest.fixture
def sdk(service: Service) -> Iterator[Gen3D]:
    with Gen3D(service.api, tokens=lambda: "an-id-token") as client:
        yield client


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "chair.jpg"
    path.write_bytes(b"\xff\xd8 a photo" * 20000)
    return path


@pytest.fixture
def mask(tmp_path: Path) -> Path:
    path = tmp_path / "mask.png"
    path.write_bytes(b"\x89PNG a mask")
    return path


@pytest.fixture(scope="session")
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
