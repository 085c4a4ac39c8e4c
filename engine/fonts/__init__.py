"""Fonts: which there are, which one a name means, fallback fonts, scripts.

Knows nothing of libvips.
"""

from engine.fonts.clusters import clusters
from engine.fonts.font_files import Face, Style, read_folder
from engine.fonts.scripts import SAMPLES, scripts_of
from engine.fonts.typefaces import FOLDER, TYPEFACES, add_fonts

__all__ = [
    "FOLDER",
    "SAMPLES",
    "TYPEFACES",
    "Face",
    "Style",
    "add_fonts",
    "clusters",
    "read_folder",
    "scripts_of",
]
