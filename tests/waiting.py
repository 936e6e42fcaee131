"""Waiting without sleeping blindly: a question is asked until it has an answer or it is too late."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from gen3d_local.children import poll

SECONDS = 60.0
Answer = TypeVar("Answer")


def eventually(question: Callable[[], Answer], seconds: float = SECONDS, what: str = "") -> Answer:
    """The first truthy answer. Raises AssertionError with `what` and the last answer after `seconds`.

    An AssertionError of the question counts as no answer yet, so a block of asserts can be the question.
    """
    answer: Answer | None = None
    refusal: AssertionError | None = None

    def answered() -> bool:
        nonlocal answer, refusal
        try:
            answer = question()
        except AssertionError as error:
            refusal = error
            return False
        refusal = None
        return bool(answer)

    if not poll(answered, seconds, every=0.05) or answer is None:
        name = what or getattr(question, "__name__", "the question")
        raise AssertionError(
            f"{name}: no answer within {seconds:.0f} s; the last one was {refusal or answer!r}"
        )
    return answer
