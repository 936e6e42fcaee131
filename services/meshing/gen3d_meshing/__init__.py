"""Meshing: Gaussian splats become a closed, coloured mesh that opens in any viewer."""

import os

# As NumPy is loaded, its OpenBLAS starts a thread for each further core, which then spins in wait of work:
# 0.05 CPU seconds of a cold start. The matrices here are too small for it to have any.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
