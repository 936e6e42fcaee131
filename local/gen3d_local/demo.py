"""`make demo`: one bundled photo through the whole system on this machine, and what came of it.

Runs a laptop cloud of its own in .gen3d/demo on free ports, so that another may be running beside it, and
leaves nothing but files in out/demo/.
"""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

import numpy as np
from gen3d import Gen3D, Gen3DError, Job, Session
from gen3d.report import Progress, print_error, print_files, print_label
from PIL import Image
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel

from gen3d_local import cloud
from gen3d_local.children import poll
from gen3d_local.demo_scene import SCENE, distance
from gen3d_local.mail import Mail
from gen3d_local.state import free_port

STATE = cloud.ROOT / ".gen3d" / "demo"
RESULT = cloud.ROOT / "out" / "demo"
CLICK = (384, 680, 1)
"""In the middle of the bottle."""
JOB_SECONDS = 240.0
MAIL_SECONDS = 60.0

console = Console(highlight=False)


class DemoFailed(RuntimeError):
    """Something in the demo is not as it must be. The message says what."""


def main() -> int:
    """Exit codes: 0 everything went well, 1 something did not, 130 interrupted."""
    try:
        _demo()
    except KeyboardInterrupt:
        console.print("Stopped.")
        return 130
    except Gen3DError as error:
        print_error(console, error)
    except (cloud.CloudFailed, DemoFailed) as error:
        console.print(f"[red]{escape(str(error))}[/red]", soft_wrap=True)
    else:
        return 0
    console.print(f"Logs: {_short(STATE / 'logs')}")
    return 1


def _demo() -> None:
    if cloud.running(STATE):
        raise DemoFailed("A demo is already running.")
    for folder in (STATE, RESULT):
        shutil.rmtree(folder, ignore_errors=True)
    begun = time.monotonic()
    console.print("\nA local cloud, deployed from template.yaml ...")
    with cloud.running_cloud(STATE, cloud.Options(front_port=free_port())) as here:
        console.print(f"ready after {time.monotonic() - begun:.1f} s\n\n{_short(SCENE / 'photo.jpg')}")
        with Gen3D(f"{here.url}/api", here.user.email, here.user.password) as gen3d:
            session, job = _photo_to_mail(gen3d)
            paths = job.download(RESULT)
        mail = _mail_about(here, job)
    print_label(console, session, job)
    console.print(
        f"clicked at {CLICK[:2]}: the mask shares {_overlap(paths['mask.png']):.1%} with the true one (IoU)"
    )
    error = distance.chamfer(paths["mesh.glb"])
    console.print(f"distance of the mesh from the true shape: {error:.2%} of its size (Chamfer)\n")
    console.print(_letter(mail))
    print_files(console, {name: _short(path) for name, path in paths.items()})
    console.print(f"\nAll of it took {time.monotonic() - begun:.1f} s. Nothing is left running.")


def _photo_to_mail(gen3d: Gen3D) -> tuple[Session, Job]:
    """Make the mesh and wait until its mail was sent, showing the stages as they pass."""
    progress = Progress(console)
    with progress.shown():
        steps = gen3d.reconstruct(SCENE / "photo.jpg", points=[CLICK], name="bottle", timeout=JOB_SECONDS)
        for session, jobs in steps:
            progress.update(session.stages(*jobs))
        (job,) = jobs
        job.check()
        told = poll(lambda: "user_notified" in job.refresh().events, MAIL_SECONDS, every=0.2)
        progress.update(session.refresh().stages(job))
    if not told:
        raise DemoFailed(f"No mail was sent within {MAIL_SECONDS:.0f} s.")
    return session, job


def _mail_about(here: cloud.Cloud, job: Job) -> Mail:
    """The mail that was sent to the demo's user about the job."""
    for mail in reversed(here.mails()):
        if here.user.email in mail.to and job.id in mail.text:
            return mail
    raise DemoFailed(f"No mail to {here.user.email} names the job {job.id}.")


def _letter(mail: Mail) -> Panel:
    text = f"[bold]{escape(mail.subject)}[/bold]\n\n{escape(mail.text.strip())}"
    return Panel(text, title=f"mail to {', '.join(mail.to)}", title_align="left", width=100)


def _overlap(mask: Path) -> float:
    """Intersection over union with the true mask."""
    made, true = (np.asarray(Image.open(path).convert("L")) > 127 for path in (mask, SCENE / "mask.png"))
    return float((made & true).sum() / (made | true).sum())


def _short(path: Path) -> Path:
    return path.relative_to(cloud.ROOT)


if __name__ == "__main__":
    sys.exit(main())
