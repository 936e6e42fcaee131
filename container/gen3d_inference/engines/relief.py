"""The weight-free reconstructor: inflates the silhouette and paints it with the photo.

It knows nothing of the object but its outline: the back is the front's mirror image, painted with the front's
colours, blurred the more a place faces away, so that no mirrored writing appears there. The photo is taken as
an orthographic view along +Y with Z up; so the front faces -Y, and a GLB made by (x, y, z) -> (x, z, -y)
shows it upright and facing a viewer at +Z.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from gen3d_events.models import Engine, Quality
from PIL import Image
from scipy.ndimage import distance_transform_edt, gaussian_filter
from scipy.spatial.transform import Rotation

from gen3d_inference.engines import MaskArray, Photo, Reconstruction
from gen3d_inference.engines.inflation import Grid, inflate
from gen3d_inference.engines.surface import Samples, sample
from gen3d_inference.ply import Splats

_GAUSSIANS = {Quality.FAST: 30_000, Quality.BALANCED: 100_000, Quality.HIGH: 200_000}
_DRAFT, _COARSEST, _FINEST = 96, 64, 768
"""Long side of the working grid, px: a draft for counting samples, and the limits of the final one."""
_LONGEST = 1024
"""Long side, px, to which a larger cut-out is reduced before anything else."""
_MARGIN = 3
"""Empty px around the object on the working grid."""
_STAIRS = 0.7
"""Blur that takes the stairs off the mask's outline, px."""

_TANGENTIAL = 0.6
_NORMAL = 0.12
"""Standard deviations of a Gaussian in units of the lattice's spacing."""
_OPACITY = 0.99
_BACK_BLUR = 0.06
"""Standard deviation of the fully blurred colours of the back, as a part of the object's long side."""
_BLEEDING = 3.0
"""Distance from the mask's edge, px, within which the photo's colours may belong to the background."""


class ReliefReconstructor:
    """Splats from a silhouette, without a model. See the module's text."""

    engine = Engine(name="relief", version="1.0", weight_free=True)

    def reconstruct(self, photo: Photo, mask: MaskArray, quality: Quality, seed: int) -> Reconstruction:
        """About 30,000 (fast), 100,000 (balanced) or 200,000 (high) Gaussians; fewer only for outlines so
        thin that the finest grid has no more. The seed shifts the sampling lattice within a px."""
        cutout = _cut_out(photo, mask)
        shift = np.random.default_rng(seed).random(2)
        draft = sample(inflate(_working_grid(cutout, _DRAFT, shift).cover))
        long_side = _DRAFT * np.sqrt(_GAUSSIANS[quality] / max(len(draft.points), 1))
        grid = _working_grid(cutout, int(np.clip(long_side, _COARSEST, _FINEST)), shift)
        samples = sample(inflate(grid.cover))
        return Reconstruction(_splats(samples, _paint(samples, grid)))


@dataclass(frozen=True)
class _CutOut:
    """The object's bounding box of `width` x `height` px, with `pad` px around it.

    cover [h, w]: the mask, 0..1. rgb [h, w, 3]: the photo, 0..1. trust [h, w]: how surely a px shows the
    object and not the background bleeding over its edge, 0..1, positive everywhere inside.
    """

    width: int
    height: int
    pad: int
    cover: Grid
    rgb: Grid
    trust: Grid


@dataclass(frozen=True)
class _WorkingGrid:
    """The cut-out at working size: cover [h, w] and colours [h, w, 3], both 0..1."""

    cover: Grid
    colours: Grid


def _cut_out(photo: Photo, mask: MaskArray) -> _CutOut:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    rgb = Image.fromarray(np.ascontiguousarray(photo[box]))
    inside = Image.fromarray(np.where(mask[box], np.uint8(255), np.uint8(0)))
    if (factor := _LONGEST / max(rgb.size)) < 1:
        size = (max(round(rgb.width * factor), 1), max(round(rgb.height * factor), 1))
        rgb, inside = (image.resize(size, Image.Resampling.BOX) for image in (rgb, inside))
    pad = max(rgb.size) * (_MARGIN + 2) // _COARSEST + 2
    around = ((pad, pad), (pad, pad))
    cover = np.pad(np.asarray(inside, dtype=np.float64) / 255, around)
    depth = distance_transform_edt(cover > 0)
    return _CutOut(
        width=rgb.width,
        height=rgb.height,
        pad=pad,
        cover=cover,
        rgb=np.pad(np.asarray(rgb, dtype=np.float64) / 255, (*around, (0, 0)), mode="edge"),
        trust=np.clip(depth / _BLEEDING, 0.0, 1.0) ** 4,
    )


