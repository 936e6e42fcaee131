"""What the models consist of: pinned revisions, and the sha256 of the files of which one is known.

Folders are relative to the weights' folder. facebook/* is given to those who accepted the SAM License on its
page. Revisions and sums are as others use and publish them (docs/models.md says who); the hub is asked for
its own sums too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Repository:
    """Files of a model on the hub. patterns: which, as fnmatch. sha256: by path in the repository."""

    folder: str
    name: str
    revision: str
    patterns: tuple[str, ...]
    sha256: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Download:
    """What lies at an address. path: where it goes."""

    path: str
    url: str

    @property
    def folder(self) -> str:
        return self.path.partition("/")[0]


@dataclass(frozen=True)
class File(_Download):
    """A file at an address."""

    sha256: str


@dataclass(frozen=True)
class Code(_Download):
    """A zip archive of a repository at a commit, unpacked without its outermost folder.

    No sha256 of it is known: what vouches for it is the commit in its address.
    """

    revision: str


Source = Repository | File | Code

SOURCES: tuple[Source, ...] = (
    Repository(
        "sam3",
        "facebook/sam3",
        "3c879f39826c281e95690f02c7821c4de09afae7",
        ("*.json", "*.txt", "LICENSE*", "model.safetensors", "sam3.pt"),
        {"sam3.pt": "9999e2341ceef5e136daa386eecb55cb414446a00ac2b55eb2dfd2f7c3cf8c9e"},
    ),
    File(
        "sam3/bpe_simple_vocab_16e6.txt.gz",
        "https://github.com/openai/CLIP/raw/d05afc436d78f1c48dc0dbf8e5980a9d471f35f6/clip/bpe_simple_vocab_16e6.txt.gz",
        "924691ac288e54409236115652ad4aa250f48203de50a9e4722a6ecd48d6804a",
    ),
    Repository(
        "sam-3d-objects",
        "facebook/sam-3d-objects",
        "2e73555018d2741ccd486e56c24fac41155a1dc6",
        ("checkpoints/*", "LICENSE*"),
        {
            f"checkpoints/{name}": digest
            for name, digest in {
                "pipeline.yaml": "53c3d226b21df85c0bb3d16e6e4fa63abde0d6167525765eb929d02bfa9d358c",
                "ss_generator.ckpt": "225f40479e4cff4f39d6fa14c55be3abad1475bf55b61af3bec1e19ed2f6c146",
                "slat_generator.ckpt": "91529bde8e7daa12d09618a66c319e3a5a6398db6b23b958cedcb1c3f28faabb",
                "ss_decoder.ckpt": "6dac1cd7b7fda5a38e0614fadae441f1794f80e39ea2981f1ac8aff0a7e99340",
                "slat_decoder_gs.ckpt": "f8077c36a06eaf890dd93cda1937411f793dea1eb80b3dd9329f2038ba84a111",
                "slat_decoder_gs_4.ckpt": "731a0eceaa47945b52aa27f650d695b2aea9cc70945751e5609e5cb5b49f0186",
                "slat_decoder_mesh.ckpt": "85907b37b67d8ce5b099a96629bdcfbd873eb407dee6b3aa9a75deb15038db33",
            }.items()
        },
    ),
    Repository(
        "moge",
        "Ruicheng/moge-vitl",
        "ad326bfb61facd6c52b5a825bc1e34d7c97d9672",
        ("model.pt",),
        {"model.pt": "da96b09a0485a3c45a5aa455e67743c8b4efc4dd8437c1f2aa93c2b4303d957f"},
    ),
    File(
        "torch/hub/checkpoints/dinov2_vitl14_reg4_pretrain.pth",
        "https://dl.fbaipublicfiles.com/dinov2/dinov2_vitl14/dinov2_vitl14_reg4_pretrain.pth",
        "36e4deffbaef061a2576705b0c36f93621e2ae20bf6274694821b0b492551b51",
    ),
    Code(
        "torch/hub/facebookresearch_dinov2_main",
        "https://github.com/facebookresearch/dinov2/archive/e1277af2ba9496fbadf7aec6eba56e8d882d1e35.zip",
        "e1277af2ba9496fbadf7aec6eba56e8d882d1e35",
    ),
)
