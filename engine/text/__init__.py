"""Text as libvips draws it: the extents of lines, where they are wrapped, how layers are painted.

Knows nothing of plans beyond that layer.
"""

from engine.text.measure import TextExtents, line_height, text_extents
from engine.text.paint import painted
from engine.text.wrap import wrapped

__all__ = ["TextExtents", "line_height", "painted", "text_extents", "wrapped"]
