"""From where the pictures look at the object, and where their key light stands."""

from __future__ import annotations

import numpy as np

from gen3d_meshing.splat import Floats

AZIMUTH = float(np.radians(32))  # right of the front, which is -y
_ELEVATION = float(np.radians(20))
_DISTANCE = 4.2  # in bounding-box diagonals: a long lens
_FRAME = 0.05  # margin on each side
_KEY = np.array([-0.45, -0.65, 0.62], np.float32) / np.float32(
    1.0071
)  # towards the key light, seen from AZIMUTH


class Camera:
    """Looks from above, `azimuth` rad right of the front, at all of some points (n, 3). The key light stands
    to its left, above."""

    def __init__(self, azimuth: float, points: Floats) -> None:
        low, high = points.min(0), points.max(0)
        centre = (low + high) / 2
        sine, cosine = np.sin(azimuth), np.cos(azimuth)
        flat, rise = np.cos(_ELEVATION), np.sin(_ELEVATION)
        self._forward = np.array([-sine * flat, cosine * flat, -rise], np.float32)
        self._right = np.array([cosine, sine, 0], np.float32)
        self._up = np.cross(self._right, self._forward)
        self.eye = centre - np.float32(_DISTANCE * np.linalg.norm(high - low)) * self._forward
        plane = self._project(points)
        self._side = np.float32(np.ptp(plane, axis=1).max() / (1 - 2 * _FRAME))
        self._corner = (plane.min(1) + plane.max(1) - self._side) / 2
        self.foot = self.place(np.append(centre[:2], low[2])[None])[:, 0].clip(_FRAME, 1 - _FRAME)
        sine, cosine = np.sin(azimuth - AZIMUTH), np.cos(azimuth - AZIMUTH)
        turn = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]], np.float32)
        self.key = turn @ _KEY

    def place(self, points: Floats) -> Floats:
        """(2, n) image positions of points (n, 3), in 0..1, x right and y down."""
        return np.asarray((self._project(points) - self._corner[:, None]) / self._side)

    def rays(self, at: Floats) -> Floats:
        """(3, n) vectors from the eye through image positions (2, n), of length 1 along the camera's axis."""
        x, y = self._corner[:, None] + at * self._side
        axes = zip(self._forward, self._right, self._up, strict=True)
        return np.stack([forward + x * right - y * up for forward, right, up in axes])

    def _project(self, points: Floats) -> Floats:
        right, up, forward = np.stack([self._right, self._up, self._forward]) @ (points - self.eye).T
        return np.stack([right / forward, -up / forward])
