"""Proves an environment before it is deployed: packages, GPU, files, models, and a result that is real."""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import httpx
from gen3d_events.inference import MAX_CANDIDATES
from gen3d_events.models import Quality, Task
from PIL import Image, ImageOps

from gen3d_inference import gpu, settings
from gen3d_inference.engines import (
    Detections,
    Detector,
    Embedding,
    EngineUnavailable,
    MaskArray,
    Photo,
    Reconstruction,
    Reconstructor,
    Segmenter,
    interpreter,
    weights_folder,
)
from gen3d_inference.engines.remote import SOURCES
from gen3d_inference.images import mask_array, photo_array
from gen3d_inference.ply import from_ply, to_ply
from gen3d_inference.warm_up import ball
from gen3d_inference.weights.manifest import WeightsInvalid, verify

State = Literal["ok", "warning", "failed", "not run"]

NEEDS = {"sam3": ("sam3",), "sam3_text": ("sam3",), "sam3d": ("moge", "sam-3d-objects", "torch")}
"""Folders of weights of each engine that has some."""
CHECKPOINTS = {".pt", ".pth", ".ckpt", ".safetensors"}
LEAST_VRAM = 30 << 30
"""Upstream asks for 32 GB, of which a card shows some less."""
EMPTY_BYTES, SMALL_BYTES = 1000, 100_000
"""A file of splats below the first has nothing in it; below the second it is suspiciously small."""


EXAMPLE_TEXT = "object"
"""What a detector is asked for."""


_CODE = {"PYTHONPATH": os.pathsep.join(SOURCES)}
_START_SECONDS = 60


class Check(NamedTuple):
    """One thing that was looked at. criteria: the numbers of those in docs/models.md that it shows."""

    name: str
    state: State
    detail: str
    criteria: tuple[int, ...] = ()


class Example(NamedTuple):
    """What the engines are tried on."""

    photo: Photo
    mask: MaskArray
    seed: int
    output: Path | None

    @staticmethod
    def of(image: Path | None, mask: Path | None, seed: int, output: Path | None) -> Example:
        """From files, or without them a drawn ball. Raises InferenceError and OSError."""
        if image is None or mask is None:
            return Example(*ball(), seed, output)
        data = image.read_bytes()
        with Image.open(io.BytesIO(data)) as opened:
            width, height = ImageOps.exif_transpose(opened).size
        photo = photo_array(data, width, height)
        return Example(photo, mask_array(mask.read_bytes(), width, height), seed, output)


def checks(environment: Mapping[str, str], example: Example) -> Iterator[Check]:
    """Everything, in the order in which one thing needs another; yielded as soon as it is known."""
    try:
        settings.models({"MODEL_BUCKET": "none", **environment})
    except EngineUnavailable as error:
        yield Check("settings", "failed", str(error))
        return
    yield Check("settings", "ok", ", ".join(sorted(_engines(environment).values())))
    for engine in _engines(environment).values():
        yield from _environment(engine, interpreter(environment, engine) or sys.executable, environment)
        if engine in NEEDS:
            yield from _files(engine, weights_folder(environment))
    yield from _results(environment, example)
    yield _served(environment)


def _engines(environment: Mapping[str, str]) -> dict[str, str]:
    kinds: dict[Task, str] = {"embed": "SEGMENTER", "reconstruct": "RECONSTRUCTOR", "segment": "DETECTOR"}
    wanted = settings.tasks(environment)
    return {kind: environment[f"GEN3D_{kind}"] for task, kind in kinds.items() if task in wanted}


