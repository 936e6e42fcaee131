"""The walk with curl in docs/api.md, executed as written."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from gen3d import Gen3D
from gen3d_local.cloud import ROOT, Cloud

HEADING = "## A walk with curl\n"


def walk() -> str:
    """The bash blocks of that section, one after another."""
    section = (ROOT / "docs" / "api.md").read_text().split(HEADING)[1].split("\n## ")[0]
    return "\n".join(re.findall(r"^```bash\n(.*?)^```$", section, re.MULTILINE | re.DOTALL))


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("jq")), reason="the walk needs curl and jq")
def test_the_walk_ends_with_a_mesh(
    cloud: Cloud, gen3d: Gen3D, photo: Path, mask: Path, tmp_path: Path
) -> None:
    ours = {
        "API": f"{cloud.url}/api",
        "PHOTO": str(photo),
        "MASK": str(mask),
        "ID_TOKEN": gen3d.tokens(),
    }
    done = subprocess.run(
        ["bash"],
        input=walk(),
        env=os.environ | ours,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert (tmp_path / "mesh.glb").read_bytes().startswith(b"glTF")
