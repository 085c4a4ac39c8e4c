"""HEIF, the container of AVIF and HEIC: what browsers show and libheif does not.

Knows nothing about libvips.
"""

from engine.sources.heif.av1 import has_full_range
from engine.sources.heif.avif import (
    Levels,
    code_points_of,
    coded_size,
    levels_of,
    mended,
    needs_mending,
    orientation_left,
)
from engine.sources.heif.boxes import read_tables

__all__ = [
    "Levels",
    "code_points_of",
    "coded_size",
    "has_full_range",
    "levels_of",
    "mended",
    "needs_mending",
    "orientation_left",
    "read_tables",
]
