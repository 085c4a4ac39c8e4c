"""Descriptions of an image: placeholders that are shown until it is there, and its colours.

Knows a small raster alone, and nothing of where it comes from.
"""

from engine.describe.description import SIDE, describe

__all__ = ["SIDE", "describe"]
