"""What the endpoint does: `embed` a photo, `reconstruct` a masked object. Files in S3 in, files in S3 out."""

from __future__ import annotations

import hashlib
import logging
import time
from dataclasses import dataclass

from gen3d_events.inference import (
    DecoderGraph,
    EmbeddingManifest,
    EmbedReply,
    InferenceRequest,
    ReconstructReply,
    Role,
    TensorSpec,
)
from gen3d_events.models import Engine

from gen3d_inference import storage
from gen3d_inference.engines import Embedding, MaskArray, Photo, Reconstructor, Segmenter
from gen3d_inference.failures import InferenceError
from gen3d_inference.images import mask_array, photo_array
from gen3d_inference.ply import to_ply

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Workshop:
    """The chosen engines, and the bucket that holds the decoders."""

    segmenter: Segmenter
    reconstructor: Reconstructor
    model_bucket: str

    def run(self, request: InferenceRequest) -> EmbedReply | ReconstructReply:
        """Compute a request and store its files; doing it twice writes the same. Raises InferenceError."""
        try:
            return self._embed(request) if request.task == "embed" else self._reconstruct(request)
        except InferenceError:
            raise
        except MemoryError as error:
            raise InferenceError("inference_out_of_memory", str(error)) from error
        except Exception as error:
            logger.exception("%s failed", request.inference_id)
            raise InferenceError("inference_failed", f"{type(error).__name__}: {error}") from error

    def _embed(self, request: InferenceRequest) -> EmbedReply:
        photo = _photo(request)
        started = time.perf_counter()
        embedding = self.segmenter.embed(photo)
        seconds = time.perf_counter() - started

        described = manifest(self.segmenter.engine, embedding, request.photo.width, request.photo.height)
        for graph, content in zip(described.decoder, embedding.decoder.values(), strict=True):
            storage.write_once(self.model_bucket, graph.key, content, "application/octet-stream")
        embedding_key = f"{request.output_prefix}embedding.safetensors"
        manifest_key = f"{request.output_prefix}manifest.json"
        storage.write(request.bucket, embedding_key, embedding.content, "application/octet-stream")
        storage.write(request.bucket, manifest_key, described.model_dump_json().encode(), "application/json")
        return EmbedReply(
            inference_id=request.inference_id,
            engine=self.segmenter.engine,
            manifest_key=manifest_key,
            embedding_key=embedding_key,
            bytes=len(embedding.content),
            seconds=round(seconds, 3),
        )

    def _reconstruct(self, request: InferenceRequest) -> ReconstructReply:
        if request.options is None:
            raise InferenceError("inference_request_invalid", "reconstruct needs options")
        photo, mask = _photo(request), _mask(request)
        started = time.perf_counter()
        splats = self.reconstructor.reconstruct(photo, mask, request.options.quality, request.options.seed)
        seconds = time.perf_counter() - started

        ply = to_ply(splats)
        key = f"{request.output_prefix}splat.ply"
        storage.write(request.bucket, key, ply, "application/octet-stream")
        return ReconstructReply(
            inference_id=request.inference_id,
            engine=self.reconstructor.engine,
            splat_key=key,
            bytes=len(ply),
            gaussians=len(splats),
            seconds=round(seconds, 3),
        )


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


def _photo(request: InferenceRequest) -> Photo:
    photo = request.photo
    return photo_array(storage.read(request.bucket, photo.key, photo.version_id), photo.width, photo.height)


def _mask(request: InferenceRequest) -> MaskArray:
    if request.mask is None:
        raise InferenceError("inference_request_invalid", "reconstruct needs a mask")
    data = storage.read(request.bucket, request.mask.key, request.mask.version_id)
    return mask_array(data, request.photo.width, request.photo.height)
