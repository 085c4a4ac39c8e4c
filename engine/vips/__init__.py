"""libvips: the only import of pyvips, headers, codecs, and idioms on images.

Knows nothing about passes, batches or why a plan looks as it does.
"""

from engine.vips import heic
from engine.vips.binding import Image
from engine.vips.codecs import load, miniature, profile_of, reread
from engine.vips.gif_frames import lacks_pixels
from engine.vips.glyphs import LONGEST_INK, Font, Ink, TooLargeToDraw, ink_of
from engine.vips.header import read_facts
from engine.vips.images import (
    Pixels,
    as_image,
    as_raster,
    bare_srgb,
    black,
    cache_rows,
    cache_tiles,
    faded,
    greatest,
    image_from_numbers,
    image_from_table,
    image_from_words,
    in_bytes,
    interpolator,
    laid_over,
    mask_image,
    rotated,
    three_colours,
    through_profile,
)
from engine.vips.palettes import Palette, colours_of
from engine.vips.warnings import listening, overhearing

__all__ = [
    "LONGEST_INK",
    "Font",
    "Image",
    "Ink",
    "Palette",
    "Pixels",
    "TooLargeToDraw",
    "as_image",
    "as_raster",
    "bare_srgb",
    "black",
    "cache_rows",
    "cache_tiles",
    "colours_of",
    "faded",
    "greatest",
    "heic",
    "image_from_numbers",
    "image_from_table",
    "image_from_words",
    "in_bytes",
    "ink_of",
    "interpolator",
    "lacks_pixels",
    "laid_over",
    "listening",
    "load",
    "mask_image",
    "miniature",
    "overhearing",
    "profile_of",
    "read_facts",
    "reread",
    "rotated",
    "three_colours",
    "through_profile",
]
