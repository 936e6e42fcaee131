"""Downloads the catalogue's files and writes their manifest.

Whole files are kept. A broken one of the hub begins anew, because its client keeps none; others go on.
"""

from __future__ import annotations

import errno
import io
import shutil
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

import httpx
from huggingface_hub import HfApi
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
)

from gen3d_inference.weights import manifest
from gen3d_inference.weights.catalogue import Code, File, Repository, Source

Tell = Callable[[str], None]

_CHUNK = 1 << 20
_KEPT = "what is whole is kept"
_TIMEOUT = httpx.Timeout(60)
# torch.hub writes this list unless it is there, and the endpoint's folder cannot be written.
_TRUSTED = "torch/hub/trusted_list"


class FetchFailed(Exception):
    """The weights could not be downloaded. The message says what to do."""


def fetch(folder: Path, sources: Sequence[Source], endpoint: str, token: str | None, tell: Tell) -> None:
    """Download what is missing or not whole, and write the manifest. endpoint: the hub's address. token: sent
    to the hub alone, and never told. Raises FetchFailed."""
    hub = HfApi(endpoint=endpoint, token=token or False)
    with _explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for source in sources:
            tell(f"{source.folder}: {source.name if isinstance(source, Repository) else source.url}")
            match source:
                case Repository():
                    _repository(hub, source, folder, tell)
                case File():
                    _file(source, folder / source.path, tell)
                case Code():
                    _code(source, folder / source.path)
        if any(source.folder == "torch" for source in sources):
            (folder / _TRUSTED).write_text("facebookresearch_dinov2\n")
        describe(folder, sources)


def describe(folder: Path, sources: Sequence[Source]) -> None:
    """Write the manifest of what lies in the folder."""
    revisions = {
        source.folder: source.revision for source in sources if isinstance(source, Repository | Code)
    }
    files = manifest.described(folder, _files(folder))
    made = manifest.Manifest(revisions=revisions, files=files)
    (folder / manifest.NAME).write_text(made.model_dump_json(indent=1))


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        if path.is_file() and parts != (manifest.NAME,) and not {".cache", "__pycache__"} & set(parts):
            yield path


def _repository(hub: HfApi, source: Repository, folder: Path, tell: Tell) -> None:
    found = hub.model_info(source.name, revision=source.revision, files_metadata=True).siblings or []
    wanted = [one for one in found if any(fnmatch(one.rfilename, pattern) for pattern in source.patterns)]
    if lacking := source.sha256.keys() - {one.rfilename for one in wanted}:
        raise FetchFailed(f"{source.name} lacks {', '.join(sorted(lacking))} at {source.revision}.")
    target = folder / source.folder
    _make_room(target, sum(one.size or 0 for one in wanted if not (target / one.rfilename).exists()))
    for one in wanted:
        path = target / one.rfilename
        sums = {source.sha256.get(one.rfilename), one.lfs.sha256 if one.lfs else None} - {None}
        if len(sums) > 1:
            raise FetchFailed(f"{source.name}: the hub has another {one.rfilename} than the one pinned.")
        if not (path.exists() and sums == {manifest.digest(path)}):
            hub.hf_hub_download(
                source.name,
                one.rfilename,
                revision=source.revision,
                local_dir=target,
                force_download=path.exists(),
            )
        _check(path, next(iter(sums), None), one.size)
        tell(f"  {one.size or 0:>14,}  {path}")


def _file(source: File, path: Path, tell: Tell) -> None:
    if not (path.exists() and manifest.digest(path) == source.sha256):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{path.name}.partial")
        _download(source.url, partial)
        _check(partial, source.sha256, None)
        partial.rename(path)
    tell(f"  {path.stat().st_size:>14,}  {path}")


