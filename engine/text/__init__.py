"""Text as libvips draws it: how far lines extend, and the ink of a text node.

Knows nothing of plans beyond that node.
"""

from engine.text.draw import draw
from engine.text.measure import extent, pitch

__all__ = ["draw", "extent", "pitch"]
