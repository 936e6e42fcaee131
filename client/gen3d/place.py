"""Which deployment the command talks to, and as whom; and the local cloud as the command sees it."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from gen3d.errors import Gen3DError, SignInFailed, Unreachable, WrongUsage

if TYPE_CHECKING:
    from gen3d_local.cloud import Cloud


class Place(NamedTuple):
    api_url: str
    username: str
    password: str


def find(api: str | None) -> Place:
    """`api`, or the local cloud if it runs, or $GEN3D_API; with the person for it.

    The local cloud has its demo user; elsewhere $GEN3D_USER and $GEN3D_PASSWORD are asked for where they are
    not set and there is somebody to ask. Raises WrongUsage, Unreachable, SignInFailed.
    """
    local = _local()
    if local and (api is None or api.rstrip("/") == local.api_url):
        return local
    url = api or os.environ.get("GEN3D_API")
    if url and not url.startswith(("http://", "https://")):
        raise WrongUsage(f"{url} is no address of an API.", "Give one such as https://gen3d.example.org/api.")
    if not url:
        raise Unreachable(
            "No local cloud is running, and no other Gen3D is named.",
            "Start one with `gen3d up`, or name one by --api or $GEN3D_API.",
        )
    return Place(url, *_credentials(url))


def up(detach: bool, port: int | None, ready: Callable[[Cloud], None]) -> None:
    """Start the local cloud and call `ready`. Not detached, this returns when it was stopped."""
    from gen3d_local import cloud

    with _reported():
        cloud.up(detach, port=port, ready=ready)


def down() -> bool:
    """Stop the local cloud; False where none was running."""
    from gen3d_local import cloud

    with _reported():
        return cloud.down()


@contextmanager
def _reported() -> Iterator[None]:
    """What goes wrong with the local cloud, also with its state folder, becomes a Gen3DError."""
    from gen3d_local import cloud

    try:
        yield
    except cloud.CloudFailed as error:
        raise Gen3DError(str(error), code="local_cloud_failed") from error
    except (OSError, ValueError, LookupError) as error:
        raise Gen3DError(
            f"The local cloud's folder {cloud.STATE} cannot be used: {error}.".replace("..", "."),
            "Remove it, or name another folder by $GEN3D_STATE.",
            "local_cloud_failed",
        ) from error


def _local() -> Place | None:
    from gen3d_local import cloud

    with _reported():
        running = cloud.running()
    return Place(f"{running.url}/api", running.user.email, running.user.password) if running else None


def _credentials(url: str) -> tuple[str, str]:
    user, password = os.environ.get("GEN3D_USER"), os.environ.get("GEN3D_PASSWORD")
    if not (user and password) and not sys.stdin.isatty():
        raise SignInFailed(f"Who are you at {url}?", "Set GEN3D_USER and GEN3D_PASSWORD.")
    if not user:
        print(f"E-mail address at {url}: ", end="", file=sys.stderr, flush=True)
        user = input()
    return user, password or getpass.getpass()
