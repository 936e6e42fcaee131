"""What the mails say. Pure: one content, rendered as plain text and as HTML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from html import escape
from pathlib import PurePosixPath
from string import Template

from gen3d_events.models import (
    EmbeddingFailed,
    EmbeddingTimedOut,
    Failure,
    ImageRejected,
    JobTimedOut,
    MaskRejected,
    MeshCompleted,
    MeshingFailed,
    ReconstructionFailed,
)

FAILURE_SUBJECTS: dict[type[Failure], str] = {
    ImageRejected: "Your photo could not be accepted",
    MaskRejected: "Your mask could not be accepted",
    EmbeddingFailed: "Your photo could not be prepared",
    EmbeddingTimedOut: "Preparing your photo takes longer than it should",
    ReconstructionFailed: "Your 3D model could not be made",
    MeshingFailed: "Your 3D model could not be made",
    JobTimedOut: "Your 3D model takes longer than it should",
}


_MESHES = {
    "mesh.glb": "GLB",
    "mesh.usdz": "USDZ",
    "mesh-obj.zip": "OBJ",
    "mesh.ply": "PLY",
    "mesh.stl": "STL",
}


def downloads(event: MeshCompleted) -> list[str]:
    """The names of the files that a person is sent links to: the meshes and the forms of the splats that were
    asked for. mesh.draco.glb and stats.json are for programs."""
    meshes = [name for name in _MESHES if name in event.files]
    return meshes + [name for name in event.files if name.startswith("splat")]


@dataclass(frozen=True)
class Links:
    """Download addresses of a finished job, all valid until `expires`. files: of `downloads`, by name.
    splats: as they were reconstructed."""

    files: Mapping[str, str]
    splats: str
    preview: str | None
    expires: datetime


@dataclass(frozen=True)
class Letter:
    """A mail: paragraphs, then the picture, (label, address) links, (name, value) facts and a quoted log."""

    subject: str
    paragraphs: tuple[str, ...]
    picture: str | None = None
    links: tuple[tuple[str, str], ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    log: str | None = None

    def text(self) -> str:
        blocks = [
            *self.paragraphs,
            "\n".join(f"{label}:\n{address}" for label, address in self.links),
            "\n".join(f"{name}: {value}" for name, value in self.facts),
            self.log or "",
            _SIGNATURE,
        ]
        return "\n\n".join(filter(None, blocks)) + "\n"

    def html(self) -> str:
        blocks = [f'<p style="margin:0 0 16px">{escape(paragraph)}</p>' for paragraph in self.paragraphs]
        if self.picture:
            blocks.append(
                f'<img src="{escape(self.picture)}" width="480" alt="Preview of your 3D model"'
                ' style="display:block;width:100%;height:auto;border-radius:8px;margin:0 0 24px">'
            )
        blocks += [
            f'<p style="margin:0 0 12px"><a href="{escape(address)}" style="display:block;padding:12px 16px;'
            'background:#1a4fd6;color:#fff;text-align:center;text-decoration:none;border-radius:8px">'
            f"{escape(label)}</a></p>"
            for label, address in self.links
        ]
        if self.facts:
            rows = "".join(
                '<tr><th style="padding:4px 16px 4px 0;text-align:left;vertical-align:top;font-weight:normal;'
                f'color:#5c5c5c;white-space:nowrap">{escape(name)}</th>'
                f'<td style="padding:4px 0;overflow-wrap:anywhere">{escape(value)}</td></tr>'
                for name, value in self.facts
            )
            blocks.append(
                f'<table style="margin:16px 0;border-collapse:collapse;font-size:14px">{rows}</table>'
            )
        if self.log:
            blocks.append(
                '<pre style="padding:12px;background:#f4f4f2;white-space:pre-wrap;overflow-wrap:anywhere;'
                f'font-size:13px">{escape(self.log)}</pre>'
            )
        return _PAGE.substitute(
            subject=escape(self.subject), body="\n".join(blocks), signature=escape(_SIGNATURE)
        )


_SIGNATURE = "Gen3D"
_PAGE = Template("""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>$subject</title></head>
<body style="margin:0;padding:24px;background:#f4f4f2;color:#1c1c1c;font:16px/1.5 system-ui,sans-serif">
<div style="max-width:480px;margin:0 auto;padding:32px;background:#fff;border-radius:12px">
<h1 style="margin:0 0 16px;font-size:22px;line-height:1.3">$subject</h1>
$body
<p style="margin:24px 0 0;font-size:14px;color:#5c5c5c">$signature</p>
</div>
</body>
</html>
""")


def success(event: MeshCompleted, links: Links) -> Letter:
    """To the person: the model is ready."""
    engine = event.engine
    meshed = any(name in _MESHES for name in links.files)
    paragraphs = [f"Your object is ready as {'a 3D mesh and as ' if meshed else ''}Gaussian splats."]
    if engine.weight_free:
        paragraphs.append(
            f"It was made by {engine.name}, an engine without a trained model: the shape is inflated from the"
            " object's outline, and the side that the photo does not show is only guessed."
        )
    paragraphs.append(f"The links are valid for 24 hours, until {links.expires:%d %B %Y, %H:%M} UTC.")
    return Letter(
        subject="Your 3D model is ready",
        paragraphs=tuple(paragraphs),
        picture=links.preview,
        links=(
            *((_label(name, event.files[name].bytes), address) for name, address in links.files.items()),
            ("Download the splats (PLY)", links.splats),
        ),
        facts=(
            ("Triangles", f"{event.triangles:,}"),
            ("Vertices", f"{event.vertices:,}"),
            ("Surface", "closed (watertight)" if event.watertight else "has holes (not watertight)"),
            ("Quality", event.quality.value),
            ("Engine", f"{engine.name} {engine.version}{' (weight-free)' if engine.weight_free else ''}"),
            *_subject(event),
        ),
    )


def failure(event: Failure) -> Letter:
    """To the person: what went wrong and what they can do."""
    return Letter(
        subject=FAILURE_SUBJECTS[type(event)],
        paragraphs=(event.message, event.hint),
        facts=(("Code", event.code), *_subject(event)),
    )


def report(event: Failure, stage: str) -> Letter:
    """To the operator: the same failure with its technical detail."""
    about = event.metadata
    return Letter(
        subject=f"[Gen3D {stage}] {event.detail_type}: {event.code}",
        paragraphs=(event.message,),
        facts=(
            ("Class", event.error_class),
            *_subject(event),
            ("User", about.user_id),
            ("Event", about.event_id),
            ("Caused by", about.causation_id or "unknown"),
            ("Time", f"{about.occurred_at:%Y-%m-%d %H:%M:%S} UTC"),
        ),
        log=event.detail_text,
    )


def _subject(event: MeshCompleted | Failure) -> tuple[tuple[str, str], ...]:
    about = event.metadata
    job = (("Job", about.job_id),) if about.job_id else ()
    return (*job, ("Session", about.session_id))


def _label(name: str, bytes_: int) -> str:
    what = "mesh" if name in _MESHES else "cleaned splats"
    form = _MESHES.get(name) or PurePosixPath(name).suffix.removeprefix(".").upper()
    return f"Download the {what} ({form}, {_size(bytes_)})"


def _size(bytes_: int) -> str:
    return f"{bytes_ / 1e6:.1f} MB" if bytes_ >= 100_000 else f"{bytes_ / 1e3:.1f} kB"
