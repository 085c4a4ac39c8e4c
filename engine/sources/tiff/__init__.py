"""TIFF without decoding it: directories, layouts, and which kinds are supported.

Knows nothing about libvips.
"""

from engine.sources.tiff.chunks import chunks_of, clipped, is_cut_short, is_short
from engine.sources.tiff.directory import Directory
from engine.sources.tiff.layout import Chunks, Layout, check_limits, size_in
from engine.sources.tiff.libtiff_fields import is_light, is_stretched, is_subsampled, libtiff_fields
from engine.sources.tiff.memory import decoder_bytes, is_converted
from engine.sources.tiff.old_jpeg import first_page
from engine.sources.tiff.packing import packing_of, palette_of
from engine.sources.tiff.rewriting import Rewritten, rewritten
from engine.sources.tiff.support import check_support
from engine.sources.tiff.tags import Compression, Numbers, Photometric, Tag

__all__ = [
    "Chunks",
    "Compression",
    "Directory",
    "Layout",
    "Numbers",
    "Photometric",
    "Rewritten",
    "Tag",
    "check_limits",
    "check_support",
    "chunks_of",
    "clipped",
    "decoder_bytes",
    "first_page",
    "is_converted",
    "is_cut_short",
    "is_light",
    "is_short",
    "is_stretched",
    "is_subsampled",
    "libtiff_fields",
    "packing_of",
    "palette_of",
    "rewritten",
    "size_in",
]
