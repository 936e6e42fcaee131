"""How near and how fast the weight-free engines are at 1024 px: `python -m benchmarks.relief`."""

from __future__ import annotations

import time

import numpy as np
from gen3d_events.models import Quality
from gen3d_inference.engines.classical import ClassicalSegmenter
from gen3d_inference.engines.relief import ReliefReconstructor
from gen3d_inference.ply import to_ply

from tests.unit.inference.solids import Solid, chamfer

SIZE = 1024
SOLIDS = {
    "sphere": Solid(0, (1, 1)),
    "prolate 1.5": Solid(0, (1, 1 / 1.5)),
    "prolate 2": Solid(0, (1, 0.5)),
    "oblate 1.5": Solid(0, (1, 1 / 1.5), oblate=True),
    "oblate 2": Solid(0, (1, 0.5), oblate=True),
    "capsule 1:2": Solid(0.5, (0.5, 0.5)),
    "capsule 1:5": Solid(0.8, (0.2, 0.2)),
}


def main() -> None:
    engine = ReliefReconstructor()
    print(f"{'solid':14}{'quality':10}{'Gaussians':>10}{'Chamfer %':>11}{'CPU s':>7}{'wall s':>8}")
    for name, solid in SOLIDS.items():
        mask, truth = solid.mask(SIZE), solid.surface()
        photo = np.where(mask[..., None], np.uint8(90), np.uint8(240)).repeat(3, axis=-1)
        for quality in Quality:
            wall, cpu = time.perf_counter(), time.process_time()
            splats = engine.reconstruct(photo, mask, quality, seed=42).splats
            to_ply(splats)
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            near = 100 * chamfer(splats.centres.astype(np.float64), truth)
            print(f"{name:14}{quality:10}{len(splats):10}{near:11.2f}{cpu:7.2f}{wall:8.2f}")

    photo = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    wall, cpu = time.perf_counter(), time.process_time()
    ClassicalSegmenter().embed(photo)
    print(f"embed: {time.process_time() - cpu:.2f} CPU s, {time.perf_counter() - wall:.2f} s")


if __name__ == "__main__":
    main()