def _environment(engine: str, python: str, environment: Mapping[str, str]) -> Iterator[Check]:
    name, criteria = (
        f"{engine}: packages",
        {"sam3": (4, 8), "sam3_text": (4, 8), "sam3d": (5, 8)}.get(engine, ()),
    )
    command = [python, "-m", "gen3d_inference.engines.probe", engine]
    try:
        told = subprocess.run(  # noqa: S603
            command,
            env={**environment, **_CODE},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", None) or str(error)
        yield Check(name, "failed", f"{python}: {said.strip().splitlines()[-1]}", criteria)
        return
    found: dict[str, Any] = json.loads(told)
    versions = {"python": found["python"], **found["packages"]}
    missing = [package for package, version in versions.items() if version is None]
    text = f"missing: {', '.join(missing)}" if missing else ", ".join(f"{k} {v}" for k, v in versions.items())
    yield Check(name, "failed" if missing else "ok", text, criteria)
    if engine in NEEDS:
        yield _gpu(engine, found["gpu"])


def _gpu(engine: str, gpu: Mapping[str, Any] | None) -> Check:
    name = f"{engine}: GPU"
    if gpu is None:
        if engine != "sam3d":
            return Check(name, "warning", "none; two cores of a CPU take some 20 s a photo")
        return Check(name, "failed", "none; it needs one with 32 GB or more")
    text = f"{gpu['name']}, {gpu['bytes'] / (1 << 30):.1f} GiB, CUDA {gpu['cuda']}"
    short = engine == "sam3d" and gpu["bytes"] < LEAST_VRAM
    return Check(name, "failed" if short else "ok", f"{text}; 32 GB are needed" if short else text)


def _files(engine: str, weights: Path) -> Iterator[Check]:
    criteria = {"sam3": (6,), "sam3_text": (6,), "sam3d": (7,)}[engine]
    for folder in NEEDS[engine]:
        found = [path for path in sorted((weights / folder).rglob("*")) if path.suffix in CHECKPOINTS]
        sizes = ", ".join(f"{path.name} {path.stat().st_size / 1e6:,.1f} MB" for path in found)
        text = sizes or f"no {', '.join(sorted(CHECKPOINTS))} under {weights / folder}"
        yield Check(f"{engine}: files of {folder}", "ok" if found else "failed", text, criteria)
    try:
        manifest = verify(weights, NEEDS[engine])
        whole = len(manifest.of(NEEDS[engine]))
        yield Check(f"{engine}: sha256", "ok", f"{whole} files are what the manifest says", criteria)
    except WeightsInvalid as error:
        yield Check(f"{engine}: sha256", "failed", str(error), criteria)


def _results(environment: Mapping[str, str], example: Example) -> Iterator[Check]:
    engines = _engines(environment)
    if engine := engines.get("SEGMENTER"):
        yield from _tried(engine, settings.segmenter(environment), lambda one: _embedded(one, example))
    if engine := engines.get("RECONSTRUCTOR"):
        yield from _tried(
            engine, settings.reconstructor(environment), lambda one: _reconstructed(one, example)
        )
    if engine := engines.get("DETECTOR"):
        yield from _tried(engine, settings.detector(environment), lambda one: _detected(one, example))


def _tried(name: str, make: Callable[[], Any], use: Callable[[Any], Iterator[Check]]) -> Iterator[Check]:
    """Load an engine and use it."""
    criteria = {"sam3": (4, 6), "sam3_text": (4, 6), "sam3d": (5, 7)}.get(name, ())
    started = time.perf_counter()
    try:
        engine = make()
    except Exception as error:
        yield Check(f"{name}: load", "failed", f"{type(error).__name__}: {error}", criteria)
        yield Check(f"{name}: result", "not run", "it did not load", (12,))
        return
    yield Check(f"{name}: load", "ok", f"{time.perf_counter() - started:.1f} s", criteria)
    try:
        yield from use(engine)
    except Exception as error:
        yield Check(f"{name}: result", "failed", f"{type(error).__name__}: {error}", (12,))
    finally:
        if hasattr(engine, "close"):
            engine.close()


def _embedded(segmenter: Segmenter, example: Example) -> Iterator[Check]:
    started = time.perf_counter()
    embedding = segmenter.embed(example.photo)
    shapes = ", ".join(f"{name} {list(tensor.shape)}" for name, tensor in embedding.tensors.items())
    seconds = f"{time.perf_counter() - started:.1f} s{_vram(embedding)}"
    text = f"{seconds}, {shapes}; decoder {', '.join(embedding.decoder)}"
    # Compared, because sums of half precision overflow; NaN is not less than anything.
    flat = [
        name
        for name, tensor in embedding.tensors.items()
        if tensor.size > 1 and not tensor.min() < tensor.max()
    ]
    state: State = "failed" if flat else "ok"
    yield Check(
        f"{segmenter.engine.name}: result", state, f"{text}; flat: {', '.join(flat)}" if flat else text, (12,)
    )


def _reconstructed(reconstructor: Reconstructor, example: Example) -> Iterator[Check]:
    started = time.perf_counter()
    made = reconstructor.reconstruct(example.photo, example.mask, Quality.BALANCED, example.seed)
    seconds = time.perf_counter() - started
    ply = to_ply(made.splats)
    if example.output:
        example.output.write_bytes(ply)
    state, text = judged(ply)
    yield Check(f"{reconstructor.engine.name}: result", state, f"{seconds:.1f} s{_vram(made)}; {text}", (12,))


def _detected(detector: Detector, example: Example) -> Iterator[Check]:
    started = time.perf_counter()
    made = detector.detect(example.photo, EXAMPLE_TEXT, MAX_CANDIDATES)
    seconds = f"{time.perf_counter() - started:.1f} s{_vram(made)}"
    text = f"{seconds}, {len(made.found)} candidates for {EXAMPLE_TEXT}"
    # What is in a photo of the user's own is not known, so none is no failure.
    yield Check(f"{detector.engine.name}: result", "ok" if made.found else "warning", text, (12,))


def _vram(made: Embedding | Reconstruction | Detections) -> str:
    peak = made.vram_peak or gpu.peak_bytes()
    return f", {peak / (1 << 30):.1f} GiB of VRAM" if peak else ""


def judged(ply: bytes) -> tuple[State, str]:
    """Whether a file of splats is one, and large enough to be a result."""
    try:
        count = len(from_ply(ply))
    except ValueError as error:
        return "failed", f"no PLY file of splats: {error}"
    text = f"{count:,} Gaussians, {len(ply):,} bytes"
    if len(ply) < EMPTY_BYTES:
        return "failed", f"{text}: nothing is in it"
    return ("warning", f"{text}: very few") if len(ply) < SMALL_BYTES else ("ok", text)


def _served(environment: Mapping[str, str]) -> Check:
    """Whether the server, started as in the image, answers on a port. It is ended before its models load."""
    port = _free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "gen3d_inference.server", "serve"],
        env={"MODEL_BUCKET": "none", **environment, **_CODE, "HOST": "127.0.0.1", "PORT": str(port)},
        stdout=subprocess.DEVNULL,
    )
    try:
        answer = _answer(f"http://127.0.0.1:{port}/ping", server)
    finally:
        server.terminate()
        server.wait()
    if answer is None:
        return Check("server", "failed", "it ended, or did not answer within a minute", (2, 3, 8))
    failed = answer.is_server_error and answer.status_code != httpx.codes.SERVICE_UNAVAILABLE
    text = f"/ping says {answer.status_code}, {answer.text}"
    return Check("server", "failed" if failed else "ok", text, (2, 3, 8))


def _answer(address: str, server: subprocess.Popen[bytes]) -> httpx.Response | None:
    deadline = time.monotonic() + _START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        try:
            return httpx.get(address, timeout=10, trust_env=False)
        except httpx.TransportError:
            time.sleep(0.1)
    return None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
