"""The process of one engine: `python -m gen3d_inference.engines.process DESCRIPTOR KIND`.

Started by remote.py with the interpreter of the engine's own environment. It loads the engine, says so over
the socket it was given, and computes one request after another. It ends when the server closes the socket,
also by ending itself.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from gen3d_events.models import Quality

from gen3d_inference import gpu
from gen3d_inference.engines import (
    Detections,
    Embedding,
    EngineUnavailable,
    Photo,
    Reconstruction,
    detector_maker,
    output,
    reconstructor_maker,
    segmenter_maker,
)
from gen3d_inference.engines.wire import (
    Message,
    pack_detections,
    pack_embedding,
    pack_reconstruction,
    packed,
    unpacked,
)
from gen3d_inference.failures import InferenceError, classed

M = TypeVar("M", Embedding, Reconstruction, Detections)

logger = logging.getLogger(__name__)

_MAKERS: dict[str, Callable[[Mapping[str, str]], Callable[[], Any]]] = {
    "segmenter": segmenter_maker,
    "reconstructor": reconstructor_maker,
    "detector": detector_maker,
}


def main(descriptor: int, kind: str) -> None:
    threading.Thread(target=_end_with_the_server, args=(descriptor,), daemon=True).start()
    connection = Connection(descriptor)
    try:
        engine = _MAKERS[kind](os.environ)()
    except EngineUnavailable as error:
        connection.send_bytes(packed({"unavailable": str(error)}))
        sys.exit(1)
    except Exception as error:
        logger.exception("The engine could not be loaded")
        connection.send_bytes(packed({"unavailable": f"{type(error).__name__}: {error}"}))
        sys.exit(1)
    connection.send_bytes(packed({"engine": engine.engine.model_dump()}))
    with contextlib.suppress(EOFError):
        while True:
            message = unpacked(connection.recv_bytes())
            with output.of_request(message.about["request"]):
                answer = _answer(engine, message)
            connection.send_bytes(answer)


def _answer(engine: Any, message: Message) -> bytes:
    try:
        with classed():
            return _computed(engine, message)
    except InferenceError as error:
        logger.warning("Failed", exc_info=error)
        return packed({"code": error.code, "detail": error.detail})


def _computed(engine: Any, message: Message) -> bytes:
    about, arrays = message
    photo: Photo = arrays["photo"]
    if "text" in about:
        return pack_detections(_measured(engine.detect(photo, about["text"], about["most"])))
    if "mask" not in arrays:
        return pack_embedding(_measured(engine.embed(photo)))
    made = engine.reconstruct(photo, arrays["mask"], Quality(about["quality"]), about["seed"])
    return pack_reconstruction(_measured(made))


def _measured(made: M) -> M:
    return replace(made, vram_peak=gpu.peak_bytes())


def _end_with_the_server(descriptor: int) -> None:
    closed = select.poll()
    closed.register(descriptor, select.POLLRDHUP)
    closed.poll()
    os._exit(0)


if __name__ == "__main__":
    handler = logging.StreamHandler()
    handler.setFormatter(output.Formatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.captureWarnings(True)
    main(int(sys.argv[1]), sys.argv[2])
