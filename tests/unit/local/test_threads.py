from __future__ import annotations

import threading

import pytest
from gen3d_local import threads
from gen3d_local.children import poll
from gen3d_local.threads import ThreadAgain


@pytest.fixture(autouse=True)
def none_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_idle", [])


def waiting() -> bool:
    return poll(lambda: bool(threads._idle), 5, every=0.001)


def test_a_thread_that_waits_is_used_again_also_after_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    ran: list[tuple[int, str]] = []

    def note(text: str, *, fails: bool = False) -> None:
        ran.append((threading.get_ident(), text))
        if fails:
            raise OSError(text)

    for text in ("first", "second", "third"):
        ThreadAgain(note, (text,), {"fails": text == "second"}, name=text, daemon=True).start()
        assert waiting()
    assert [text for _, text in ran] == ["first", "second", "third"]
    assert len({ident for ident, _ in ran}) == 1
    assert [record.getMessage() for record in caplog.records] == ["second failed"]


def test_what_takes_long_keeps_nothing_else_waiting() -> None:
    go_on, other = threading.Event(), threading.Event()
    long, short = ThreadAgain(go_on.wait), ThreadAgain(other.set)
    long.start()
    short.start()
    assert other.wait(5)
    long.join(0.01)
    assert long.is_alive()
    go_on.set()
    long.join(5)
    assert not long.is_alive()