def _download(url: str, path: Path) -> None:
    """Go on where an earlier download stopped."""
    begun = path.stat().st_size if path.exists() else 0
    headers = {"Range": f"bytes={begun}-"} if begun else {}
    with httpx.stream("GET", url, headers=headers, timeout=_TIMEOUT, follow_redirects=True) as answer:
        if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # it is all there
        answer.raise_for_status()
        _make_room(path.parent, int(answer.headers.get("content-length", 0)))
        mode = "ab" if answer.status_code == httpx.codes.PARTIAL_CONTENT else "wb"
        with path.open(mode) as file:
            for chunk in answer.iter_bytes(_CHUNK):
                file.write(chunk)


def _code(source: Code, folder: Path) -> None:
    """Unpack an archive. It is small, so it is always downloaded."""
    answer = httpx.get(source.url, timeout=_TIMEOUT, follow_redirects=True)
    answer.raise_for_status()
    try:
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            members = {
                PurePosixPath(one.filename): archive.read(one)
                for one in archive.infolist()
                if not one.is_dir()
            }
    except zipfile.BadZipFile as error:
        raise FetchFailed(
            f"{source.url} answered with no whole zip archive ({error}). Look at what it answers, and fetch "
            "again."
        ) from error
    shutil.rmtree(folder, ignore_errors=True)
    for path, content in members.items():
        if path.is_absolute() or ".." in path.parts:
            continue
        target = folder.joinpath(*path.parts[1:])
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def _make_room(folder: Path, needed: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if (free := shutil.disk_usage(folder).free) < needed:
        raise FetchFailed(f"{folder} has {free:,} bytes free of the {needed:,} that are needed. Make room.")


def _check(path: Path, sha256: str | None, size: int | None) -> None:
    """Raises FetchFailed, and removes the file: the next attempt must not go on with it."""
    if size is not None and path.stat().st_size != size:
        wrong = f"{path.stat().st_size:,} bytes, not {size:,}"
    elif sha256 is not None and (found := manifest.digest(path)) != sha256:
        wrong = f"the sha256 {found}, not {sha256}"
    else:
        return
    path.unlink()
    raise FetchFailed(f"{path} came with {wrong}, and was removed. Fetch again.")


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """What goes wrong as a sentence that says what to do."""
    try:
        yield
    except GatedRepoError as error:
        model = _model(error)
        if error.response.status_code == httpx.codes.UNAUTHORIZED:
            raise FetchFailed(
                f"{model} is given only to those who accepted its licence. Accept it on its page, and set "
                "HF_TOKEN, or GEN3D_HF_SECRET to the name of a secret that holds the token."
            ) from error
        raise FetchFailed(
            f"The token's account has no access to {model}. Accept the licence on its page and wait for the "
            "approval."
        ) from error
    except HfHubHTTPError as error:
        if error.response.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.NOT_FOUND}:
            raise FetchFailed(f"The hub does not know the token, or not {_model(error)}.") from error
        raise FetchFailed(f"The download broke off. Fetch again: {_KEPT}. ({error})") from error
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise FetchFailed(f"The disk of {folder} is full. Make room and fetch again: {_KEPT}.") from error
        lost = isinstance(error, HfHubHTTPError | LocalEntryNotFoundError | ConnectionError | TimeoutError)
        if lost or "Consistency" in str(error):
            raise FetchFailed(f"The download broke off. Fetch again: {_KEPT}. ({error})") from error
        raise FetchFailed(
            f"{folder} cannot be written: {error}. Let GEN3D_WEIGHTS name a folder of your own."
        ) from error
    except (httpx.LocalProtocolError, UnicodeEncodeError) as error:
        # Their text quotes the header that holds the token.
        raise FetchFailed(
            f"The hub was not asked ({type(error).__name__}): the token has a character that none has. "
            "Set HF_TOKEN, or the secret of GEN3D_HF_SECRET, to the token alone."
        ) from None
    except httpx.HTTPError as error:
        raise FetchFailed(f"The download broke off. Fetch again: {_KEPT}. ({error!r})") from error


def _model(error: HfHubHTTPError) -> str:
    """owner/name, which stand in both kinds of addresses of the hub."""
    parts = [part for part in error.response.url.path.split("/") if part and part not in {"api", "models"}]
    return "/".join(parts[:2])
