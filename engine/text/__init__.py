"""Text as libvips draws it: measuring lines, wrapping them, painting layers.

Knows nothing about plans beyond that layer.
"""

from engine.text.measure import TextExtents, line_height, text_extents
from engine.text.paint import painted
from engine.text.wrap import wrapped

__all__ = ["TextExtents", "line_height", "painted", "text_extents", "wrapped"]
