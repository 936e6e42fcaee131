"""What the endpoint does: `embed` a photo, `reconstruct` a masked object, `segment` a photo by words.

Files in S3 in, files in S3 out.
"""

from __future__ import annotations

import hashlib
import io
import time
from dataclasses import dataclass

from gen3d_events.inference import (
    MAX_CANDIDATES,
    Candidate,
    DecoderGraph,
    EmbeddingManifest,
    EmbedReply,
    InferenceRequest,
    ReconstructReply,
    Reply,
    Role,
    SegmentReply,
    TensorSpec,
)
from gen3d_events.models import Engine, Task
from PIL import Image

from gen3d_inference import gpu, storage
from gen3d_inference.engines import Detector, Embedding, MaskArray, Photo, Reconstructor, Segmenter
from gen3d_inference.failures import InferenceError, classed
from gen3d_inference.images import mask_array, photo_array
from gen3d_inference.ply import to_ply
from gen3d_inference.telemetry import Figure, about, computing, measure


@dataclass(frozen=True)
class Workshop:
    """The loaded engines, and the bucket that holds the decoders. None: the server has no such task."""

    segmenter: Segmenter | None
    reconstructor: Reconstructor | None
    model_bucket: str
    detector: Detector | None = None

    def run(self, request: InferenceRequest) -> Reply:
        """Compute a request and store its files; doing it twice writes the same. Raises InferenceError."""
        with computing(request), classed():
            match request.task:
                case "embed":
                    return self._embed(request)
                case "reconstruct":
                    return self._reconstruct(request)
                case "segment":
                    return self._segment(request)

    def _embed(self, request: InferenceRequest) -> EmbedReply:
        if self.segmenter is None:
            raise InferenceError("model_unavailable", _elsewhere(request.task))
        clock = _Clock()
        photo = _photo(request)
        clock.lap("Read")
        embedding = self.segmenter.embed(photo)
        seconds = clock.lap("Compute")

        described = manifest(self.segmenter.engine, embedding, request.photo.width, request.photo.height)
        for graph, content in zip(described.decoder, embedding.decoder.values(), strict=True):
            storage.write_once(self.model_bucket, graph.key, content, "application/octet-stream")
            if embedding.licence:
                key = f"{graph.key}.LICENSE"
                storage.write_once(self.model_bucket, key, embedding.licence.encode(), "text/plain")
        embedding_key = f"{request.output_prefix}embedding.safetensors"
        manifest_key = f"{request.output_prefix}manifest.json"
        storage.write(request.bucket, embedding_key, embedding.content, "application/octet-stream")
        storage.write(request.bucket, manifest_key, described.model_dump_json().encode(), "application/json")
        clock.lap("Write")
        _tell(request, self.segmenter.engine, clock, len(embedding.content), embedding.vram_peak)
        return EmbedReply(
            inference_id=request.inference_id,
            engine=self.segmenter.engine,
            manifest_key=manifest_key,
            embedding_key=embedding_key,
            bytes=len(embedding.content),
            seconds=seconds,
        )

    def _reconstruct(self, request: InferenceRequest) -> ReconstructReply:
        if self.reconstructor is None:
            raise InferenceError("model_unavailable", _elsewhere(request.task))
        if request.options is None:
            raise InferenceError("inference_request_invalid", "reconstruct needs options")
        clock = _Clock()
        photo, mask = _photo_and_mask(request)
        clock.lap("Read")
        made = self.reconstructor.reconstruct(photo, mask, request.options.quality, request.options.seed)
        seconds = clock.lap("Compute")

        ply = to_ply(made.splats)
        splat_key = f"{request.output_prefix}splat.ply"
        glb_key = f"{request.output_prefix}model.glb" if made.glb else None
        storage.write(request.bucket, splat_key, ply, "application/octet-stream")
        if made.glb and glb_key:
            storage.write(request.bucket, glb_key, made.glb, "model/gltf-binary")
        clock.lap("Write")
        _tell(request, self.reconstructor.engine, clock, len(ply), made.vram_peak)
        return ReconstructReply(
            inference_id=request.inference_id,
            engine=self.reconstructor.engine,
            splat_key=splat_key,
            bytes=len(ply),
            gaussians=len(made.splats),
            seconds=seconds,
            pose=made.pose,
            glb_key=glb_key,
        )

    def _segment(self, request: InferenceRequest) -> SegmentReply:
        if self.detector is None:
            raise InferenceError("model_unavailable", _elsewhere(request.task))
        if request.text is None:
            raise InferenceError("inference_request_invalid", "segment needs a text")
        clock = _Clock()
        photo = _photo(request)
        clock.lap("Read")
        made = self.detector.detect(photo, request.text, MAX_CANDIDATES)
        seconds = clock.lap("Compute")

        files = [_png(one.mask) for one in made.found]
        candidates = []
        for number, (one, file) in enumerate(zip(made.found, files, strict=True), 1):
            key = f"{request.output_prefix}candidate-{number}.png"
            version = storage.write(request.bucket, key, file, "image/png")
            candidates.append(Candidate(key=key, version_id=version, score=one.score, box=one.box))
        clock.lap("Write")
        _tell(request, self.detector.engine, clock, sum(map(len, files)), made.vram_peak)
        return SegmentReply(
            inference_id=request.inference_id,
            engine=self.detector.engine,
            candidates=tuple(candidates),
            seconds=seconds,
        )


