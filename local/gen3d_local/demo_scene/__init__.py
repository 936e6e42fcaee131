"""A photo of a painted bottle that never existed: geometry, paint, light, and the distance of a mesh from it.

`python -m gen3d_local.demo_scene.render` makes photo.jpg, mask.png and truth.ply anew, the same to the pixel.
"""

from pathlib import Path

SCENE = Path(__file__).parent
"""Where photo.jpg, mask.png and truth.ply lie."""
