"""The state folder: kept ports, one cloud at a time, whole files."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest
from gen3d_local.state import State, StateError, free_port, read_json, write_json


def test_ports_are_kept(tmp_path: Path) -> None:
    first = State(tmp_path).ports(front=free_port())
    State(tmp_path).keep(first)
    assert State(tmp_path).ports(front=None) == first
    assert len(set(first)) == 3


def test_another_front_port_replaces_the_kept_one_when_it_is_kept(tmp_path: Path) -> None:
    first = State(tmp_path).ports(front=free_port())
    State(tmp_path).keep(first)
    moved = State(tmp_path).ports(front=free_port())
    assert moved == first._replace(front=moved.front)
    assert State(tmp_path).ports(front=None) == first
    State(tmp_path).keep(moved)
    assert State(tmp_path).ports(front=None) == moved


@pytest.mark.parametrize("kept", ["{", '{"front": "x"}', "[8000]"])
def test_damaged_ports_are_named(tmp_path: Path, kept: str) -> None:
    (tmp_path / "ports.json").write_text(kept)
    with pytest.raises(StateError, match=r"ports\.json is damaged\. Mend it, or delete"):
        State(tmp_path).ports(front=None)


@pytest.mark.parametrize("name", ["engine", "endpoint"])
def test_the_front_cannot_have_a_port_of_the_others(tmp_path: Path, name: str) -> None:
    kept = State(tmp_path).ports(front=free_port())
    State(tmp_path).keep(kept)
    with pytest.raises(StateError, match=r"uses itself.*--port NUMBER"):
        State(tmp_path).ports(front=getattr(kept, name))
    assert State(tmp_path).ports(front=None) == kept


def test_a_folder_with_equal_ports_is_mended_by_another_port(tmp_path: Path) -> None:
    kept = State(tmp_path).ports(front=free_port())
    State(tmp_path).keep(kept._replace(front=kept.engine))
    with pytest.raises(StateError, match="--port NUMBER"):
        State(tmp_path).ports(front=None)
    assert State(tmp_path).ports(front=kept.front) == kept


@pytest.mark.parametrize(
    ("name", "remedy"), [("front", "--port"), ("engine", "delete"), ("endpoint", "delete")]
)
def test_a_taken_port_is_named_with_what_to_do(tmp_path: Path, name: str, remedy: str) -> None:
    ports = State(tmp_path).ports(front=free_port())
    State(tmp_path).keep(ports)
    with socket.socket() as other:
        other.bind(("127.0.0.1", getattr(ports, name)))
        other.listen()
        with pytest.raises(StateError, match=rf"Port {getattr(ports, name)} \({name}\).*{remedy}"):
            State(tmp_path).ports(front=None)


def test_only_one_holds_the_lock(tmp_path: Path) -> None:
    held = State(tmp_path).lock()
    assert held is not None
    assert State(tmp_path).locked()
    assert State(tmp_path).lock() is None
    os.close(held)
    assert not State(tmp_path).locked()


def test_the_folder_is_private(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o755)
    State(folder).prepare()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    token = State(folder).token()
    State(folder).prepare()
    assert State(folder).token() == token
    assert len(token) >= 32


def test_files_are_whole_and_private(tmp_path: Path) -> None:
    path = tmp_path / "secret.json"
    write_json(path, {"password": 1})
    write_json(path, {"password": 2})

    assert read_json(path) == {"password": 2}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["secret.json"]
