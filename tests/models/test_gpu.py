"""Short memory on a GPU, as PyTorch tells it."""

from __future__ import annotations

import pytest
import torch
from gen3d_inference import gpu
from gen3d_inference.failures import InferenceError, classed


def test_a_gpu_without_memory_is_transient() -> None:
    with pytest.raises(InferenceError) as failed, classed():
        raise torch.cuda.OutOfMemoryError("Tried to allocate 20.00 GiB")
    assert (failed.value.code, failed.value.error_class) == ("inference_out_of_memory", "transient")
    assert "20.00 GiB" in failed.value.detail


def test_another_error_of_torch_is_not() -> None:
    with pytest.raises(InferenceError) as failed, classed():
        torch.zeros(2) @ torch.zeros(3)
    assert failed.value.code == "inference_failed"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_there_is_no_peak() -> None:
    assert gpu.peak_bytes() is None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_the_peak_is_of_the_time_since_it_was_last_asked() -> None:
    gpu.peak_bytes()
    torch.zeros(1 << 20, device="cuda")
    peak = gpu.peak_bytes()
    assert peak is not None
    assert peak >= 4 << 20
