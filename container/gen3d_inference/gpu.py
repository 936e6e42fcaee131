"""What the server asks of a GPU. torch is there only if an engine has loaded it into this process."""

from __future__ import annotations

import re
import sys
from typing import Any

_SAID = re.compile(r"CU\w+_STATUS_ALLOC_FAILED|CUDA.*out of memory", re.IGNORECASE)
"""By CUDA and its libraries, when it is not torch that asked for the memory."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the GPU's memory was not enough."""
    cuda = _cuda()
    if cuda is None:
        return False
    said = isinstance(error, RuntimeError) and _SAID.search(str(error)) is not None
    return said or isinstance(error, cuda.OutOfMemoryError)


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
