"""What the mails say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from html import escape
from html.parser import HTMLParser

import pytest
from gen3d_events.models import Failure, MeshCompleted
from gen3d_events.samples import JOB, SESSION, USER, samples
from gen3d_notification import letters
from gen3d_notification.letters import FAILURE_SUBJECTS, Letter, Links
from hypothesis import given
from hypothesis import strategies as st

LINKS = Links(
    files={"mesh.glb": "https://gen3d.example/api/d/mesh.mac"},
    splats="https://gen3d.example/api/d/splats.mac",
    preview="https://gen3d.example/api/d/preview.mac",
    expires=datetime(2026, 11, 21, 12, 2, tzinfo=UTC),
)
FAILURES = [sample for sample in samples.values() if type(sample) in FAILURE_SUBJECTS]


class Page(HTMLParser):
    """The text, links and pictures of an HTML mail, and whether every element that was opened was closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[str | None] = []
        self.pictures: list[dict[str, str | None]] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.links.append(dict(attrs)["href"])
        if tag == "img":
            self.pictures.append(dict(attrs))
        if tag not in {"img", "meta"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def completed(**changes: object) -> MeshCompleted:
    event = samples["Mesh Completed"]
    assert isinstance(event, MeshCompleted)
    return event.model_copy(update=changes)


def test_the_success_mail_links_the_files_and_says_what_they_are() -> None:
    letter = letters.success(completed(), LINKS)
    page = Page(letter.html())

    assert letter.subject == "Your 3D model is ready"
    assert page.links == [LINKS.files["mesh.glb"], LINKS.splats]
    assert [picture["src"] for picture in page.pictures] == [LINKS.preview]
    assert page.pictures[0]["alt"]
    for body in (letter.text(), page.text):
        assert "48,220" in body
        assert "24,112" in body
        assert "closed (watertight)" in body
        assert "balanced" in body
        assert "GLB, 1.9 MB" in body
        assert "valid for 24 hours, until 21 November 2026, 12:02 UTC" in body
        assert JOB in body
        assert SESSION in body
    assert LINKS.files["mesh.glb"] in letter.text()
    assert LINKS.splats in letter.text()


def test_a_weight_free_engine_is_named_plainly_and_another_is_not_called_so() -> None:
    weight_free = letters.success(completed(), LINKS)
    trained = letters.success(
        completed(engine=completed().engine.model_copy(update={"name": "sam3d", "weight_free": False})), LINKS
    )
    for body in (weight_free.text(), Page(weight_free.html()).text):
        assert "made by relief, an engine without a trained model" in body
        assert "relief 1.0.0 (weight-free)" in body
    for body in (trained.text(), Page(trained.html()).text):
        assert "sam3d 1.0.0" in body
        assert "weight-free" not in body
        assert "without a trained model" not in body


def test_holes_are_admitted_and_small_files_counted_in_kilobytes() -> None:
    event = completed(watertight=False)
    small = {"mesh.glb": event.files["mesh.glb"].model_copy(update={"bytes": 12_345})}
    text = letters.success(event.model_copy(update={"files": small}), LINKS).text()
    assert "has holes (not watertight)" in text
    assert "GLB, 12.3 kB" in text


def in_formats(*names: str) -> MeshCompleted:
    """A job whose files of 12 345 678 bytes are these and those that are always made."""
    files = completed().files
    always = {name: files[name] for name in ("preview.png", "turntable.webp", "stats.json")}
    file = files["mesh.glb"].model_copy(update={"bytes": 12_345_678})
    return completed(files=dict.fromkeys(names, file) | always)


def test_every_format_that_was_asked_for_is_linked_with_its_size() -> None:
    event = in_formats("mesh-obj.zip", "mesh.stl", "mesh.usdz", "splat-clean.ply", "splat.spz")
    files = {name: f"https://gen3d.example/api/d/{name}" for name in letters.downloads(event)}
    letter = letters.success(event, replace(LINKS, files=files))
    assert letter.links == (
        ("Download the mesh (USDZ, 12.3 MB)", files["mesh.usdz"]),
        ("Download the mesh (OBJ, 12.3 MB)", files["mesh-obj.zip"]),
        ("Download the mesh (STL, 12.3 MB)", files["mesh.stl"]),
        ("Download the cleaned splats (PLY, 12.3 MB)", files["splat-clean.ply"]),
        ("Download the cleaned splats (SPZ, 12.3 MB)", files["splat.spz"]),
        ("Download the splats (PLY)", LINKS.splats),
    )
    assert "as a 3D mesh and as Gaussian splats" in letter.text()


def test_a_mail_about_splats_alone_promises_no_mesh() -> None:
    event = in_formats("splat-clean.ply")
    files = dict.fromkeys(letters.downloads(event), "https://gen3d.example/api/d/x")
    assert "ready as Gaussian splats." in letters.success(event, replace(LINKS, files=files)).text()


def test_what_is_for_programs_is_not_linked() -> None:
    assert letters.downloads(completed()) == ["mesh.glb"]


def test_without_a_preview_there_is_no_picture() -> None:
    assert Page(letters.success(completed(), replace(LINKS, preview=None)).html()).pictures == []


def test_every_kind_of_failure_has_a_sample() -> None:
    assert {type(failure) for failure in FAILURES} == set(FAILURE_SUBJECTS)


@pytest.mark.parametrize("event", FAILURES, ids=lambda event: event.detail_type)
def test_a_failure_mail_is_in_the_persons_words(event: Failure) -> None:
    letter = letters.failure(event)
    for body in (letter.text(), Page(letter.html()).text):
        assert event.message in body
        assert event.hint in body
        assert event.code in body
        assert SESSION in body
        assert event.detail_text is None or event.detail_text not in body


def test_the_operators_report_has_the_detail() -> None:
    event = samples["Reconstruction Failed"]
    assert isinstance(event, Failure)
    letter = letters.report(event, "prod")
    assert letter.subject == "[Gen3D prod] Reconstruction Failed: inference_failed"
    for body in (letter.text(), Page(letter.html()).text):
        for fact in ("RuntimeError in the decoder", "system", USER, JOB, SESSION, event.metadata.event_id):
            assert fact in body


_words = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=40)


@given(words=st.lists(_words, min_size=7, max_size=7))
def test_nothing_that_is_written_becomes_markup(words: list[str]) -> None:
    subject, paragraph, label, address, name, value, log = words
    letter = Letter(
        subject=f"<script>{subject}",
        paragraphs=(f"<b>{paragraph}",),
        picture=f'"><script>{address}',
        links=((f"<i>{label}", f'"><script>{address}'),),
        facts=((f"<u>{name}", f"</td>{value}"),),
        log=f"</pre>&amp;{log}",
    )
    html = letter.html()
    page = Page(html)
    assert "<script" not in html
    assert escape(subject) in html
    assert page.links == [f'"><script>{address}']
    assert page.pictures[0]["src"] == f'"><script>{address}'
    for word in (f"<b>{paragraph}", f"<i>{label}", f"<u>{name}", f"</td>{value}", f"</pre>&amp;{log}"):
        assert word in page.text
        assert word in letter.text()
