"""Fonts: finding them by name, fallback fonts, and the scripts that they cover.

Knows nothing about libvips.
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
