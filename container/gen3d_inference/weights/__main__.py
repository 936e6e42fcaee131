"""The models' files: `python -m gen3d_inference.weights fetch|verify|publish`.

fetch downloads the pinned revisions into GEN3D_WEIGHTS (or --folder), makes SAM 3's click decoder of them,
and writes the manifest. The hub's token comes from HF_TOKEN, or from the secret that GEN3D_HF_SECRET names.
verify reads every file again. publish uploads them to the model bucket.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError
from gen3d_events import aws

from gen3d_inference.engines import weights_folder
from gen3d_inference.engines.remote import SOURCES as CODE
from gen3d_inference.weights import catalogue
from gen3d_inference.weights.fetch import FetchFailed, describe, fetch
from gen3d_inference.weights.manifest import WeightsInvalid, verify
from gen3d_inference.weights.publish import FOLDERS, PublishFailed, publish

HUB = "https://huggingface.co"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m gen3d_inference.weights", description=__doc__)
    parser.add_argument("--folder", type=Path, default=weights_folder(os.environ))
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("fetch", help="download what is missing")
    commands.add_parser("verify", help="compare every file with the manifest")
    to = commands.add_parser("publish", help="upload to the model bucket")
    to.add_argument("--bucket", required=True, help="the stack's ModelBucketName")
    options = parser.parse_args(arguments)
    try:
        match options.command:
            case "fetch":
                _fetch(options.folder)
            case "verify":
                found = verify(options.folder, FOLDERS, tell=_tell)
                _tell(f"{len(found.files)} files are what the manifest says")
            case "publish":
                publish(options.folder, options.bucket, _tell)
    except (FetchFailed, WeightsInvalid, PublishFailed) as error:
        sys.exit(str(error))


def _fetch(folder: Path) -> None:
    fetch(folder, catalogue.SOURCES, os.environ.get("HF_ENDPOINT", HUB), _token(), _tell)
    _export_decoder(folder / "sam3")
    describe(folder, catalogue.SOURCES)
    _tell(f"{folder} is complete")


def _token() -> str | None:
    """Raises FetchFailed if the secret cannot be read."""
    if token := os.environ.get("HF_TOKEN", "").strip():
        return token
    if not (secret := os.environ.get("GEN3D_HF_SECRET")):
        return None
    try:
        found = aws.client("secretsmanager").get_secret_value(SecretId=secret)
    except (BotoCoreError, ClientError) as error:
        raise FetchFailed(f"The secret {secret} of GEN3D_HF_SECRET cannot be read: {error}") from error
    if "SecretString" not in found:
        raise FetchFailed(f"The secret {secret} of GEN3D_HF_SECRET is binary. Store the token in it as text.")
    value: str = found["SecretString"]
    return value.strip()


def _export_decoder(sam3: Path) -> None:
    """Write the click decoder beside SAM 3's files, where torch is. Raises FetchFailed."""
    python = os.environ.get("GEN3D_SAM3_PYTHON", sys.executable)
    module, out = "gen3d_inference.export_decoder", sam3 / "decoder"
    command: list[str | Path] = [python, "-m", module, "--weights", sam3, "--out", out]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(CODE)}
    try:
        subprocess.run(command, env=environment, check=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError) as error:
        raise FetchFailed(
            f"All files are there but the click decoder, which could not be made of them: {error}. Set "
            "GEN3D_SAM3_PYTHON to an interpreter with torch and transformers, and fetch again."
        ) from error


def _tell(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
