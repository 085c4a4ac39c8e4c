"""Checks of a file before its decoder sees it: of how many parts it is, and that it is not empty.

Knows nothing about libvips.
"""

from engine.sources.checks.capacity import INFLATED, shortage
from engine.sources.checks.drawing import Drawing, check_seconds, survey
from engine.sources.checks.structure import count_parts

__all__ = ["INFLATED", "Drawing", "check_seconds", "count_parts", "shortage", "survey"]
