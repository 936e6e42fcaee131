"""What the server asks of a GPU. torch is there only if an engine has loaded it into this process."""

from __future__ import annotations

import sys
from typing import Any


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the GPU's memory was not enough."""
    cuda = _cuda()
    return cuda is not None and isinstance(error, cuda.OutOfMemoryError)


def free() -> None:
    """Give memory back that torch only keeps for itself."""
    if cuda := _cuda():
        cuda.empty_cache()


def peak_bytes() -> int | None:
    """The most memory that this process has used on the GPU since this was last asked; None without one."""
    if (cuda := _cuda()) is None or not cuda.is_available():
        return None
    peak = int(cuda.max_memory_allocated())
    cuda.reset_peak_memory_stats()
    return peak


def _cuda() -> Any:
    torch = sys.modules.get("torch")
    return torch.cuda if torch else None
