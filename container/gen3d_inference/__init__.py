"""The endpoint's server: a photo becomes an embedding, a photo and a mask become Gaussian splats."""
