"""Writes to a folder what SAM 3 would give for a photo, of random values: manifest, embedding, graphs.

`sam_shaped.py FOLDER PHOTO DECODER FORM`: DECODER is a folder of `gen3d_inference.export_decoder`, FORM
`single` or `split`. The values are smooth, as a photo's are, so that the masks are shapes and not noise.
"""

import sys
from pathlib import Path

import numpy as np
from gen3d_events.models import Engine
from gen3d_inference.engines import Embedding
from gen3d_inference.tasks import manifest
from PIL import Image

FORMS = {"single": {"decode": "single"}, "split": {role: role for role in ("prepare", "mask", "decode")}}
SHAPES = {"image_embed": (256, 72), "high_res_0": (32, 288), "high_res_1": (64, 144)}
"""Channels and px of a side."""
STRENGTH = {"image_embed": 1, "high_res_0": 12, "high_res_1": 4}
"""The finest map leads, or the random upscaling would draw a pattern of its own."""
ENGINE = Engine(name="sam3", version="random weights", weight_free=True)


def main(folder: Path, photo: Path, decoder: Path, form: str) -> None:
    random = np.random.default_rng(5)
    embedding = Embedding(
        tensors={name: STRENGTH[name] * smooth(random, *shape) for name, shape in SHAPES.items()},
        input_size=(1008, 1008),
        mask_size=(288, 288),
        preprocessing="none",
        decoder={role: (decoder / f"{name}.onnx").read_bytes() for role, name in FORMS[form].items()},
    )
    text = manifest(ENGINE, embedding, *Image.open(photo).size).model_dump_json()
    (folder / "manifest.json").write_text(text)
    (folder / "embedding.safetensors").write_bytes(embedding.content)
    for role, graph in embedding.decoder.items():
        (folder / f"{role}.onnx").write_bytes(graph)


def smooth(random, channels, side):
    """[1, channels, side, side] float16, about -1 to 1: 5 x 5 random values, brought to that size."""
    maps = [Image.fromarray(random.standard_normal((5, 5), np.float32)) for _ in range(channels)]
    larger = [np.asarray(it.resize((side, side), Image.Resampling.BICUBIC)) for it in maps]
    return np.stack(larger)[None].astype(np.float16)


if __name__ == "__main__":
    folder, photo, decoder, form = sys.argv[1:]
    main(Path(folder), Path(photo), Path(decoder), form)
