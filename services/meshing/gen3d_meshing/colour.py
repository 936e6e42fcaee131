"""Colours for the mesh's vertices from the Gaussians around them."""

from __future__ import annotations

import numpy as np

from gen3d_meshing.clean import Cloud, nearest
from gen3d_meshing.splat import Floats

_NEIGHBOURS = 8


def vertex_colours(cloud: Cloud, vertices: Floats) -> Floats:
    """(v, 3) linear RGB in 0..1: the nearest Gaussians' colours, near and opaque ones counting more."""
    index, distance = nearest(cloud.splat.position, vertices, _NEIGHBOURS)
    weight = cloud.splat.opacity[index] / (distance**2 + (cloud.spacing / 2) ** 2)
    light = srgb_to_linear(cloud.splat.colour)[index]
    return np.asarray(np.einsum("vk,vkc->vc", weight, light) / weight.sum(1, keepdims=True))


def srgb_to_linear(colour: Floats) -> Floats:
    """IEC 61966-2-1, decoding. glTF's COLOR_0 is linear; the photo's and the splats' values are sRGB."""
    return np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)


def linear_to_srgb(colour: Floats) -> Floats:
    """IEC 61966-2-1, encoding."""
    bent = 1.055 * np.maximum(colour, 0.0031308) ** (1 / 2.4) - 0.055
    return np.where(colour <= 0.0031308, colour * 12.92, bent)
