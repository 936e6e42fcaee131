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
    assert State(tmp_path).ports(front=None) == first
    assert len(set(first)) == 3


def test_another_front_port_replaces_the_kept_one(tmp_path: Path) -> None:
    first = State(tmp_path).ports(front=free_port())
    moved = State(tmp_path).ports(front=free_port())
    assert moved == first._replace(front=moved.front)
    assert State(tmp_path).ports(front=None) == moved


@pytest.mark.parametrize(
    ("name", "remedy"), [("front", "--port"), ("engine", "delete"), ("endpoint", "delete")]
)
def test_a_taken_port_is_named_with_what_to_do(tmp_path: Path, name: str, remedy: str) -> None:
    ports = State(tmp_path).ports(front=free_port())
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


def test_files_are_whole_and_as_private_as_asked(tmp_path: Path) -> None:
    path = tmp_path / "secret.json"
    write_json(path, {"password": 1})
    write_json(path, {"password": 2}, mode=0o600)

    assert read_json(path) == {"password": 2}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["secret.json"]
