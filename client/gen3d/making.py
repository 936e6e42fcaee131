"""`gen3d reconstruct` and `gen3d retry`: start jobs, follow them, and download what they made."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from gen3d_events import option_text
from gen3d_events.models import JobOptions, Quality

from gen3d import report
from gen3d.console import Api, JobId, Json, connected, err, out, reported, writing
from gen3d.errors import WrongUsage
from gen3d.job import Job
from gen3d.prompts import Box, Point, check_prompts
from gen3d.sdk import Gen3D
from gen3d.session import Session


def _quality(text: str) -> Quality:
    if text not in list(Quality):
        raise typer.BadParameter(f"{text} is not one of {', '.join(Quality)}.")
    return Quality(text)


def _options(
    quality: Quality | None, formats: str | None, texture: str | None, seed: int | None
) -> JobOptions:
    """Those that were given. Raises BadParameter."""
    given: dict[str, Any] = {"quality": quality, "seed": seed}
    given = {name: value for name, value in given.items() if value is not None}
    try:
        if formats is not None:
            given["formats"] = option_text.formats(formats)
        if texture is not None:
            given["texture"] = option_text.texture(texture)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    return JobOptions.model_validate(given)


def _numbers(text: str, option: str, form: str) -> list[float]:
    """The numbers of `1,2,3`. Raises BadParameter."""
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = []
    if not all(map(math.isfinite, found)) or len(found) not in {
        len(it.split(",")) for it in form.split(" or ")
    }:
        raise typer.BadParameter(f"{text} is not of the form {form}.", param_hint=option)
    return found


def _point(text: str) -> Point:
    x, y, *label = _numbers(text, "--point", "X,Y or X,Y,0")
    if label not in ([], [0], [1]):
        raise typer.BadParameter(
            f"{text}: after X,Y comes 1 for the object or 0 for what is none of it.", param_hint="--point"
        )
    return x, y, int(label[0]) if label else 1


def _box(text: str) -> Box:
    x0, y0, x1, y1 = _numbers(text, "--box", "X0,Y0,X1,Y1")
    return x0, y0, x1, y1


def reconstruct(
    photo: Annotated[
        Path,
        typer.Argument(
            metavar="PHOTO", exists=True, dir_okay=False, readable=True, help="JPEG, PNG or WebP."
        ),
    ],
    point: Annotated[
        list[str] | None,
        typer.Option(metavar="X,Y[,0]", help="A place on the object, or with ,0 one beside it. Repeatable."),
    ] = None,
    box: Annotated[
        list[str] | None,
        typer.Option(metavar="X0,Y0,X1,Y1", help="Around an object. Several boxes are several objects."),
    ] = None,
    mask: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            readable=True,
            help="PNG of the upright photo's size, in place of points and boxes.",
        ),
    ] = None,
    candidate: Annotated[
        int, typer.Option(min=0, max=3, help="0: the decoder's choice; from 1, a part, to 3, the whole.")
    ] = 0,
    preview: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", dir_okay=False, help="Write a picture of the mask over the photo, and stop."
        ),
    ] = None,
    quality: Annotated[
        Quality,
        typer.Option(
            parser=_quality, metavar="|".join(Quality), help="More splats and triangles, or sooner."
        ),
    ] = Quality.BALANCED,
    formats: Annotated[
        str | None,
        typer.Option(
            metavar=",".join(option_text.FORMATS),
            help="What to write the mesh and the splats as. Default: glb.",
        ),
    ] = None,
    texture: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(option_text.TEXTURES),
            help="Its side in px; none: colours at the vertices only. Default: 1024.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="The same seed gives the same.")] = 42,
    out_dir: Annotated[
        Path | None,
        typer.Option(
            "--out", file_okay=False, help="Default: out/ and the photo's name; in it a folder for each box."
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(help="What the object is called.")] = None,
    as_json: Json = False,
    api: Api = None,
) -> None:
    """Upload PHOTO, find the object at the points or in the boxes, follow the job, download what it made.

    Points are in pixels of the upright photo, from its upper left corner.
    """
    points, boxes = [_point(it) for it in point or ()], [_box(it) for it in box or ()]
    if mask and (points or boxes):
        raise typer.BadParameter("give either a mask or points and boxes.", param_hint="--mask")
    if mask and preview:
        raise typer.BadParameter(
            "shows what points and boxes choose; there is a mask.", param_hint="--preview"
        )
    options = _options(quality, formats, texture, seed)
    with reported(as_json):  # before a cloud is looked for
        if mask is None:
            check_prompts(points, boxes)
    progress = report.Progress(err)
    about: dict[str, Any] = {}
    with reported(as_json, about), connected(api) as gen3d:
        if preview:
            _preview(gen3d, photo, points, boxes, candidate, preview, progress, about)
            print(json.dumps(about) if as_json else preview)
            return
        directory = out_dir or Path("out") / photo.stem
        _make_folder(directory)
        steps = gen3d.reconstruct(
            photo,
            mask,
            options,
            points=points,
            boxes=boxes,
            candidate=candidate,
            name=name,
            on_progress=progress.uploading,
        )
        _deliver(*_follow(steps, progress, about), directory, as_json)


def retry(
    job_id: JobId,
    quality: Annotated[
        Quality | None,
        typer.Option(parser=_quality, metavar="|".join(Quality), help="Default: as the job had it."),
    ] = None,
    formats: Annotated[
        str | None,
        typer.Option(metavar=",".join(option_text.FORMATS), help="Default: as the job had them."),
    ] = None,
    texture: Annotated[
        str | None,
        typer.Option(metavar="|".join(option_text.TEXTURES), help="Default: as the job had it."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**31 - 1, help="Default: as the job had it.")
    ] = None,
    out_dir: Annotated[
        Path | None, typer.Option("--out", file_okay=False, help="Default: out/ and the new job's id.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Default: as the job had it.")] = None,
    as_json: Json = False,
    api: Api = None,
) -> None:
    """Start another job with the mask of JOB, follow it, and download what it made."""
    options = _options(quality, formats, texture, seed)
    progress = report.Progress(err)
    about: dict[str, Any] = {}
    with reported(as_json, about), connected(api) as gen3d:
        before = gen3d.job(job_id)
        job = before.retry(options, name)
        directory = out_dir or Path("out") / job.id
        _make_folder(directory)
        steps = gen3d.follow(gen3d.session(job.session_id), [job])
        _deliver(*_follow(steps, progress, about), directory, as_json)


def _deliver(session: Session, jobs: list[Job], directory: Path, as_json: bool) -> None:
    """Download each job that ended well, several into folders of their own; then raise what went wrong with
    the first that did not."""
    folders = [directory / str(n) for n in range(1, len(jobs) + 1)] if len(jobs) > 1 else [directory]
    summaries = []
    for job, folder in zip(jobs, folders, strict=True):
        if job.state != "completed":
            continue
        with writing(folder):
            paths = job.download(folder)
        summaries.append(job.summary() | {"directory": str(folder.resolve())})
        if not as_json:
            report.print_label(out, session, job)
            report.print_files(out, paths)
    for number, job in enumerate(jobs, 1):
        if len(jobs) > 1 and job.state != "completed":
            err.print(f"Of object {number} there is no mesh:")
        job.check()
    if as_json:
        print(json.dumps(summaries[0] if len(jobs) == 1 else {"jobs": summaries}))


def _preview(
    gen3d: Gen3D,
    photo: Path,
    points: list[Point],
    boxes: list[Box],
    candidate: int,
    target: Path,
    progress: report.Progress,
    about: dict[str, Any],
) -> None:
    from PIL import Image, ImageOps

    from gen3d.masks import over_photo

    if target.suffix.lower() not in Image.registered_extensions():
        raise WrongUsage(f"{target} does not end as a picture does.", "Name it .png or .jpg.")
    _make_folder(target.parent)
    session = gen3d.create_session(photo, on_progress=progress.uploading)
    about |= {"session_id": session.id}
    with progress.shown():
        for _ in session.watch_ready():
            progress.update(session.stages()[:2])
    found = session.segment(points, boxes)
    masks = [it.mask(candidate) for it in found]
    with Image.open(photo) as picture, writing(target):
        over_photo(ImageOps.exif_transpose(picture), masks, points).save(target)
    about |= {
        "preview": str(target.resolve()),
        "objects": [
            {"coverage": round(float(mask.mean()), 4), "scores": [round(float(s), 3) for s in it.scores]}
            for mask, it in zip(masks, found, strict=True)
        ],
    }
    err.print(f"{session.id}: " + "; ".join(f"{it['coverage']:.1%} of the photo" for it in about["objects"]))


def _follow(
    steps: Iterator[tuple[Session, list[Job]]], progress: report.Progress, about: dict[str, Any]
) -> tuple[Session, list[Job]]:
    """Show the steps of a reconstruction as they happen; `about` learns the ids as soon as they exist."""
    session, jobs = None, list[Job]()
    try:
        with progress.shown():
            for session, jobs in steps:
                about |= {"session_id": session.id} | report.job_ids(jobs)
                progress.update(report.all_stages(session, jobs))
    except KeyboardInterrupt:
        for job in jobs:
            err.print(f"The job goes on. To look at it: gen3d show {job.id}", soft_wrap=True)
        raise
    if session is None:
        raise AssertionError("a reconstruction begins with its session")
    return session, jobs


def _make_folder(directory: Path) -> None:
    """Make it and try to write in it, so that nobody waits for files that then have no place."""
    with writing(directory):
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