def _working_grid(cutout: _CutOut, long_side: int, shift: Grid) -> _WorkingGrid:
    """The cut-out scaled so that its long side has `long_side` px."""
    pixel = max(cutout.width, cutout.height) / long_side
    width, height = (int(np.ceil(side / pixel)) + 2 * _MARGIN + 1 for side in (cutout.width, cutout.height))
    left, top = cutout.pad - (_MARGIN + shift) * pixel
    box = (left, top, left + width * pixel, top + height * pixel)

    def resized(values: Grid, filter: Image.Resampling = Image.Resampling.BILINEAR) -> Grid:
        image = Image.fromarray(values.astype(np.float32)).resize((width, height), filter, box)
        return np.asarray(image, dtype=np.float64)

    cover = resized(gaussian_filter(cutout.cover, _STAIRS))
    touched = resized(cutout.cover, Image.Resampling.BOX) > 0
    cover = np.where(touched & ~_near(cover > 0.5, 2 / min(pixel, 1.0)), np.maximum(cover, 0.75), cover)

    trust = resized(cutout.trust)
    weighted = np.stack([resized(cutout.trust * cutout.rgb[..., i]) for i in range(3)], axis=-1)
    sharp = weighted / np.maximum(trust, 1e-9)[..., None]
    trust_around = gaussian_filter(trust, 1.5)[..., None]
    around = gaussian_filter(weighted, (1.5, 1.5, 0)) / np.maximum(trust_around, 1e-9)
    certainty = np.clip(trust, 0.0, 1.0)[..., None]
    return _WorkingGrid(cover=cover, colours=certainty * sharp + (1 - certainty) * around)


def _near(inside: MaskArray, reach: float) -> MaskArray:
    """Which px lie within `reach` px of the inside."""
    if not inside.any():
        return inside
    return np.asarray(distance_transform_edt(~inside) <= reach)


def _paint(samples: Samples, grid: _WorkingGrid) -> Grid:
    """Colours [n, 3] of the samples."""
    sharp = grid.colours.reshape(-1, 3)
    spread = _BACK_BLUR * max(grid.cover.shape)
    cover = grid.cover[..., None]
    around = gaussian_filter(grid.colours * cover, (spread, spread, 0))
    blurred = (around / np.maximum(gaussian_filter(cover, (spread, spread, 0)), 1e-9)).reshape(-1, 3)
    away = np.clip(samples.normals[:, 1:2], 0.0, 1.0)
    blend = samples.blend[:, None]

    def between_pixels(colours: Grid) -> Grid:
        return (1 - blend) * colours[samples.pixel_a] + blend * colours[samples.pixel_b]

    return (1 - away) * between_pixels(sharp) + away * between_pixels(blurred)


def _splats(samples: Samples, colours: Grid) -> Splats:
    """Flat Gaussians that close the gaps of the lattice, in the unit cube with Z up."""
    low, high = samples.points.min(axis=0), samples.points.max(axis=0)
    size = (1 - 1e-6) / max((high - low).max(), 1.0)
    upright = np.array([1.0, 1.0, -1.0])
    normals = samples.normals * upright

    # Seen on the surface, the lattice's square meshes are stretched where it leans away from their axis.
    lattice_axis = np.eye(3)[samples.axis]
    across = np.cross(normals, lattice_axis + 1e-3 * np.roll(lattice_axis, 1, axis=1))
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    steepest = np.cross(across, normals)
    stretch = 1 / np.abs((normals * lattice_axis).sum(axis=1)).clip(min=0.5)
    ones = np.ones_like(stretch)
    spread = np.stack([_TANGENTIAL * stretch, _TANGENTIAL * ones, _NORMAL * ones], axis=1)
    axes = np.stack([steepest, across, normals], axis=2)
    return Splats(
        centres=((samples.points - (low + high) / 2) * size * upright).astype(np.float32),
        scales=(spread * size).astype(np.float32),
        rotations=Rotation.from_matrix(axes).as_quat(scalar_first=True).astype(np.float32),
        opacities=np.full(len(samples.points), _OPACITY, dtype=np.float32),
        colours=np.clip(colours, 0.0, 1.0).astype(np.float32),
    )
