"""Reconstruction: an accepted mask and its photo become Gaussian splats."""
