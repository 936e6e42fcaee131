"""Writes gaussians.ply beside this file by upstream's own class, which is not copied here.

`python write_ply.py FOLDER`, in an environment with torch and plyfile. FOLDER: `representations` of
https://github.com/facebookresearch/sam-3d-objects at commit cf066761706cd02b07e2fc6274570ec8cdafb683, in
sam3d_objects/model/backbone/tdfy_dit; of its package `gaussian` only `gaussian_model.py` and the
`general_utils.py` that it imports are needed. The values are those of test_ply.py.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import torch


def main(folder: str) -> None:
    sys.path.insert(0, folder)
    torch.Tensor.cuda = lambda self: self  # the class puts its constants on a GPU
    made = import_module("gaussian.gaussian_model").Gaussian(
        aabb=[-0.5, -0.5, -0.5, 1, 1, 1], scaling_bias=0.004, mininum_kernel_size=0.0009, device="cpu"
    )
    made.from_xyz(torch.tensor([[0.1, -0.2, 0.3], [-0.4, 0.5, 0.0], [0.25, 0.0, -0.5]]))
    made.from_scaling(torch.tensor([[0.1, 0.2, 0.3], [0.01, 0.02, 0.03], [0.002, 0.002, 0.004]]))
    made.from_rotation(torch.tensor([[1.0, 0, 0, 0], [1.0, -1, 1, -1], [0.6, 0.0, 0.8, 0.0]]))
    made.from_opacity(torch.tensor([[0.5], [0.02], [0.98]]))
    made.from_features(torch.tensor([[[0.0, 1.0, -1.0]], [[0.5, -0.5, 0.25]], [[1.5, 0.0, -1.5]]]))
    made.save_ply(str(Path(__file__).with_name("gaussians.ply")))


if __name__ == "__main__":
    main(sys.argv[1])
