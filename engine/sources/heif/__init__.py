"""HEIF, the container of AVIF and HEIC: what browsers show and libheif does not.

Knows nothing about libvips.
"""

from engine.sources.heif.av1 import has_full_range
from engine.sources.heif.avif import (
    Levels,
    code_points_of,
    coded_size,
    is_premultiplied,
    is_subsampled,
    levels_of,
    mended,
    needs_mending,
    orientation_left,
)
from engine.sources.heif.boxes import Tables, ends_of_boxes, entries, read_tables
from engine.sources.heif.item_types import with_ascii_types

__all__ = [
    "Levels",
    "Tables",
    "code_points_of",
    "coded_size",
    "ends_of_boxes",
    "entries",
    "has_full_range",
    "is_premultiplied",
    "is_subsampled",
    "levels_of",
    "mended",
    "needs_mending",
    "orientation_left",
    "read_tables",
    "with_ascii_types",
]