class _Clock:
    """How long the stages of a request take, by name, in seconds."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._since = time.perf_counter()

    def lap(self, stage: str) -> float:
        now = time.perf_counter()
        self.laps[stage], self._since = round(now - self._since, 3), now
        return self.laps[stage]


def _tell(request: InferenceRequest, engine: Engine, clock: _Clock, size: int, vram_peak: int | None) -> None:
    peak = gpu.peak_bytes() if vram_peak is None else vram_peak
    measure(
        engine.name,
        *(Figure(f"Inference.{stage}", seconds, "Seconds") for stage, seconds in clock.laps.items()),
        Figure("Inference.ResultSize", size, "Bytes"),
        *(() if peak is None else (Figure("Inference.VramPeak", peak, "Bytes"),)),
        **about(request),
    )


def _elsewhere(task: Task) -> str:
    return f"GEN3D_TASKS of this server leaves out {task}; the request belongs to another endpoint"


def manifest(engine: Engine, embedding: Embedding, width: int, height: int) -> EmbeddingManifest:
    """What a client must know of the embedding of a photo of width x height px."""
    return EmbeddingManifest(
        engine=engine,
        photo_width=width,
        photo_height=height,
        input_width=embedding.input_size[0],
        input_height=embedding.input_size[1],
        preprocessing=embedding.preprocessing,
        mask_width=embedding.mask_size[0],
        mask_height=embedding.mask_size[1],
        embedding_sha256=hashlib.sha256(embedding.content).hexdigest(),
        tensors=tuple(
            TensorSpec.model_validate({"name": name, "shape": tensor.shape, "dtype": tensor.dtype.name})
            for name, tensor in embedding.tensors.items()
        ),
        decoder=tuple(_graph(role, content) for role, content in embedding.decoder.items()),
    )


def _graph(role: Role, content: bytes) -> DecoderGraph:
    digest = hashlib.sha256(content).hexdigest()
    return DecoderGraph(role=role, key=f"decoders/{digest}.onnx", sha256=digest, bytes=len(content))


def _png(mask: MaskArray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(mask).convert("L").save(file, "PNG")
    return file.getvalue()


def _photo(request: InferenceRequest) -> Photo:
    photo = request.photo
    return photo_array(storage.read(request.bucket, photo.key, photo.version_id), photo.width, photo.height)


def _photo_and_mask(request: InferenceRequest) -> tuple[Photo, MaskArray]:
    photo, mask = request.photo, request.mask
    if mask is None:
        raise InferenceError("inference_request_invalid", "reconstruct needs a mask")
    files = storage.read_all(request.bucket, (photo.key, photo.version_id), (mask.key, mask.version_id))
    return photo_array(files[0], photo.width, photo.height), mask_array(files[1], photo.width, photo.height)
