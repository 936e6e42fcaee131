"""`manifest.json` in the weights' folder: every file's size and sha256, and the revisions they are of."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Literal

from gen3d_events.event import Model
from pydantic import Field, ValidationError

NAME = "manifest.json"
REMEDY = (
    "Fetch the weights (`python -m gen3d_inference.weights fetch`), or let GEN3D_WEIGHTS name their folder."
)


class File(Model):
    bytes: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Manifest(Model):
    """files: by path relative to the folder. revisions: of each source, by its folder."""

    schema_version: Literal["1.0"] = "1.0"
    revisions: dict[str, str]
    files: dict[str, File]

    def of(self, folders: Collection[str]) -> dict[str, File]:
        """The files under some of its folders."""
        return {path: file for path, file in self.files.items() if path.partition("/")[0] in folders}


class WeightsInvalid(Exception):
    """The weights are not what their manifest says. The message says what to do."""


def read(folder: Path) -> Manifest:
    """Raises WeightsInvalid."""
    path = folder / NAME
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise WeightsInvalid(f"{path} cannot be read ({error.strerror}). {REMEDY}") from error
    except ValidationError as error:
        raise WeightsInvalid(f"{path} is no manifest of ours. {REMEDY}") from error


def verify(folder: Path, folders: Collection[str], tell: Callable[[str], None] = lambda _: None) -> Manifest:
    """Read every file of some of the folders. Raises WeightsInvalid if one is missing, cut short or changed,
    or if a folder has none. tell: is told of each file that is whole."""
    manifest = read(folder)
    if lacking := [one for one in folders if not manifest.of([one])]:
        raise WeightsInvalid(f"{folder / NAME} has no files of {', '.join(lacking)}. {REMEDY}")
    for path, expected in manifest.of(folders).items():
        if wrong := difference(folder / path, expected):
            raise WeightsInvalid(f"{wrong} Fetch again: what is whole is kept.")
        tell(path)
    return manifest


def difference(path: Path, expected: File) -> str | None:
    """What is wrong with a file, as a sentence, or None."""
    if not path.is_file():
        return f"{path} is missing."
    if (size := path.stat().st_size) != expected.bytes:
        return f"{path} has {size} of {expected.bytes} bytes."
    if (found := digest(path)) != expected.sha256:
        return f"{path} has the sha256 {found}, not {expected.sha256}."
    return None


def described(folder: Path, paths: Iterable[Path]) -> dict[str, File]:
    """Files as a manifest has them."""
    return {
        str(path.relative_to(folder)): File(bytes=path.stat().st_size, sha256=digest(path))
        for path in sorted(paths)
    }


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
