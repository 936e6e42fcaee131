"""Meshing: Gaussian splats become a closed, coloured mesh that opens in any viewer."""
