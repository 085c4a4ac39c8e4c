"""Checks of a file before its decoder sees it: of how many parts it is, and that it is not empty.

Knows nothing about libvips.
"""

from engine.sources.checks.capacity import INFLATED, shortage
from engine.sources.checks.structure import count_parts

__all__ = ["INFLATED", "count_parts", "shortage"]
