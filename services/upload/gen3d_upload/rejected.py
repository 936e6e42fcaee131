"""A person's file that cannot be accepted."""

from __future__ import annotations


class Rejected(Exception):
    """`code` is one of `gen3d_events.codes`; `detail` is for operators."""

    def __init__(self, code: str, detail: str | None = None) -> None:
        super().__init__(code if detail is None else f"{code}: {detail}")
        self.code = code
        self.detail = detail
