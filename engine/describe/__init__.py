"""Descriptions of an image: placeholders to show until it is loaded, and its colours.

Knows only a small raster, and nothing about where it comes from.
"""

from engine.describe.description import SIDE, describe

__all__ = ["SIDE", "describe"]
