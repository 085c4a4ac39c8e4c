"""Text as libvips draws it: the extents of lines, and the ink of a text layer.

Knows nothing of plans beyond that layer.
"""

from engine.text.draw import draw
from engine.text.measure import line_height, text_extents

__all__ = ["draw", "line_height", "text_extents"]
