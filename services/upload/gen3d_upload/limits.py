"""What may be uploaded. The API's forms and the checks after it use the same numbers."""

from __future__ import annotations

MAX_BYTES = 20 * 1024 * 1024

MIN_SIDE = 64
MAX_SIDE = 8192
THUMBNAIL_SIDE = 512

MIN_COVERAGE = 0.0005
MAX_COVERAGE = 0.95
SPECK = 0.001
