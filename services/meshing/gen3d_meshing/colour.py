"""Colours for the mesh's vertices from the Gaussians around them."""

from __future__ import annotations

import numpy as np

from gen3d_meshing.clean import Cloud, nearest
from gen3d_meshing.splat import Floats

NEIGHBOURS = 12
"""Gaussians that give a place its colour."""

_WIDTH = 0.8  # in spacings: the kernel's standard deviation, about that of a Gaussian's own footprint
_SPARSE = 0.4  # of the farthest neighbour's distance: the kernel is at least so wide


def vertex_colours(cloud: Cloud, vertices: Floats) -> Floats:
    """(v, 3) linear RGB in 0..1: the mean of the nearest Gaussians' colours, weighted by a Gaussian kernel
    and by opacity."""
    index, distance = nearest(cloud.splat.position, vertices, NEIGHBOURS)
    nearness = np.exp(-((distance / kernel_width(cloud, distance)) ** 2) / 2)
    weight = cloud.splat.opacity[index] * nearness
    light = srgb_to_linear(cloud.splat.colour).take(index, axis=0)
    return np.asarray(np.einsum("vk,vkc->vc", weight, light) / weight.sum(1, keepdims=True))


def kernel_width(cloud: Cloud, distance: Floats) -> Floats:
    """(n, 1) the kernel's standard deviation at places whose nearest Gaussians are so far away (n, k)."""
    return np.asarray(np.maximum(_WIDTH * cloud.spacing, _SPARSE * distance[:, -1:]))


def srgb_to_linear(colour: Floats) -> Floats:
    """IEC 61966-2-1, decoding. glTF's COLOR_0 is linear; the photo's and the splats' values are sRGB."""
    return np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)


def linear_to_srgb(colour: Floats) -> Floats:
    """IEC 61966-2-1, encoding."""
    bent = 1.055 * np.maximum(colour, 0.0031308) ** (1 / 2.4) - 0.055
    return np.where(colour <= 0.0031308, colour * 12.92, bent)
